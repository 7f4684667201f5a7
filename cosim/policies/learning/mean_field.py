"""The mean field as learners use it: what stands for all the others. Made from public information alone, of
a size that does not grow with their number; what of it a learner is shown is an object of its own, so that
an ablation replaces it and nothing else.

Prices become places in the own tariff's band, volumes become ratios, so that what was learnt among ten
prosumers has the same scale among a thousand.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from cosim.core.arrays import FloatArray, clipped
from cosim.policies.contract import PolicyInputs, Spec

Kind = Literal["public", "none", "shuffled"]
PRICE_UNIT = "EUR/kWh"
OFFERED, ASKED, TRADED = "volume_offered", "volume_asked_for", "volume_traded"
SHUFFLED_DAYS = 28
"""Days from whose periods `shuffled` draws."""
LIMIT = 3.0
"""Scaled inputs beyond plus or minus this are cut off: one absurd price must not throw a network."""


def in_band(price: FloatArray, low: FloatArray, high: FloatArray) -> FloatArray:
    """Place of a price in a band, -1 at its low and +1 at its high end; 0 where the band is empty."""
    width = high - low
    share = np.divide(price - low, width, out=np.full(np.broadcast(price, low).shape, 0.5), where=width > 0.0)
    return clipped(2.0 * share - 1.0, -LIMIT, LIMIT)


class MeanField:
    """Turns the public columns of `PolicyInputs.mean_field` into what a network reads.

    Of every time that the public information tells of (the last period, the same hour yesterday, hours ahead
    when they were last): each price as its place in the own band; the balance `(asked for - offered) /
    (asked for + offered)`; and, where known, the shares of both volumes that were traded.

    Args:
        spec: Names the columns.
        kind: `public`: all of it. `none`: nothing, the learner is alone in its world (an independent
            learner). `shuffled`: that of another period, drawn from those of the last four weeks: the same
            numbers without their meaning, as an ablation. In the first period, before which there is none,
            its own.
        rng: Draws for `shuffled`.
    """

    def __init__(self, spec: Spec, kind: Kind, rng: np.random.Generator) -> None:
        self.kind = kind
        self._rng = rng
        names = [item.name for item in spec.mean_field]
        self._prices = [place for place, item in enumerate(spec.mean_field) if item.unit == PRICE_UNIT]
        prefixes = [name.removesuffix(OFFERED) for name in names if name.endswith(OFFERED)]
        self._offered = [names.index(prefix + OFFERED) for prefix in prefixes]
        self._asked = [names.index(prefix + ASKED) for prefix in prefixes]
        traded = [prefix for prefix in prefixes if prefix + TRADED in names]
        self._traded = [names.index(prefix + TRADED) for prefix in traded]
        self._of = [prefixes.index(prefix) for prefix in traded]
        self.names: tuple[str, ...] = ()
        if kind != "none":
            self.names = (
                *(names[place] for place in self._prices),
                *(f"{prefix}balance" for prefix in prefixes),
                *(f"{prefix}share_sold" for prefix in traded),
                *(f"{prefix}share_bought" for prefix in traded),
            )
        slots = 1 if spec.period_hours is None else max(round(24.0 * SHUFFLED_DAYS / spec.period_hours), 1)
        self._past = np.zeros((slots if kind == "shuffled" else 0, len(names)))
        self._seen = 0

    def __len__(self) -> int:
        return len(self.names)

    def of(self, inputs: PolicyInputs, low: FloatArray, high: FloatArray) -> FloatArray:
        """The mean field of one period, shape (n, K).

        Args:
            inputs: What is known; the public information is the same in every row.
            low: Lowest feed-in price of the own tariff [EUR/kWh], shape (n,).
            high: Highest retail price [EUR/kWh], shape (n,).
        """
        n = len(inputs)
        if self.kind == "none" or n == 0:
            return np.zeros((n, len(self)))
        public = inputs.mean_field[0]
        if self.kind == "shuffled":
            public = self._another(public)
        offered, asked = public[self._offered], public[self._asked]
        both = offered + asked
        balance = np.divide(asked - offered, both, out=np.zeros_like(both), where=both > 0.0)
        traded = public[self._traded]
        sold, bought = (
            np.divide(traded, whole[self._of], out=np.zeros_like(traded), where=whole[self._of] > 0.0)
            for whole in (offered, asked)
        )
        prices = in_band(public[None, self._prices], low[:, None], high[:, None])
        same = np.clip(np.concatenate([balance, sold, bought]), -1.0, 1.0)
        return np.hstack([prices, np.broadcast_to(same, (n, len(same)))])

    def _another(self, public: FloatArray) -> FloatArray:
        """That of another period."""
        known = self._past[: min(self._seen, len(self._past))]
        others = np.flatnonzero((known != public).any(axis=1))
        return np.asarray(known[others[self._rng.integers(len(others))]] if len(others) else public)

    def remember(self, inputs: PolicyInputs) -> None:
        """Take in the period that is decided."""
        if self.kind == "shuffled" and len(inputs):
            self._past[self._seen % len(self._past)] = inputs.mean_field[0]
            self._seen += 1

    def forget(self) -> None:
        """An episode starts over."""
        self._past[:], self._seen = 0.0, 0

    def state(self) -> dict[str, Any]:
        """What it remembers, a copy."""
        return {"past": self._past.copy(), "seen": self._seen}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        self._past, self._seen = np.array(state["past"], dtype=float), int(state["seen"])
