"""What a scenario says about heat as a whole: the loop in which it is traded, and what it counts for if it is
not to be had. The devices are their owners'."""

from __future__ import annotations

from cosim.core.config import Config, setting
from cosim.network.heat_loop import HeatLoopConfig


class HeatConfig(Config):
    """Heat of a community."""

    loop: HeatLoopConfig | None = setting(
        None, about="Pipes through which heat is traded; left out: everybody heats for themselves."
    )
    unserved_eur_per_kwh: float = setting(
        1.0,
        unit="EUR/kWh",
        ge=0,
        about="What heat that was needed and not to be had counts for in rewards; it is on no bill.",
    )
