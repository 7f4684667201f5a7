"""Deferrable load: a job with an energy, a duration and a daily window in which it has to be done, such as a
dishwasher or a pool pump. Whether there is a job is drawn day by day.

With n = duration / h periods (rounded up) and step = energy / n, a job draws at most one step in a period.

- Uninterruptible: it waits, then draws a step in each of n periods on end. It starts at the latest n periods
  before the window ends.
- Interruptible: with k periods of the window left after this one it has to draw max(0, missing - k step) now.

So both finish inside the window, whatever is decided. They are the "bakery" and the "battery" of Petersen et
al., "A taxonomy for modeling flexibility and a computationally efficient algorithm for dispatch in smart
grids", American Control Conference, 2013.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Annotated, ClassVar

import numpy as np
from pydantic import model_validator

from cosim.core.arrays import BoolArray, FloatArray, IntArray
from cosim.core.clock import Clock, Period
from cosim.core.config import Config, setting
from cosim.core.draw import AnyDraw, NonNegative, Share, bounds, within
from cosim.core.envelope import Envelope, Store
from cosim.core.records import NET_FORECAST, Field
from cosim.devices.base import Device, Draws, Ranges, Role, Site, State
from cosim.devices.daily import Daily, Span, first_whole, last_whole
from cosim.devices.deferrable_kernel import job_ranges, observe_jobs, whole_steps, work
from cosim.devices.storage import within_range
from cosim.devices.storage_kernel import ROUNDING_KWH

Hour = Annotated[AnyDraw, within(low=0.0, high=24.0)]
DAY_H = 24.0


class DeferrableConfig(Config):
    """A load that can wait."""

    energy_kwh: NonNegative = setting(1.0, unit="kWh", about="Energy of a job.")
    energy_variation: Share = setting(
        0.0, unit="1", about="A job's energy lies within 1 minus to 1 plus this share of energy_kwh."
    )
    duration_h: Annotated[AnyDraw, within(low=0.01, high=DAY_H)] = setting(
        2.0, unit="h", about="How long a job takes, at constant power; counted in whole periods."
    )
    earliest_hour: Hour = setting(8.0, unit="h", about="Local hour at which the window usually opens.")
    latest_hour: Hour = setting(
        22.0, unit="h", about="Local hour by which the job has to be done; of the next day if not later."
    )
    hours_spread: NonNegative = setting(
        1.0, unit="h", about="Standard deviation from day to day of when the window opens and closes."
    )
    runs_per_week: Annotated[AnyDraw, within(low=0.0, high=7.0)] = setting(
        7.0, unit="1", about="Mean number of jobs in a week; at most one is drawn each day."
    )
    interruptible: bool = setting(False, about="May pause; false: once started it runs through.")

    @model_validator(mode="after")
    def _fits(self) -> DeferrableConfig:
        windows = [
            (latest - earliest) % DAY_H or DAY_H
            for earliest, latest in product(bounds(self.earliest_hour), bounds(self.latest_hour))
        ]
        longest = bounds(self.duration_h)[1]
        if longest > min(windows):
            raise ValueError(
                f"a job of {longest:g} h does not fit into a window of {min(windows):g} h "
                "(lower duration_h, or move earliest_hour and latest_hour apart)"
            )
        return self


@dataclass(frozen=True, slots=True)
class Jobs:
    """The windows that are open in a period or come next, and what their jobs are, shape (d,) each."""

    begin: IntArray
    """First period in the window."""
    end: IntArray
    """First period after it."""
    kwh: FloatArray
    """Energy of the job."""
    step_kwh: FloatArray
    """Most of it in a period."""
    possible_kwh: FloatArray
    """As much of it as the window has room for."""


class Windows(Daily):
    """Windows of all jobs: that of day D opens at that day's earliest hour. Without energy on days without a
    job, and where the window opened before the run.

    A window has at least the periods of a job, and ends before the next one opens.

    Args:
        columns: `DeferrableConfig` by name, shape (d,) each.
        periods: Periods that a job takes, shape (d,).
        clock: Time of the run.
        draws: Randomness of the loads.
    """

    def __init__(
        self, columns: Mapping[str, FloatArray], periods: IntArray, clock: Clock, draws: Draws
    ) -> None:
        super().__init__(columns, clock, draws)
        self._periods = periods
        self.jobs = lru_cache(maxsize=4)(self._jobs)
        """The jobs of the spans that are `current` in a period."""

    def _drawn(self, day: int) -> Span:
        c = self._columns
        hours = (c["latest_hour"] - c["earliest_hour"]) % DAY_H
        begin, opens = self._opening(day)
        closes = last_whole(self._moment(day, opens + np.where(hours > 0.0, hours, DAY_H)))
        end = np.minimum(np.maximum(closes, begin + self._periods), self._opening(day + 1)[0])
        draw = self._draws.uniform(2, "job", day)
        drawn = 0.5 * (draw[:, 0] + 1.0) * 7.0 < c["runs_per_week"]
        energy = c["energy_kwh"] * (1.0 + draw[:, 1] * c["energy_variation"])
        there = drawn & (begin >= 0) & (end > begin) & (energy > ROUNDING_KWH)
        return Span(begin, end, np.where(there, energy, 0.0))

    def _opening(self, day: int) -> tuple[IntArray, FloatArray]:
        """First whole period after the window opens, and its local hour after midnight of `day`."""
        hour = self._columns["earliest_hour"] + self._shift(day, 1, "window")[:, 0]
        return first_whole(self._moment(day, hour)), hour

    def possible_kwh(self, job: Span) -> FloatArray:
        """A job's energy, or what its window has room for [kWh], shape (d,)."""
        short = np.minimum(self._periods, job.end - job.begin)
        return np.where(short < self._periods, short * (job.kwh / self._periods), job.kwh)

    def _jobs(self, index: int) -> Jobs:
        job = self.current(index)
        return Jobs(job.begin, job.end, job.kwh, job.kwh / self._periods, self.possible_kwh(job))


class Deferrable(Device):
    """Deferrable loads; state: `done_kwh` (drawn so far by the job whose window is open), and `unserved_kwh`
    (what jobs lacked when their window closed)."""

    kind: ClassVar[str] = "deferrable"
    summary: ClassVar[str] = "load that can wait: a window, an energy, interruptible or not"
    role: ClassVar[Role] = "load"
    Config: ClassVar[type[Config]] = DeferrableConfig
    flexible: ClassVar[bool] = True
    observations: ClassVar[tuple[Field, ...]] = (
        Field("need", "kWh", 0.0, float("inf"), "Energy still missing in the open window."),
        Field("hours_left", "h", 0.0, 48.0, "Hours until the window closes, 0 without a job."),
        Field("must_kwh", "kWh", 0.0, float("inf"), "Energy that has to be drawn now.", NET_FORECAST),
        Field("max_charge_kwh", "kWh", 0.0, float("inf"), "Energy it could draw in this period."),
    )

    def __init__(self, prosumer: IntArray, columns: Mapping[str, FloatArray], site: Site) -> None:
        super().__init__(prosumer, columns, site)
        self._pausing = columns["interruptible"] > 0.0
        in_periods = columns["duration_h"] / site.clock.hours
        self._periods: IntArray = np.maximum(np.ceil(in_periods - 1e-9), 1.0).astype(np.int64)
        self._windows = Windows(columns, self._periods, site.clock, site.draws)

    def initial_state(self) -> State:
        """No job is under way."""
        return {"done_kwh": np.zeros(len(self)), "unserved_kwh": np.zeros(len(self))}

    def ranges(self, state: State, period: Period) -> Ranges:
        """Nothing without a job; else a step at most, and what must be drawn now at least."""
        jobs = self._windows.jobs(period.index)
        span = np.empty((3, len(self)))
        job_ranges(
            period.index,
            jobs.begin,
            jobs.end,
            jobs.step_kwh,
            jobs.possible_kwh,
            self._pausing,
            state["done_kwh"],
            span,
        )
        low, high, minimum = span
        return Ranges(low, low, high, minimum)

    def commit(self, state: State, period: Period, energy_kwh: FloatArray) -> State:
        """Adds to the job; at the end of its window counts what it lacks. Raises AuditError for energy that
        was not in the range, or between nothing and a step where the job cannot be interrupted."""
        span, what = self.possible(state, period), f"period {period.index}: deferrable"
        allowed = np.empty((2, len(self)))
        whole_steps(energy_kwh, span.low_kwh, span.high_kwh, self._pausing, allowed)
        least, most = allowed
        drawn = within_range(energy_kwh, least, most, what)
        jobs = self._windows.jobs(period.index)
        after = np.empty((2, len(self)))
        work(
            period.index,
            jobs.begin,
            jobs.end,
            jobs.kwh,
            drawn,
            state["done_kwh"],
            state["unserved_kwh"],
            after,
        )
        done, unserved = after
        return {"done_kwh": done, "unserved_kwh": unserved}

    def envelope(self, state: State, first: int, count: int) -> Envelope:
        """A store of what the open job has had so far, emptied when its window closes. Its floor is what must
        be done by then. A job that waits may be drawn in parts here: that is the relaxation."""
        shape, row = (count, len(self)), first + np.arange(count)[:, None]
        low, high, inflow = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        floor, full = np.zeros(shape), np.zeros(shape)
        for job in self._windows.between(first, first + count - 1):
            ahead = (job.end > first) & (job.begin < first + count) & (job.kwh > 0.0)
            step, possible = job.kwh / self._periods, self._windows.possible_kwh(job)
            inside = ahead & (row >= job.begin) & (row < job.end)
            later = np.maximum(possible - (job.end - 1 - row) * step, 0.0)
            before_last = inside & (row < job.end - 1)
            floor, full = np.where(before_last, later, floor), np.where(before_last, possible, full)
            closes = ahead & (job.end <= first + count)
            inflow[job.end[closes] - 1 - first, np.flatnonzero(closes)] = -possible[closes]
            running = inside & self._runs(state, job, first)
            steps_left = np.rint((possible - state["done_kwh"]) / np.where(ahead, step, 1.0))
            goes_on = running & (row < first + steps_left)
            low = np.where(goes_on, step, low)
            high = np.where(inside & (goes_on | ~running), step, high)
        store = Store(
            energy_kwh=state["done_kwh"],
            floor_kwh=floor,
            full_kwh=full,
            charge_efficiency=np.ones(len(self)),
            discharge_efficiency=np.ones(len(self)),
            retention=np.broadcast_to(1.0, shape),
            inflow_kwh=inflow,
        )
        return Envelope(self.carrier, low, high, store=store)

    def relaxed(self) -> tuple[str, ...]:
        """Jobs that may not pause."""
        return () if self._pausing.all() else ("a job that may not pause is drawn in parts",)

    def _runs(self, state: State, job: Span, first: int) -> BoolArray:
        """Whether a job is under way that cannot be interrupted, shape (d,)."""
        return ~self._pausing & (state["done_kwh"] > 0.0) & (job.begin < first) & (first < job.end)

    def observe(self, state: State, period: Period, ranges: Ranges) -> FloatArray:
        """What is missing, time left, and what is possible now."""
        jobs = self._windows.jobs(period.index)
        seen = np.empty((len(self), len(self.observations)))
        observe_jobs(
            period.index,
            period.hours,
            jobs.begin,
            jobs.end,
            jobs.possible_kwh,
            state["done_kwh"],
            ranges.base_kwh,
            ranges.high_kwh,
            seen,
        )
        return seen

    def unserved_kwh(self, state: State) -> FloatArray | None:
        """Energy that jobs lacked when their window closed [kWh]."""
        return state["unserved_kwh"]
