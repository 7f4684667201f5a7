"""The weather of a community: one place, one course of every quantity, the same for photovoltaics, wind, heat
demand, coefficients of performance and buildings. Where it comes from is the profiles room's."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, Protocol

from cosim.core.arrays import FloatArray

Quantity = Literal["temperature_c", "ghi_w_per_m2", "dni_w_per_m2", "dhi_w_per_m2", "wind_m_per_s"]
"""Air temperature [degC]; global horizontal, direct normal and diffuse horizontal irradiance [W/m2]; wind
speed at 10 m above ground [m/s]."""
QUANTITIES: tuple[Quantity, ...] = (
    "temperature_c",
    "ghi_w_per_m2",
    "dni_w_per_m2",
    "dhi_w_per_m2",
    "wind_m_per_s",
)


class Weather(Protocol):
    """Mean weather of the ticks of a run."""

    @property
    def quantities(self) -> Collection[str]:
        """Names of the quantities that it has."""
        ...

    def values(self, quantity: Quantity, first: int, last: int) -> FloatArray:
        """A quantity in the ticks first to last - 1, shape (last - first,), not to be written to.

        Raises:
            IndexError: if the run has no such ticks.
        """
        ...
