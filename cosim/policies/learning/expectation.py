"""What a learner expects the markets to pay in the periods ahead. A rule that plans takes prices to be what
they were when it was last this time of day; here the difference is learnt, while the run goes on, from what
is public alone: no private number is in it, however prosumers share what they learn, and all of a label
expect the same. Nothing is decided here.

With m(t) the price when it was last that time of day (before it was seen: the usual price u),

    p(t) = m(t) + k u f(x(t)),

f a network, fitted to (p(t) - m(t)) / u with Huber's loss on the days seen so far (the last 200) and cut to
plus or minus 2, and k in [0, 1] the trust in it: the slope of what happened over what f had said beforehand,
so that it is believed as far as it was right (k = 0 at first: the rule as it is). Where a window is gone
through again, its periods are no test of f: trust is judged by those that were not learnt from. p(t) stays
within the public band of prices, widened to what was seen.

Everybody plans against what is expected, and what is expected is fitted to what came of everybody's plans:
where neither changes any more the expectation is rational (Muth, Econometrica 29(3), 1961), which is the
consistency of a mean-field equilibrium (Huang, Malhame and Caines, Commun. Inf. Syst. 6(3), 2006).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.core.arrays import FloatArray
from cosim.core.weather import Quantity
from cosim.errors import PolicyError
from cosim.policies.contract import PolicyInputs, Spec
from cosim.policies.learning.torch_state import plain, tensors
from cosim.policies.outlook import PublicAhead

if TYPE_CHECKING:
    from torch import Tensor

LEADS_H = (0.0, 2.0, 6.0, 12.0, 23.5)
"""How far ahead what was expected is remembered, to be compared with what came [h]."""
HIDDEN = (32, 32)
STEPS, BATCH = 150, 256
"""Steps of Adam once a day, and rows in each."""
RATE, DECAY = 3e-3, 1e-3
"""Step size and weight decay of AdamW."""
MEMORY_DAYS = 200
"""Days that are learnt from."""
BLIND = 0.15
"""Share of rows that are learnt from as if nothing had been seen: on the first day of a run nothing has."""
HUBER = 0.3
"""Errors beyond, in units of the usual price, count in proportion and no longer as squares."""
MOST = 2.0
"""How far an expectation departs from what was seen at most, in units of the usual price."""
FADES_H = 4.0
"""In which time a surprise loses its meaning, by a factor of e [h]."""
FORGETS = 0.9
"""What yesterday counts beside today when trust is judged."""
CAUTION_DAYS = 1.0 / 120.0
"""Mean square of f, times days, that has to be exceeded before it is believed."""
KEEPS_DAYS = 7
"""What was learnt elsewhere is kept as it is until so many days were seen here: a network fitted to a day or
two alone forgets the rest."""
LEAST_DAY = 0.5
"""Share of a day that is learnt from as if it were one when a run ends; less waits for the next run."""
HARMONICS = 4
LEAST_UNIT_EUR_PER_KWH = 0.01
SEEN_NAMES = ("price", "heat_price", "day_price", "surprise", "seen")
WEATHER: Mapping[Quantity, tuple[float, float]] = {
    "temperature_c": (10.0, 10.0),
    "ghi_w_per_m2": (100.0, 200.0),
    "wind_m_per_s": (4.0, 4.0),
}
"""What is read of a weather forecast, with what counts as nothing and what as one; 0 where there is none."""
NAMES = (
    *(f"hour_{what}_{times}" for times in range(1, HARMONICS + 1) for what in ("sin", "cos")),
    "lead",
    *(f"{name}{part}" for name in WEATHER for part in ("", "_mean")),
    *SEEN_NAMES,
)
"""What the network reads of a period."""
MARKETS = ("electricity", "heat")


@dataclass(frozen=True)
class _Rows:
    """Periods that are over: what was known of them, (r, F), what f said and what came, (r, 2) each in units
    of the usual price. What did not come (no trade) is NaN."""

    known: FloatArray
    last: FloatArray
    """Price when it was last that time of day, less the usual one."""
    said: FloatArray
    came: FloatArray
    """Price less the usual one."""
    time_s: FloatArray
    """When each began, in seconds since 1970 (UTC), (r,)."""


class Expectation:
    """Of the markets of one community.

    Args:
        spec: Names the public columns.
        weights: Draws the network's first weights.
        rng: Draws what is learnt from.
    """

    def __init__(self, spec: Spec, weights: np.random.Generator, rng: np.random.Generator) -> None:
        import torch

        from cosim.policies.learning.networks import Networks

        torch.set_num_threads(1)  # it is small and always on the CPU, wherever a learner's networks are
        self.network = Networks(
            "expectation", NAMES, HIDDEN, MARKETS, count=1, rng=weights, device=torch.device("cpu"), last=0.0
        )
        self.trust: Tensor = torch.zeros(len(MARKETS), dtype=torch.float64)
        """k of each market."""
        self._optimiser = torch.optim.AdamW(self.network.parameters, lr=RATE, weight_decay=DECAY, fused=True)
        self._rng = rng
        hours = spec.period_hours or 1.0
        self._per_day = max(round(24.0 / hours), 1)
        self._hours = hours
        self._prices = [_column(spec, prefix + "mean_price") for prefix in ("", "heat.")]
        self._volumes = [_column(spec, prefix + "volume_traded") for prefix in ("", "heat.")]
        self._day_price = _column(spec, "day.mean_price")
        self._days: deque[_Rows] = deque(maxlen=MEMORY_DAYS)
        self._moments: Tensor = torch.zeros((2, len(MARKETS)), dtype=torch.float64)
        """Sums of f times what came and of f times f by rows of a full day, the past fading."""
        self._learnt_s = np.zeros(2)
        """First and last time that was learnt from, in seconds since 1970 (UTC): what lies between is no
        test. Zeros: nothing."""
        self._over: list[FloatArray] = []
        """Rows of periods that are over and were not learnt from yet."""
        self._periods_over = 0
        self._keeps_days = 0
        """Days that are still to be seen before what was learnt elsewhere changes."""
        self.forget()

    def forget(self) -> None:
        """An episode starts over: nothing is expected yet of any period. What was learnt stays, and so does
        what is still to be learnt from."""
        self._period = 0
        self._waiting: dict[int, list[FloatArray]] = {}
        self._shown: FloatArray | None = None
        """Price of the period before when it was last that time of day."""

    # 1. Expect

    def expecting(self, inputs: PolicyInputs, learning: bool) -> PolicyInputs:
        """The same inputs with what is expected in the place of what was seen last.

        Called once a period, before it is decided.

        Args:
            inputs: With an outlook.
            learning: Whether to keep what will be learnt from.

        Raises:
            PolicyError: if there is no outlook, or it says nothing of what is public.
        """
        outlook = inputs.outlook
        if outlook is None or outlook.public is None:
            raise PolicyError("expects prices of periods ahead and was given no outlook of what is public")
        public, heat = outlook.public, outlook.heat_market_price
        usual, unit = _usual(public)
        shown = np.column_stack(
            [outlook.market_price, np.full(outlook.count, usual[1]) if heat is None else heat]
        )
        last = (shown - usual) / unit
        came = (self._paid(inputs) - usual) / unit
        if learning:
            self._settle(came)
        surprise = 0.0 if self._shown is None or np.isnan(came[0]) else came[0] - self._shown[0]
        day = self._day(inputs, usual, unit) if bool(public.seen.any()) else 0.0
        known = self._known(public, last, day, surprise, outlook.period_hours)
        said = self._said(known)
        if learning:
            self._keep(known, last, said, public)
        self._shown, self._period = last[0], self._period + 1
        expected = _within(public, shown, shown + self.trust.numpy() * said * unit)
        return replace(
            inputs,
            outlook=replace(
                outlook,
                market_price=expected[:, 0],
                heat_market_price=None if heat is None else expected[:, 1],
            ),
        )

    def _paid(self, inputs: PolicyInputs) -> FloatArray:
        """Mean prices of the sessions that were held last [EUR/kWh]; NaN where nothing was traded, (2,)."""
        public = inputs.mean_field[0]
        return np.array(
            [
                public[price] if price is not None and volume is not None and public[volume] > 0.0 else np.nan
                for price, volume in zip(self._prices, self._volumes, strict=True)
            ]
        )

    def _day(self, inputs: PolicyInputs, usual: FloatArray, unit: FloatArray) -> float:
        """Price of all that was traded in the last 24 hours, less the usual one, in units."""
        if self._day_price is None:
            return 0.0
        return float((inputs.mean_field[0, self._day_price] - usual[0]) / unit[0])

    def _known(
        self, public: PublicAhead, last: FloatArray, day: float, surprise: float, hours: float
    ) -> FloatArray:
        """What the network reads of the periods ahead, shape (H, F)."""
        count = len(last)
        angle = 2.0 * np.pi / 24.0 * public.hour_of_day
        waves = [wave(times * angle) for times in range(1, HARMONICS + 1) for wave in (np.sin, np.cos)]
        lead = hours * np.arange(count)
        weather: list[FloatArray] = []
        for name, (nothing, one) in WEATHER.items():
            foretold = np.zeros(count)
            if name in public.weather:
                foretold = (public.weather[name] - nothing) / one
            weather += [foretold, np.full(count, foretold[: self._per_day].mean())]
        seen = [last[:, 0], last[:, 1], np.full(count, day)]
        seen += [surprise * np.exp(-lead / FADES_H), np.ones(count)]
        read = np.column_stack([*waves, lead / 24.0, *weather, *seen])
        read[~public.seen, -len(SEEN_NAMES) :] = 0.0
        return read

    def _said(self, known: FloatArray) -> FloatArray:
        """f of some periods, shape (r, 2)."""
        import torch

        with torch.no_grad():
            rows = torch.as_tensor(known.astype(np.float32))[None]
            said: FloatArray = self.network(rows)[0].clamp(-MOST, MOST).numpy().astype(float)
        return said

    # 2. Collect what came

    def _keep(self, known: FloatArray, last: FloatArray, said: FloatArray, public: PublicAhead) -> None:
        """Remember what was expected, until it is over."""
        time_s = public.utc.astype("datetime64[s]").astype(float)
        for lead in sorted({min(round(hours / self._hours), len(known) - 1) for hours in LEADS_H}):
            row = np.concatenate([known[lead], last[lead], said[lead], time_s[lead : lead + 1]])
            self._waiting.setdefault(self._period + lead, []).append(row)

    def _settle(self, came: FloatArray) -> None:
        """The period before is over."""
        rows = self._waiting.pop(self._period - 1, [])
        self._over += [np.concatenate([row, came]) for row in rows]
        self._periods_over += bool(rows)

    @property
    def due(self) -> bool:
        """Whether a day has gone by since it learnt last."""
        return self._periods_over >= self._per_day

    @property
    def left(self) -> bool:
        """Whether most of a day was not learnt from yet."""
        return self._periods_over >= LEAST_DAY * self._per_day

    # 3. Learn

    def learn(self) -> dict[str, float]:
        """Judge what was said of the periods since it learnt last, and learn from all days; metrics."""
        parts = np.split(np.array(self._over), np.cumsum([len(NAMES), 2, 2, 1]), axis=1)
        known, last, said, time_s, came = parts
        day = _Rows(known, last, said, came, time_s[:, 0])
        self._over.clear()
        self._periods_over = 0
        missed = self._judge(day)
        self._days.append(day)
        first, last_s = self._learnt_s
        self._learnt_s = np.array([min(first or np.inf, day.time_s.min()), max(last_s, day.time_s.max())])
        self._keeps_days = max(self._keeps_days - 1, 0)
        fitted = {} if self._keeps_days else {"expectation_loss": self._fit()}
        return fitted | {"expectation_trust": float(self.trust[0])} | missed

    def _judge(self, day: _Rows) -> dict[str, float]:
        """Trust what it says as far as it was right about periods that it had not learnt from."""
        import torch

        before = self.trust.numpy()[0]
        first, last = self._learnt_s
        new = (day.time_s < first) | (day.time_s > last)
        beyond = (day.came - day.last)[new]
        said = np.where(np.isnan(beyond), 0.0, day.said[new])  # where nothing was traded nothing is judged
        if new.any():
            sums = np.stack([said * np.nan_to_num(beyond), said * said]).sum(axis=1)
            self._moments.mul_(FORGETS).add_(torch.as_tensor(sums / (self._per_day * len(LEADS_H))))
            product, square = self._moments
            self.trust.copy_((product / (square + CAUTION_DAYS)).clamp(0.0, 1.0))
        traded = ~np.isnan(beyond[:, 0])
        if not traded.any():
            return {}
        error = beyond[traded, 0] - before * said[traded, 0]
        return {
            "expectation_error": float(np.sqrt(np.square(error).mean())),
            "last_seen_error": float(np.sqrt(np.square(beyond[traded, 0]).mean())),
        }

    def _fit(self) -> float:
        """Steps of Adam on rows of all days; the mean loss."""
        from torch.nn.functional import huber_loss

        total = 0.0
        for read, wanted in zip(*self._drawn(), strict=True):
            found, traded = self.network(read[None])[0], ~wanted.isnan()
            loss = huber_loss(found, wanted.nan_to_num(), reduction="none", delta=HUBER)
            loss = (loss * traded).sum() / traded.sum().clamp(min=1)
            self._optimiser.zero_grad()
            loss.backward()
            self._optimiser.step()
            total += float(loss.detach())
        return total / STEPS

    def _drawn(self) -> tuple[Tensor, Tensor]:
        """Rows of all days drawn for every step, (STEPS, BATCH, F), and what f should say of them, NaN where
        nothing was traded, (STEPS, BATCH, 2)."""
        import torch

        known, last, came = (
            np.concatenate([getattr(day, name) for day in self._days]) for name in ("known", "last", "came")
        )
        chosen = self._rng.integers(len(known), size=(STEPS, BATCH))
        blind = self._rng.random((STEPS, BATCH)) < BLIND
        read = known.astype(np.float32)[chosen]
        read[blind, -len(SEEN_NAMES) :] = 0.0
        seen = last[chosen]
        seen[blind] = 0.0
        return torch.as_tensor(read), torch.as_tensor((came[chosen] - seen).astype(np.float32))

    # What is kept

    def numbers(self) -> dict[str, Tensor]:
        """Every number that learning changes, by name."""
        parts = {f"expectation.{number}": part for number, part in enumerate(self.network.parameters)}
        return parts | self._trusted()

    def _trusted(self) -> dict[str, Tensor]:
        """Trust, and what it rests on, by name."""
        return {"expectation.trust": self.trust, "expectation.moments": self._moments}

    def weights(self) -> dict[str, FloatArray]:
        """What was learnt, by name; a copy."""
        trusted = {name: part.numpy().copy() for name, part in self._trusted().items()}
        return self.network.weights() | trusted | {"expectation.learnt_s": self._learnt_s.copy()}

    def load(self, weights: Mapping[str, FloatArray]) -> None:
        """Take over weights that were learnt elsewhere; they have the names and shapes of `weights`."""
        import torch

        self.network.load(weights)
        for name, part in self._trusted().items():
            part.copy_(torch.as_tensor(weights[name]))
        self._learnt_s = np.array(weights["expectation.learnt_s"])
        self._keeps_days = KEEPS_DAYS if self._learnt_s.any() else 0

    def state(self) -> dict[str, Any]:
        """All but the weights that is needed to go on as if nothing had happened, a copy."""
        return {
            "optimiser": plain(self._optimiser.state_dict()),
            "days": [{name: part.copy() for name, part in vars(day).items()} for day in self._days],
            "period": self._period,
            "periods_over": self._periods_over,
            "keeps_days": self._keeps_days,
            "waiting": {period: [row.copy() for row in rows] for period, rows in self._waiting.items()},
            "over": [row.copy() for row in self._over],
            "shown": None if self._shown is None else self._shown.copy(),
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from `state`."""
        self._optimiser.load_state_dict(tensors(state["optimiser"]))
        self._days.clear()
        self._days.extend(_Rows(**day) for day in state["days"])
        self._period, self._periods_over = int(state["period"]), int(state["periods_over"])
        self._keeps_days = int(state["keeps_days"])
        self._waiting = {int(period): list(rows) for period, rows in state["waiting"].items()}
        self._over = list(state["over"])
        self._shown = None if state["shown"] is None else np.array(state["shown"])


def _column(spec: Spec, name: str) -> int | None:
    """Of a public field; None where there is none."""
    names = [item.name for item in spec.mean_field]
    return names.index(name) if name in names else None


def _usual(public: PublicAhead) -> tuple[FloatArray, FloatArray]:
    """Usual prices of electricity and heat, and what counts as one of each: never quite 0 [EUR/kWh], (2,)."""
    heat = public.usual_price if public.usual_heat_price is None else public.usual_heat_price
    usual = np.array([public.usual_price, heat], dtype=float)
    return usual, np.maximum(np.abs(usual), LEAST_UNIT_EUR_PER_KWH)


def _within(public: PublicAhead, shown: FloatArray, expected: FloatArray) -> FloatArray:
    """Prices cut to the public bands, widened to what was seen, shape (H, 2)."""
    heat = public.price_band if public.heat_price_band is None else public.heat_price_band
    low, high = np.array([public.price_band, heat]).T
    return np.clip(expected, np.minimum(low, shown), np.maximum(high, shown))
