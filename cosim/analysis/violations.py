"""Broken limits in other lights: filtered, by element, by hour of the day, as episodes. Pure functions from
frames (the table `violations`) to frames; nothing is read, printed or changed."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from cosim.core.arrays import FloatArray
from cosim.errors import InputError, Problem

if TYPE_CHECKING:
    import pandas as pd

KINDS = ("undervoltage", "overvoltage", "line_overload", "transformer_overload", "diverged")


def select(
    frame: pd.DataFrame,
    *,
    kinds: Sequence[str] = (),
    elements: Sequence[str] = (),
    start: str = "",
    end: str = "",
    hours: tuple[float, float] | None = None,
) -> pd.DataFrame:
    """The violations that pass every filter that is given.

    Args:
        frame: The table `violations`.
        kinds: Kinds of violation, any of them.
        elements: Names of elements, any of them; `*` and `?` stand for any text and any character.
        start: First instant, "2016-01-07" or "2016-01-07 18:00", local time of the scenario.
        end: First instant that is not taken any more.
        hours: From the first to before the second hour of the day, local time; (22, 6) is the night.

    Raises:
        InputError: with every filter that cannot be understood or names what does not exist.
    """
    problems = [*_unknown_kinds(kinds), *_unknown_elements(frame, elements), *_wrong_hours(hours)]
    keep = np.ones(len(frame), dtype=bool)
    for text, option in ((start, "--from"), (end, "--to")):
        if text:
            try:
                moment = _moment(text, frame)
            except ValueError:
                problems.append(
                    Problem(f"{text!r} is not a time", "write 2016-01-07 or '2016-01-07 18:00'", path=option)
                )
                continue
            keep &= (frame["time"] >= moment if option == "--from" else frame["time"] < moment).to_numpy()
    if problems:
        raise InputError(problems)
    if kinds:
        keep &= frame["kind"].isin(list(kinds)).to_numpy()
    if elements:
        names = frame["name"].astype(str)
        chosen = {name for name in names.unique() if any(fnmatch.fnmatchcase(name, one) for one in elements)}
        keep &= names.isin(chosen).to_numpy()
    if hours is not None:
        first, last = hours
        hour = _hour_of_day(frame)
        keep &= (hour >= first) & (hour < last) if first < last else (hour >= first) | (hour < last)
    return frame.loc[keep]


def parse_hours(text: str) -> tuple[float, float] | None:
    """From and to of `17-20`; None for no text.

    Raises:
        InputError: if it is no span of hours.
    """
    if not text:
        return None
    first, dash, last = text.partition("-")
    try:
        if dash:
            return float(first), float(last)
    except ValueError:
        pass
    raise InputError(Problem(f"{text!r} is not a span of hours", "write for example 17-20", path="--hours"))


def by_element(frame: pd.DataFrame, step_hours: float) -> pd.DataFrame:
    """One row for each element and kind: hours broken, episodes, the worst value and when; most hours first.

    Args:
        frame: The table `violations`, or a part of it.
        step_hours: Time between two power flows [h].
    """
    import pandas as pd

    if frame.empty:
        return pd.DataFrame(columns=pd.Index(_ELEMENT_COLUMNS))
    plain = _plain(frame)
    worst = plain.loc[_worst_rows(plain, ["community", "kind", "name"])]
    groups = plain.groupby(["community", "kind", "name"], sort=True)
    found = pd.DataFrame(
        {
            "hours": groups.size() * step_hours,
            "episodes": groups["episode"].nunique(),
            "longest_h": groups["duration_h"].max(),
            "first": groups["time"].min(),
            "last": groups["time"].max(),
        }
    ).reset_index()
    worst = worst[["community", "kind", "name", "value", "limit", "excess", "time"]]
    worst = worst.rename(columns={"time": "worst_time"})
    found = found.merge(worst, on=["community", "kind", "name"], validate="one_to_one")
    found["severity"] = _severity(found)
    found = found.sort_values(
        ["hours", "severity", "community", "kind", "name"], ascending=[False, False, True, True, True]
    )
    return found[_ELEMENT_COLUMNS].reset_index(drop=True)


_ELEMENT_COLUMNS = [
    "community",
    "kind",
    "name",
    "hours",
    "episodes",
    "longest_h",
    "value",
    "limit",
    "excess",
    "severity",
    "worst_time",
    "first",
    "last",
]


def by_hour(frame: pd.DataFrame) -> pd.DataFrame:
    """How many limits are broken in each hour of the day (index 0 to 23, local time), one column a kind, in
    the order of `KINDS`; kinds that never occur are left out."""
    import pandas as pd

    hour = pd.Series(_hour_of_day(frame).astype(int), name="hour")
    kind = pd.Series(frame["kind"].astype(str).to_numpy(), name="kind")
    table = pd.crosstab(hour, kind).reindex(range(24), fill_value=0)
    return table[[name for name in KINDS if name in table.columns]].rename_axis(columns=None)


def element_by_hour(frame: pd.DataFrame, step_hours: float, most: int = 30) -> pd.DataFrame:
    """Hours broken by element (rows, at most `most`, worst first) and hour of the day (columns 0 to 23)."""
    import pandas as pd

    name = pd.Series(frame["name"].astype(str).to_numpy(), name="name")
    hour = pd.Series(_hour_of_day(frame).astype(int), name="hour")
    table = pd.crosstab(name, hour).reindex(columns=range(24), fill_value=0) * step_hours
    order = table.sum(axis=1).sort_values(ascending=False, kind="stable").index[:most]
    return table.loc[order]


def episodes(frame: pd.DataFrame, step_hours: float) -> pd.DataFrame:
    """One row for each episode, in the order in which they began: start, end, duration, worst value."""
    plain = _plain(frame)
    keys = ["community", "episode"]
    worst = plain.loc[_worst_rows(plain, keys)].set_index(keys)
    groups = plain.groupby(keys, sort=True)
    found = worst[["kind", "name", "value", "limit", "excess"]].copy()
    found["worst_time"] = worst["time"]
    found["start"] = groups["time"].min()
    found["end"] = groups["time"].max() + _hours(step_hours)
    found["duration_h"] = groups["duration_h"].max()
    found = found.reset_index().sort_values(["start", "community", "episode"])
    order = [*keys, "kind", "name", "start", "end", "duration_h", "value", "limit", "excess", "worst_time"]
    return found[order].reset_index(drop=True)


def worst(frame: pd.DataFrame, count: int) -> pd.DataFrame:
    """The `count` rows furthest beyond their limits. Voltages and loadings are compared by their excess
    relative to the limit; power flows that did not converge come first."""
    order = np.argsort(-_severity(frame), kind="stable")
    return frame.iloc[order[:count]]


def _severity(frame: pd.DataFrame) -> FloatArray:
    """Excess relative to the limit; infinite for a power flow that did not converge."""
    excess = frame["excess"].to_numpy(float)
    limit = frame["limit"].to_numpy(float)
    diverged = frame["kind"].astype(str).to_numpy() == "diverged"
    relative = np.divide(excess, limit, out=np.zeros(len(frame)), where=~diverged & (limit != 0))
    severity: FloatArray = np.where(diverged, np.inf, relative)
    return severity


def _worst_rows(frame: pd.DataFrame, keys: list[str]) -> pd.Series[int]:
    """Label of the row with the greatest excess in each group; the first one where none has any."""
    return frame["excess"].fillna(-1.0).groupby([frame[key] for key in keys], sort=True).idxmax()


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Names as texts (groups of categories would include those that do not occur), rows numbered."""
    plain = frame.reset_index(drop=True)
    plain = plain.assign(**{name: plain[name].astype(str) for name in ("community", "kind", "name")})
    if "duration_h" not in plain:  # of a run that did not come to its end: as long as they lasted by then
        plain["duration_h"] = plain.groupby(["community", "episode"])["lasted_h"].transform("max")
    return plain


def _hour_of_day(frame: pd.DataFrame) -> FloatArray:
    time = frame["time"].dt
    hour: FloatArray = (time.hour + time.minute / 60.0).to_numpy(float)
    return hour


def _hours(hours: float) -> pd.Timedelta:
    import pandas as pd

    return pd.Timedelta(hours=hours)


def _moment(text: str, frame: pd.DataFrame) -> pd.Timestamp:
    import pandas as pd

    moment = pd.Timestamp(text)
    if pd.isna(moment):
        raise ValueError(text)
    if moment.tzinfo is not None:
        return moment
    # Where clocks are put back, the earlier of two such hours; where they are put forward, the next that is.
    return moment.tz_localize(frame["time"].dt.tz, ambiguous=True, nonexistent="shift_forward")


def _unknown_kinds(kinds: Sequence[str]) -> list[Problem]:
    return [
        Problem(f"unknown kind {kind!r}", f"valid: {', '.join(KINDS)}", path="--kind")
        for kind in kinds
        if kind not in KINDS
    ]


def _unknown_elements(frame: pd.DataFrame, elements: Sequence[str]) -> list[Problem]:
    known = sorted(set(frame["name"].astype(str)))
    found = []
    for element in elements:
        if fnmatch.filter(known, element) or element in known:
            continue
        close = difflib.get_close_matches(element, known, n=1, cutoff=0.6)
        remedy = f"did you mean {close[0]!r}?" if close else "cosim violations RUN lists those that did"
        found.append(Problem(f"no element named {element!r} broke a limit", remedy, path="--element"))
    return found


def _wrong_hours(hours: tuple[float, float] | None) -> list[Problem]:
    if hours is None or (0 <= hours[0] < 24 and 0 <= hours[1] <= 24 and hours[0] != hours[1]):
        return []
    message = f"{hours[0]:g} to {hours[1]:g} are not hours of a day"
    return [Problem(message, "write 17-21, or 22-6 for a night", path="--hours")]
