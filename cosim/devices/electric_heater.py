"""Electric heater: a resistance rod that turns electricity into heat. heat = efficiency x electricity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from cosim.core.arrays import FloatArray
from cosim.core.carriers import Carrier
from cosim.core.config import Config, setting
from cosim.core.draw import NonNegative
from cosim.devices.battery import Efficiency
from cosim.devices.conversion import HeatSource, steady


class ElectricHeaterConfig(Config):
    """A heating rod."""

    max_kw: NonNegative = setting(6.0, unit="kW", about="Largest electrical power.")
    efficiency: Efficiency = setting(0.99, unit="1", about="Heat per electricity drawn.")


class ElectricHeater(HeatSource):
    """Heating rods; no state."""

    kind: ClassVar[str] = "electric_heater"
    summary: ClassVar[str] = "electric resistance heater"
    Config: ClassVar[type[Config]] = ElectricHeaterConfig
    takes: ClassVar[tuple[Carrier, ...]] = ("electricity",)

    def capacity_kwh(self, first: int, count: int) -> FloatArray:
        """Electrical power times time and efficiency."""
        del first
        c = self.columns
        return steady(c["max_kw"] * c["efficiency"] * self.site.clock.hours, count)

    def inputs_of(self, first: int, count: int) -> Mapping[Carrier, FloatArray]:
        """Electricity alone."""
        del first
        return {"electricity": steady(-1.0 / self.columns["efficiency"], count)}
