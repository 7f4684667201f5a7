"""What a community can know ahead: its devices over forecasts instead of what will be. It carries no state
but when the forecasts were issued."""

from __future__ import annotations

from dataclasses import dataclass

from cosim.bidding.bidder import Known
from cosim.core.arrays import FloatArray
from cosim.core.clock import Period
from cosim.core.weather import Quantity, Weather
from cosim.devices.fleet import Fleet, FleetState
from cosim.profiles.forecast import Issue
from cosim.settlement.tariffs import TariffBook

FORETOLD: tuple[Quantity, ...] = ("temperature_c", "ghi_w_per_m2", "wind_m_per_s")
"""What a weather forecast tells everybody."""


@dataclass(frozen=True, slots=True)
class Foresight:
    """The devices of a community as they are foreseen."""

    fleet: Fleet
    """Over forecasts; the community's own fleet if these are perfect."""
    issue: Issue | None
    """When the forecasts were issued; None if they are perfect."""
    ticks_per_period: int
    gate_closure: int
    """Periods between the session and the delivery that it is about."""
    weather: Weather | None = None
    """As everybody may know it, forecast; None where nothing tells of it."""

    @property
    def perfect(self) -> bool:
        """Whether what is foreseen is what will be."""
        return self.issue is None

    def look(self, index: int) -> None:
        """Forecasts from now on are those of the beginning of period `index`."""
        if self.issue is not None:
            self.issue.tick = index * self.ticks_per_period
            self.fleet.forget()

    def weather_of(self, first: int, count: int) -> dict[Quantity, FloatArray]:
        """Mean weather of the periods `first` to `first + count - 1`, shape (count,) each; nothing where
        nothing tells of it."""
        if self.weather is None:
            return {}
        ticks = self.ticks_per_period
        return {
            name: self.weather.values(name, first * ticks, (first + count) * ticks)
            .reshape(count, ticks)
            .mean(axis=1)
            for name in FORETOLD
            if name in self.weather.quantities
        }


def known_of(fleet: Fleet, state: FleetState, period: Period, tariffs: TariffBook) -> Known:
    """What is known of a period by a fleet, foreseen or real, that begins it in `state`."""
    return Known(
        fleet.ranges(state, period),
        fleet.inputs(state, period),
        tariffs.prices(period.index),
        # Nobody without a price for gas has a device that burns it (`TariffBook.require_gas`).
        tariffs.known_gas_price(period.index),
    )
