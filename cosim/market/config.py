"""Settings of the market of a community, and the names of mechanisms. It must import without numba: the
scenario's schema is built from it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator

from cosim.core.config import Config, setting
from cosim.core.registry import Registry, nearest

MECHANISMS = Registry(
    "market mechanism",
    "cosim.mechanisms",
    {"double-auction": "cosim.market.double_auction:DoubleAuction"},
)
"""Every mechanism that can be named in a scenario."""


def _known(name: str) -> str:
    if ":" not in name and name not in MECHANISMS.names():
        raise ValueError(f"unknown market mechanism {name!r} ({nearest(name, MECHANISMS.names())})")
    return name


class MarketConfig(Config):
    """How electricity is traded between the prosumers of a community."""

    mechanism: Annotated[str, AfterValidator(_known)] = setting(
        "double-auction",
        about="Name of the mechanism, or `module:Class` for one of your own.",
    )
    price: Literal["resting", "midpoint"] = setting(
        "resting",
        about="Price of a trade: that of the order that was in the book first, or halfway from bid to ask.",
    )
    rounds: int = setting(
        1,
        about="How often per period everybody may quote. In each round the orders arrive in random order.",
        ge=1,
        le=1000,
    )
    clear_on_trade: bool = setting(
        False,
        about="Whether a trade cancels every unaccepted quote in the book, as in the experiments of Gode and "
        "Sunder; their owners may quote again.",
    )
    bidding: Literal["reservation", "setpoint"] = setting(
        "reservation",
        about="What policies decide: the value of stored energy, which makes flexible devices conditional "
        "orders, or set-points of the devices, from which the quantity follows.",
    )
