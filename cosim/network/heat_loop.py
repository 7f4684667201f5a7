"""Settings of a heat loop: the pipes between the prosumers who may trade heat. A share of the heat is lost on
the way, and only so much passes; pressures and temperatures are not modelled."""

from __future__ import annotations

from cosim.core.config import Config, setting


class HeatLoopConfig(Config):
    """Pipes between prosumers."""

    groups: tuple[str, ...] | None = setting(
        None,
        min_length=1,
        about="Groups whose prosumers are connected; left out: everybody with a device for heat.",
    )
    loss_factor: float = setting(
        0.08,
        unit="1",
        ge=0,
        lt=1,
        about="Share of the heat fed in that is lost on the way to the buyer.",
    )
    capacity_kw: float = setting(
        500.0, unit="kW", ge=0, about="Most that can be delivered through the loop at a time, all together."
    )
