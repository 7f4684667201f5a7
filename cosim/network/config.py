"""What a scenario says about its grid: where it comes from, who solves it, which limits hold. No grid is read
here."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from cosim.core.config import Config, setting
from cosim.errors import Problem


def _upright(band: tuple[float, float]) -> tuple[float, float]:
    if band[0] >= band[1]:
        raise ValueError(f"the band {list(band)} is upside down (write the lower limit first)")
    if band[0] < 0:
        raise ValueError(f"the lower limit {band[0]:g} is negative (voltages are in pu, for example 0.9)")
    return band


class LimitsConfig(Config):
    """Limits that replace those of the grid file; what is left out stays as the file, or EN 50160, has it."""

    vm_pu: Annotated[tuple[float, float], AfterValidator(_upright)] | None = setting(
        None, unit="pu", about="Lowest and highest voltage at every bus, for example [0.95, 1.05]."
    )
    line_loading_percent: float | None = setting(
        None, unit="%", about="Highest loading of every line, of its rated current.", gt=0
    )
    transformer_loading_percent: float | None = setting(
        None, unit="%", about="Highest loading of every transformer, of its rated current.", gt=0
    )


class NetworkConfig(Config):
    """The grid of a community and how its power flow is computed."""

    source: Literal["simbench", "pandapower", "json"] = setting(
        "simbench",
        about="Where the grid comes from: a SimBench code, a function of pandapower.networks, or a "
        "pandapower JSON file.",
    )
    name: str = setting(
        "1-LV-rural2--0-sw",
        about="The SimBench code, the name of the function, or the path of the JSON file relative to the "
        "scenario file. `cosim list networks` shows names.",
        min_length=1,
    )
    solver: Literal["power-grid-model", "pandapower"] = setting(
        "power-grid-model",
        about="power-grid-model is fast; pandapower is the reference to which it is held, some hundred times "
        "slower.",
    )
    slack_vm_pu: Annotated[float, Field(gt=0.5, lt=1.5)] | str | None = setting(
        None,
        unit="pu",
        about="Voltage of the grid above: one value, or a CSV file with the columns `time` and `vm_pu` (a "
        "path relative to the scenario file). Left out: as in the grid file.",
    )
    step: int | None = setting(
        None,
        unit="min",
        about="Time between two power flows, a multiple or a divisor of the horizon's step. Left out: that "
        "step.",
        gt=0,
    )
    limits: LimitsConfig = setting(
        LimitsConfig, about="Limits that replace those of the grid file and of EN 50160."
    )
    counterfactual: bool = setting(
        True,
        about="Solve the grid also as it would be without trading, each prosumer alone with the utility: "
        "tells whether trading breaks limits. Costs a second power flow.",
    )
    load_power_factor: float = setting(
        0.95,
        unit="1",
        about="Power factor (inductive) of the prosumers' inflexible load; reactive power follows from it.",
        gt=0,
        le=1,
    )


def check_step(config: NetworkConfig, horizon_step: int) -> list[Problem]:
    """Whether the network's step is a multiple or a divisor of the horizon's, both [min]."""
    step = config.step
    if step is None or step % horizon_step == 0 or horizon_step % step == 0:
        return []
    near = max(1, round(step / horizon_step)) * horizon_step
    return [
        Problem(
            f"a power flow every {step} min does not fit settlement periods of {horizon_step} min",
            f"write a multiple or a divisor of {horizon_step}, for example {near}",
            path="step",
        )
    ]
