"""The scenario: everything that makes a run, assembled from the Config of each room and plug-in. It holds
settings only; nothing is read from disk or built here."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated

from pydantic import StringConstraints, model_validator

from cosim.core.config import Config, setting
from cosim.core.outputs import OutputsConfig
from cosim.network.config import NetworkConfig
from cosim.profiles.forecast_config import ForecastConfig, Perfect
from cosim.profiles.weather_config import WeatherConfig
from cosim.scenario.groups import NAME, Groups, SingleProsumer
from cosim.scenario.heat import HeatConfig
from cosim.scenario.horizon import Horizon
from cosim.scenario.labels import misfits
from cosim.scenario.market import AnyMarket, MarketUse
from cosim.scenario.nested import error, raise_inside
from cosim.scenario.policies import AnyPolicy
from cosim.settlement.config import TariffsConfig

Label = Annotated[str, StringConstraints(pattern=NAME, max_length=40)]


class Scenario(Config):
    """One run of cosim: who takes part, on which grid, in which market, and what is recorded."""

    name: str = setting(
        about="Name of the scenario; the output folder is called after it.",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        max_length=60,
    )
    seed: int = setting(
        0, about="Seed of everything that is drawn; the same seed gives the same tables.", ge=0, lt=2**32
    )
    folder: Path | None = setting(
        None, about="Folder that relative paths start from; left out: the folder of this file."
    )
    horizon: Horizon = setting(about="When it takes place.")
    network: NetworkConfig = setting(NetworkConfig, about="The grid and its power flow.")
    weather: WeatherConfig | None = setting(
        None, about="Weather of the place: for heat pumps, buildings, wind, and profiles made from it."
    )
    heat: HeatConfig = setting(HeatConfig, about="Heat as a whole: the loop in which it is traded.")
    forecast: ForecastConfig = setting(
        Perfect, about="What is known ahead of demand, production and weather."
    )
    tariffs: TariffsConfig = setting(about="What energy costs, by name of the tariff.")
    market: AnyMarket = setting(MarketUse, about="How prosumers trade with each other.")
    groups: Groups = setting(about="Groups of prosumers.", min_length=1)
    prosumers: dict[str, SingleProsumer] = setting(
        dict, about="Single prosumers that differ from their group, by name, for example `households-007`."
    )
    policies: dict[Label, AnyPolicy] = setting(
        about="Who decides, by label; `default` decides for groups that name none."
    )
    outputs: OutputsConfig = setting(OutputsConfig, about="What is recorded.")

    @model_validator(mode="after")
    def _names_fit(self) -> Scenario:
        raise_inside(misfits(self.model_dump(mode="json")))
        return self

    @model_validator(mode="after")
    def _whole_power_flows(self) -> Scenario:
        step, minutes = self.network.step, self.horizon.periods * self.horizon.step_minutes
        if step is not None and minutes % step:
            text = f"a power flow every {step} min does not fit a run of {minutes} min (write a divisor)"
            raise_inside([error(("network", "step"), "value_error", text, step)])
        return self

    @property
    def prosumer_count(self) -> int:
        """How many prosumers take part."""
        return sum(group.count for group in self.groups)

    @property
    def base(self) -> Path:
        """Folder that relative paths start from."""
        return self.folder or Path()

    def digest(self) -> str:
        """Hash of everything that the results depend on: two scenarios with the same digest are equal runs.

        The folder is left out: where a file lies changes no result.
        """
        text = json.dumps(self.model_dump(mode="json", exclude={"folder"}), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()
