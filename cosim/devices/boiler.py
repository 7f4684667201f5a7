"""Gas boiler: heat from gas at a fixed efficiency, up to its power. gas = heat / efficiency.

Efficiencies are of the lower heating value, so that a condensing boiler may be above 1; the upper bound is
the ratio of natural gas's higher to its lower heating value, 1.11 (DIN V 18599-1). Modulation limits and the
electricity of pump and fan are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from cosim.core.arrays import FloatArray
from cosim.core.carriers import Carrier
from cosim.core.config import Config, setting
from cosim.core.draw import AnyDraw, NonNegative, within
from cosim.devices.conversion import HeatSource, steady


class BoilerConfig(Config):
    """A gas boiler."""

    max_heat_kw: NonNegative = setting(15.0, unit="kW", about="Largest heat output.")
    efficiency: Annotated[AnyDraw, within(low=0.3, high=1.11)] = setting(
        0.96, unit="1", about="Heat per gas burnt, lower heating value (a condensing boiler may exceed 1)."
    )


class Boiler(HeatSource):
    """Boilers that burn gas; no state."""

    kind: ClassVar[str] = "boiler"
    summary: ClassVar[str] = "gas boiler with a fixed efficiency"
    Config: ClassVar[type[Config]] = BoilerConfig
    takes: ClassVar[tuple[Carrier, ...]] = ("gas",)

    def capacity_kwh(self, first: int, count: int) -> FloatArray:
        """Power times time."""
        del first
        return steady(self.columns["max_heat_kw"] * self.site.clock.hours, count)

    def inputs_of(self, first: int, count: int) -> Mapping[Carrier, FloatArray]:
        """Gas alone."""
        del first
        return {"gas": steady(-1.0 / self.columns["efficiency"], count)}
