"""Photovoltaics: production from a profile per installed kWp, behind an inverter, curtailable if wanted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.config import Config, setting
from cosim.core.draw import NonNegative, Share
from cosim.devices.base import Follows, Site
from cosim.devices.series import Production


class PvConfig(Config):
    """A photovoltaic plant."""

    peak_kw: NonNegative = setting(unit="kWp", about="Installed power of the modules.")
    inverter_share: Share = setting(
        1.0, unit="1", about="Largest power of the inverter as a share of the installed power."
    )
    curtailable: bool = setting(
        True, about="May produce less than it could; false: always feeds in all it can, whatever it costs."
    )


class Pv(Production):
    """Plants that produce what their profile allows."""

    kind: ClassVar[str] = "pv"
    summary: ClassVar[str] = "photovoltaics from a profile per kWp, curtailable"
    follows: ClassVar[Follows | None] = "pv"
    Config: ClassVar[type[Config]] = PvConfig

    def __init__(self, prosumer: IntArray, columns: Mapping[str, FloatArray], site: Site) -> None:
        super().__init__(prosumer, columns, site)
        self._inverter_kw = columns["peak_kw"] * columns["inverter_share"]

    def largest_kw(self, series_kw: FloatArray) -> FloatArray:
        """`min(peak x profile, inverter)`."""
        return np.minimum(self.columns["peak_kw"] * series_kw, self._inverter_kw)
