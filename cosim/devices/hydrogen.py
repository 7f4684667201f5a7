"""Hydrogen store: electrolyser, tank and fuel cell behind one electric terminal. A battery by another name,
with a poor round trip, a large tank, and different powers for drawing and giving.

With e the hydrogen inside [kWh, lower heating value]:  e' = e + eta_el max(x, 0) + min(x, 0) / eta_fc,

the usual model with constant efficiencies, for example Petkov and Gabrielli, "Power-to-hydrogen as seasonal
energy storage", Applied Energy 274, 2020. The defaults lie in the ranges of IEA, "The Future of Hydrogen",
2019, for today's systems: electrolysers 56 to 70 %, fuel cells 50 to 60 % (lower heating value).

Nothing is lost with time. Not modelled: waste heat, the dependence of efficiencies on load, starts, and the
electrolyser's minimum load (`Ranges.minimum_kwh` knows one direction, this device has two).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.config import Config, setting
from cosim.core.draw import NonNegative, Share
from cosim.devices.base import Role, Site, State
from cosim.devices.battery import Efficiency
from cosim.devices.storage import ConnectedStore, Limits


class HydrogenConfig(Config):
    """An electrolyser, a tank and a fuel cell."""

    electrolyser_kw: NonNegative = setting(5.0, unit="kW", about="Largest power that the electrolyser draws.")
    electrolyser_efficiency: Efficiency = setting(
        0.65, unit="1", about="Hydrogen (lower heating value) per electricity drawn."
    )
    tank_kwh: NonNegative = setting(300.0, unit="kWh", about="Hydrogen in a full tank, lower heating value.")
    fuel_cell_kw: NonNegative = setting(2.5, unit="kW", about="Largest power that the fuel cell gives.")
    fuel_cell_efficiency: Efficiency = setting(
        0.5, unit="1", about="Electricity given per hydrogen (lower heating value)."
    )
    initial_soc: Share = setting(0.5, unit="1", about="Hydrogen inside at the start, share of the tank.")


class Hydrogen(ConnectedStore):
    """Hydrogen stores; state: `hydrogen_kwh`. The columns `charge_efficiency` and `discharge_efficiency` are
    those of electrolyser and fuel cell."""

    kind: ClassVar[str] = "hydrogen"
    summary: ClassVar[str] = "electrolyser, hydrogen tank and fuel cell"
    role: ClassVar[Role] = "storage"
    Config: ClassVar[type[Config]] = HydrogenConfig
    inside: ClassVar[str] = "hydrogen_kwh"

    def __init__(self, prosumer: IntArray, columns: Mapping[str, FloatArray], site: Site) -> None:
        efficiencies = {
            "charge_efficiency": columns["electrolyser_efficiency"],
            "discharge_efficiency": columns["fuel_cell_efficiency"],
        }
        limits = Limits(
            charge_kw=columns["electrolyser_kw"],
            discharge_kw=columns["fuel_cell_kw"],
            floor_kwh=np.zeros(len(prosumer)),
            full_kwh=columns["tank_kwh"],
            retention=np.ones(len(prosumer)),
        )
        super().__init__(prosumer, {**columns, **efficiencies}, site, limits)

    def initial_state(self) -> State:
        """Hydrogen inside at the start [kWh]."""
        return {self.inside: self.columns["tank_kwh"] * self.columns["initial_soc"]}
