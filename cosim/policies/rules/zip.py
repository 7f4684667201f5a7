"""Zero-intelligence-plus traders (ZIP): every prosumer adapts its margin on each side to what it sees on the
public board, after every round of trading, and keeps it from period to period.

Source: D. Cliff and J. Bruten, "Minimal-intelligence agents for bargaining behaviors in market-based
environments", HP Laboratories technical report HPL-97-141, 1997. There a margin is a share of the limit
price, p = limit x (1 + margin). Here it is a share of the way from the limit price to the far end of the
price band, p = limit + share x (far - limit): the same with far = 0 for a buyer and far = 2 x limit for a
seller.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator

from cosim.core.arrays import BoolArray, FloatArray
from cosim.core.config import Config as Parameters
from cosim.core.config import setting
from cosim.core.records import BUY, SELL
from cosim.errors import PolicyError
from cosim.policies.contract import ASK_MARGIN, BID_MARGIN, Policy, PolicyInputs, RoundView, Shout, Spec

BOARD = 3
"""Most shouts on the public board after a round: last trade, best bid, best ask (`contract.board`)."""
TOWARDS_FAR_END = np.array([-1.0, 1.0])
"""Direction in which a larger margin moves the price, by side (bid, ask)."""


@dataclass(frozen=True, slots=True)
class Traders:
    """Traits of the traders, drawn once; shape (n, 2) each, columns bid and ask."""

    rate: FloatArray
    """Learning rate of the Widrow-Hoff rule."""
    momentum: FloatArray


@dataclass(frozen=True, slots=True)
class Memory:
    """What a trader goes by, kept from shout to shout and from period to period; shape (n, 2) each."""

    share: FloatArray
    """Margin."""
    change: FloatArray
    """Last change of price [EUR/kWh]."""


def price_of(share: FloatArray, limit: FloatArray, far: FloatArray) -> FloatArray:
    """Price of a margin [EUR/kWh]."""
    return limit + share * (far - limit)


def share_of(price: FloatArray, limit: FloatArray, far: FloatArray) -> FloatArray:
    """Margin of a price; 0 where the band has no width."""
    width = far - limit
    share = np.zeros_like(price)
    np.divide(price - limit, width, out=share, where=width != 0.0)
    return share


def direction(shout: Shout, price: FloatArray, active: BoolArray) -> FloatArray:
    """Which way each margin is to move after a shout.

    A larger margin for whoever could have traded at the accepted price, or at a better one for itself; a
    smaller one for active traders whom the shout shows to want too much: the deal went to others, or their
    own side was turned down at a price no better than theirs. Of an accepted shout whose side is not public,
    both sides draw the second conclusion.

    Args:
        shout: The shout.
        price: Own prices, shape (n, 2); NaN where there is none.
        active: Whether there is anything left to trade, shape (n, 2).

    Returns:
        +1 larger margin, -1 smaller margin, 0 none, shape (n, 2).
    """
    wants = np.array([1.0, -1.0]) * (price - shout.price_eur_per_kwh)  # positive: ready to trade at the quote
    move = np.zeros(price.shape)
    if shout.accepted:
        move[wants >= 0.0] = 1.0
        disappointed = np.array([shout.side != BUY, shout.side != SELL])
    else:
        disappointed = np.array([shout.side == BUY, shout.side == SELL])
    move[(wants <= 0.0) & active & disappointed & (move == 0.0)] = -1.0
    return move


def target_price(
    quote: float, move: FloatArray, relative: FloatArray, absolute: FloatArray, scale: FloatArray
) -> FloatArray:
    """Price to aim at, a little beyond the quote in the direction of the move: R x quote + A.

    Args:
        quote: Price of the shout.
        move: Direction of the margin, shape (n, 2).
        relative: Drawn from U[0, 0.05]: R is 1 plus or minus this, shape (n, 2).
        absolute: Drawn from U[0, 0.05]: A is plus or minus this times `scale`, shape (n, 2).
        scale: Unit of prices, shape (n, 2): 1 in the report; the width of the price band here.
    """
    sign = move * TOWARDS_FAR_END
    # A price below zero turns "a little more" round, were it multiplied alone.
    target: FloatArray = quote + sign * (relative * abs(quote) + absolute * scale)
    return target


def widrow_hoff(
    price: FloatArray, target: FloatArray, change: FloatArray, rate: FloatArray, momentum: FloatArray
) -> FloatArray:
    """Change of price by the Widrow-Hoff rule with momentum,
    `momentum x last change + (1 - momentum) x rate x (target - price)`, shape (n, 2)."""
    return momentum * change + (1.0 - momentum) * rate * (target - price)


@dataclass(frozen=True, slots=True)
class Band:
    """Between which prices each trader moves, shape (n, 2) each."""

    limit: FloatArray
    """Own limit price: margin 0; NaN without an order on that side."""
    far: FloatArray
    """Margin 1."""
    scale: FloatArray
    """Unit of prices in which the absolute part of a target is drawn."""
    most: FloatArray
    """Largest margin: 1 where the band ends."""


def hear(
    shout: Shout, memory: Memory, traders: Traders, band: Band, active: BoolArray, draws: FloatArray
) -> Memory:
    """Margins and changes after a shout.

    Args:
        shout: What was heard.
        memory: What each trader goes by until now.
        traders: Their traits.
        band: Their prices.
        active: Whether there is anything left to trade, shape (n, 2).
        draws: Relative and absolute part of the target, not negative, shape (2, n, 2).
    """
    price = price_of(memory.share, band.limit, band.far)
    move = direction(shout, price, active)
    target = target_price(shout.price_eur_per_kwh, move, draws[0], draws[1], band.scale)
    change = widrow_hoff(price, target, memory.change, traders.rate, traders.momentum)
    share = np.clip(share_of(price + change, band.limit, band.far), 0.0, band.most)
    moved = (move != 0.0) & (band.far != band.limit)
    return Memory(np.where(moved, share, memory.share), np.where(moved, change, memory.change))


def _ordered_shares(span: tuple[float, float]) -> tuple[float, float]:
    if not 0.0 <= span[0] <= span[1] <= 1.0:
        raise ValueError(f"range {list(span)} has to be two shares between 0 and 1, the lower one first")
    return span


ShareRange = Annotated[tuple[float, float], AfterValidator(_ordered_shares)]
"""Lowest and highest value of a share that is drawn."""


class ZipConfig(Parameters):
    """Parameters of `zip`, those of the report by default. What is drawn is drawn uniformly."""

    learning_rate: ShareRange = setting((0.1, 0.5), about="Range of the traders' learning rates.")
    momentum: ShareRange = setting((0.0, 0.1), about="Range of the traders' momentum.")
    initial_margin: ShareRange = setting(
        (0.05, 0.35), about="Range of margins at the start, as a share of the way to the far end of the band."
    )
    relative: float = setting(
        0.05, about="How far a target price is at most beyond the quote, as a share of the quote.", ge=0, le=1
    )
    absolute: float = setting(
        0.05, about="The same, as a share of the width of the price band, on top.", ge=0, le=1
    )


class ZeroIntelligencePlus(Policy):
    """One margin a prosumer and side; devices follow the baseline."""

    name = "zip"
    summary = "Adapts its margins to the market after every round (Cliff and Bruten 1997)"
    requotes = True
    needs = ("own", "public")
    Config = ZipConfig
    config: ZipConfig

    def __init__(
        self, spec: Spec, n: int, config: Parameters | None = None, *, seed: int = 0, label: str = ""
    ) -> None:
        super().__init__(spec, n, config, seed=seed, label=label)
        ranges = {
            "initial_margin": self.config.initial_margin,
            "learning_rate": self.config.learning_rate,
            "momentum": self.config.momentum,
        }
        initial, rate, momentum = (
            self.draw(name).uniform(*span, size=(n, 2)) for name, span in ranges.items()
        )
        self.traders = Traders(rate, momentum)
        self.memory = Memory(initial, np.zeros((n, 2)))

    def act(self, inputs: PolicyInputs, explore: bool = True) -> FloatArray:
        """The baseline with the margins as they stand, shape (n, A)."""
        action = inputs.rule_action.copy()
        margins = self._margins()
        for column, name in enumerate((BID_MARGIN, ASK_MARGIN)):
            if self.spec.acts(name):
                action[:, self.spec.action_index(name)] = margins[:, column]
        return action

    def requote(self, view: RoundView) -> FloatArray:
        """Margins after each shout on the board was heard, shape (n, 2)."""
        limit, far = view.reservation_eur_per_kwh, view.far_end_eur_per_kwh
        band = Band(limit, far, np.abs(far - limit), np.ones((self.n, 2)))
        most = np.array([self.config.relative, self.config.absolute])[:, None, None]
        active = view.remaining_kwh > 0.0
        # A full board is drawn for whatever is on it: how much went on so far moves nobody's draws.
        drawn = self.draw("target").random((max(len(view.shouts), BOARD), 2, self.n, 2))
        for shout, draws in zip(view.shouts, most * drawn, strict=False):
            self.memory = hear(shout, self.memory, self.traders, band, active, draws)
        return self._margins()

    def _margins(self) -> FloatArray:
        return 2.0 * np.clip(self.memory.share, 0.0, 1.0) - 1.0

    def state_dict(self) -> dict[str, Any]:
        """Traits and memory besides the generators."""
        own = {**_columns(self.traders), **_columns(self.memory)}
        return {**super().state_dict(), **{key: value.copy() for key, value in own.items()}}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """See `Policy.load_state_dict`."""
        missing = sorted({"rate", "momentum", "share", "change"} - set(state))
        if missing:
            raise PolicyError(f"state of policy {self.name!r} lacks {', '.join(missing)}")
        super().load_state_dict(state)
        self.traders = Traders(np.array(state["rate"]), np.array(state["momentum"]))
        self.memory = Memory(np.array(state["share"]), np.array(state["change"]))


def _columns(record: Traders | Memory) -> dict[str, FloatArray]:
    return {item.name: getattr(record, item.name) for item in fields(record)}
