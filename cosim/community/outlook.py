"""The periods ahead as everybody expects them, for policies that plan: forecasts of the own devices, the own
tariff, and the prices that the markets have shown. Who may see which rows is settled in `deciders`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cosim.bidding.bidder import Known
from cosim.bidding.heat_records import HeatLoop, heat_prices
from cosim.community.foresight import Foresight
from cosim.community.public_memory import PublicMemory
from cosim.core.clock import Clock, Period
from cosim.core.envelope import Envelope
from cosim.devices.base import Device, Ranges
from cosim.devices.fleet import FleetState
from cosim.policies.outlook import Outlook, Owned, PublicAhead
from cosim.settlement.tariffs import TariffBook


@dataclass(frozen=True, slots=True)
class Outlooks:
    """Writes the outlook of a whole community."""

    foresight: Foresight
    clock: Clock
    tariffs: TariffBook
    loop: HeatLoop | None
    bands: tuple[tuple[float, float], tuple[float, float] | None]
    """Public bands of electricity and heat prices [EUR/kWh]."""

    def of(
        self, state: FleetState, known: Known, period: Period, memory: PublicMemory, hours: float
    ) -> Outlook:
        """The outlook from a period on.

        Args:
            state: Of the devices when it begins.
            known: What is known of it.
            period: The period that is decided.
            memory: What the markets have shown.
            hours: How far it goes [h], in whole periods, one at least; less far near the end of the run.
        """
        first, n = period.index, self.foresight.fleet.prosumers
        count = min(max(round(hours / period.hours), 1), self.clock.periods - first)
        prices = self.tariffs.ahead(first, count)
        ahead = self.clock.hour_of_day[first : first + count]
        loop = self.loop
        stored = 0.5 * (known.prices.retail_eur_per_kwh + known.prices.feed_in_eur_per_kwh)
        return Outlook(
            period_hours=period.hours,
            devices={
                name: self._owned(device, known, device.envelope(state[name], first, count))
                for name, device in self.foresight.fleet.kinds.items()
            },
            retail=prices.retail_eur_per_kwh,
            feed_in=prices.feed_in_eur_per_kwh,
            bid_ceiling=prices.bid_ceiling_eur_per_kwh,
            ask_floor=prices.ask_floor_eur_per_kwh,
            gas_price=np.nan_to_num(prices.gas_eur_per_kwh),
            market_price=memory.electricity.price_at(ahead),
            heat_market_price=None if memory.heat is None else memory.heat.price_at(ahead),
            heat_loop=np.zeros(n, dtype=bool) if loop is None else loop.member,
            loss_factor=0.0 if loop is None else loop.loss_factor,
            stored_value=stored,
            loop_capacity_kwh=float("inf") if loop is None else loop.capacity_kwh,
            public=PublicAhead(
                utc=self.clock.utc[first : first + count],
                hour_of_day=ahead,
                seen=memory.electricity.known_at(ahead),
                usual_price=memory.electricity.middle_price,
                price_band=self.bands[0],
                usual_heat_price=None if memory.heat is None else memory.heat.middle_price,
                heat_price_band=self.bands[1],
                weather=self.foresight.weather_of(first, count),
            ),
        )

    @staticmethod
    def _owned(device: Device, known: Known, envelope: Envelope) -> Owned:
        """The devices of a kind."""
        span: Ranges = known.ranges[device.kind]
        prices = known.prices if device.carrier == "electricity" else heat_prices(known.prices)
        low, high = device.value_range(
            prices.low_eur_per_kwh[device.prosumer], prices.high_eur_per_kwh[device.prosumer]
        )
        return Owned(
            device.prosumer,
            device.slot,
            device.role,
            envelope,
            span.low_kwh,
            span.base_kwh,
            span.high_kwh,
            low,
            high,
        )
