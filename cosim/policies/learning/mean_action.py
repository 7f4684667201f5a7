"""The mean action: how the others acted in the previous step, as a network reads it. Where it comes from is a
choice of its own, apart from the mean field of the observation."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from cosim.core.arrays import FloatArray
from cosim.errors import PolicyError
from cosim.policies.contract import Everybody, PolicyInputs, Spec
from cosim.policies.learning.mean_field import ASKED, OFFERED, in_band

Source = Literal["public", "true", "none"]
QUOTES = ("best_bid", "best_ask", "mean_price")
"""Prices of the public book that tell where others quote and trade."""


class MeanAction:
    """What the others did while the last decision stood.

    `public`: inferred from the public book. Of every period, the places of the best bid, the best ask and the
    mean price in the own tariff's band (-1 feed-in, +1 retail), which others' margins and values of stored
    energy move, and the balance `(asked for - offered) / (asked for + offered)`, which their devices move;
    the mean of the periods.
    `true`: the mean of what all others really did in the period before, by field of the action (Yang et al.
    2018, below eq. 4). It is an ablation: not private. `none`: nothing.

    Args:
        spec: Names the columns.
        source: Where it comes from.
        hold: Periods for which a decision stands.
    """

    def __init__(self, spec: Spec, source: Source, hold: int) -> None:
        self.source = source
        public = [item.name for item in spec.mean_field]
        self._prices = [public.index(name) for name in QUOTES if name in public]
        self._volumes = (
            [public.index(name) for name in (OFFERED, ASKED)] if {OFFERED, ASKED} <= set(public) else []
        )
        self.names: tuple[str, ...] = ()
        if source == "public":
            prices = tuple(f"others.{public[place]}" for place in self._prices)
            self.names = prices + (("others.balance",) if self._volumes else ())
        elif source == "true":
            self.names = tuple(f"others.{item.name}" for item in spec.action)
        self._past = np.zeros((hold, len(public)))
        self._seen = 0

    def of(self, inputs: PolicyInputs, low: FloatArray, high: FloatArray) -> FloatArray:
        """The mean action before the period that is decided, shape (n, K). Before the first: zeros of `true`,
        and of `public` what the inputs say of a market that has not met yet.

        Args:
            inputs: What is known; its public information is that of the period before.
            low: Lowest feed-in price of the own tariff [EUR/kWh], shape (n,).
            high: Highest retail price [EUR/kWh], shape (n,).
        """
        n = len(inputs)
        if self.source == "true" and inputs.everybody is not None:
            return self._true(inputs.everybody)
        if self.source != "public" or n == 0:
            return np.zeros((n, len(self.names)))
        hold = len(self._past)
        known = np.vstack([self._past[: min(self._seen, hold)], inputs.mean_field[:1]])[-hold:]
        places = in_band(known[:, None, self._prices], low[None, :, None], high[None, :, None]).mean(axis=0)
        if not self._volumes:
            return np.asarray(places)
        offered, asked = known[:, self._volumes].T
        both = offered + asked
        balance = np.divide(asked - offered, both, out=np.zeros_like(both), where=both > 0.0).mean()
        return np.hstack([places, np.full((n, 1), balance)])

    def _true(self, everybody: Everybody) -> FloatArray:
        """The mean of the others, where all of them have the fields that the own prosumers have.

        Raises:
            PolicyError: if others have other fields.
        """
        given, known = everybody.action.shape[1], len(self.names)
        if given != known:
            raise PolicyError(
                f"`mean_action: true` needs one group of prosumers that has all action fields: it has "
                f"{known}, others have {given} (decide for all under one label, or take `public`)"
            )
        return mean_of_others(everybody)

    def remember(self, inputs: PolicyInputs) -> None:
        """Take in the public information of one period."""
        if self.source == "public" and len(inputs):
            self._past = np.roll(self._past, -1, axis=0) if self._seen >= len(self._past) else self._past
            self._past[min(self._seen, len(self._past) - 1)] = inputs.mean_field[0]
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


def mean_of_others(everybody: Everybody) -> FloatArray:
    """Mean action of the N - 1 others of each own prosumer in the period before, shape (n, A); zeros if there
    are none."""
    did, rows = everybody.action, everybody.rows
    return np.asarray((did.sum(axis=0) - did[rows]) / max(len(did) - 1, 1))
