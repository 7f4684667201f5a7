"""The price-taker: every prosumer plans its own devices over the coming day against the prices that it has
seen, and plans anew in every period. It knows nothing of the others but the public price, and does not think
about what it does to it."""

from __future__ import annotations

import numpy as np

from cosim.core.arrays import FloatArray
from cosim.core.config import Config as Parameters
from cosim.core.config import setting
from cosim.errors import PolicyError
from cosim.policies.contract import Policy, PolicyInputs, Spec
from cosim.policies.outlook import Outlook, action_name
from cosim.policies.planning.actions import planned_action


class PriceTakerConfig(Parameters):
    """Parameters of `price-taker`."""

    horizon_hours: float = setting(24.0, unit="h", about="How far ahead it plans.", gt=0, le=168)
    confidence: float = setting(
        1.0,
        about="Share of its energy that it expects to trade at the market's price; the rest it expects to "
        "settle with the utility. 0: it plans against its tariff alone.",
        ge=0,
        le=1,
    )


class PriceTaker(Policy):
    """Plans each prosumer by itself; margins follow the baseline (own limit price)."""

    name = "price-taker"
    summary = "Plans its own devices over the coming day against the prices it has seen"
    needs = ("own", "public", "outlook")
    Config = PriceTakerConfig
    config: PriceTakerConfig

    def __init__(
        self, spec: Spec, n: int, config: Parameters | None = None, *, seed: int = 0, label: str = ""
    ) -> None:
        super().__init__(spec, n, config, seed=seed, label=label)
        self.horizon_hours = self.config.horizon_hours
        self.expects_prices = self.config.confidence > 0.0

    def act(self, inputs: PolicyInputs, explore: bool = True) -> FloatArray:
        """The first step of each prosumer's plan, shape (n, A)."""
        outlook = inputs.outlook
        if outlook is None:
            raise PolicyError(f"policy {self.name!r} needs an outlook and was given none")
        from cosim.policies.planning.household import plan_households  # numba: not in order to be listed

        buy, sell = expected_prices(outlook, self.config.confidence)
        heat = (None, None) if told_to_run(self.spec, outlook) else expected_heat_prices(outlook)
        plan = plan_households(outlook, buy, sell, *heat)
        net = plan.electricity_kwh[0]
        price = np.where(net > 0.0, buy[0], np.where(net < 0.0, sell[0], 0.5 * (buy[0] + sell[0])))
        energy = {kind: planned[0] for kind, planned in plan.energy_kwh.items()}
        return planned_action(self.spec, inputs, outlook, energy, plan.value, price)


def told_to_run(spec: Spec, outlook: Outlook) -> bool:
    """Whether actions set the heat sources. Then nobody plans to trade heat: whoever leaves its sources off,
    to buy what is cheaper, counts on somebody who runs one for it, and if all do, nobody does."""
    return any(
        owned.role == "conversion" and spec.acts(action_name(kind, 0, "setpoint"))
        for kind, owned in outlook.devices.items()
    )


def expected_prices(outlook: Outlook, confidence: float = 1.0) -> tuple[FloatArray, FloatArray]:
    """What a kWh of electricity is expected to cost and to bring [EUR/kWh], shape (H, n) each.

    With m the market's mean price at that time of day, as last seen, and c the confidence,

        buy  = (1 - c) retail  + c min(retail,  m + (retail - bid_ceiling)),
        sell = (1 - c) feed_in + c max(feed_in, m - (ask_floor - feed_in)),    at most buy:

    the utility is always there, and what a trade costs on top of its price is what keeps the ceiling below
    retail, and the floor above feed-in.
    """
    market = outlook.market_price[:, None]
    bought = np.minimum(outlook.retail, market + (outlook.retail - outlook.bid_ceiling))
    sold = np.maximum(outlook.feed_in, market - (outlook.ask_floor - outlook.feed_in))
    buy = outlook.retail + confidence * (bought - outlook.retail)
    sell = outlook.feed_in + confidence * (sold - outlook.feed_in)
    return buy, np.minimum(sell, buy)


def expected_heat_prices(outlook: Outlook) -> tuple[FloatArray | None, FloatArray | None]:
    """What a kWh of heat is expected to cost where it arrives and to bring where it is given, shape (H, n)
    each; None where no heat is traded. The seller bears the loss."""
    if outlook.heat_market_price is None:
        return None, None
    price = np.repeat(outlook.heat_market_price[:, None], len(outlook), axis=1)
    return price, price * (1.0 - outlook.loss_factor)
