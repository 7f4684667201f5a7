"""What a scenario says about forecasts. Nothing heavy is imported: the scenario's schema is built from it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from cosim.core.config import Config, setting

ForecastKind = Literal["load", "pv", "heat", "wind"]
"""What is forecast as a series."""


class Perfect(Config):
    """What will be is known."""

    kind: Literal["perfect"] = setting("perfect", about="Forecasts are what happens.")


class Persistence(Config):
    """Tomorrow is as the latest day that is wholly known."""

    kind: Literal["persistence"] = setting(
        "persistence",
        about="The value at that time of day on the latest whole day; on the first day what happens.",
    )


class ForecastErrors(Config):
    """Standard deviation of the error one hour ahead."""

    load: float = setting(0.15, unit="1", about="Of a household's load, relative.", ge=0, le=1)
    pv: float = setting(0.15, unit="1", about="Of PV production (and of irradiance), relative.", ge=0, le=1)
    heat: float = setting(0.1, unit="1", about="Of heat demand, relative.", ge=0, le=1)
    wind: float = setting(
        0.25, unit="1", about="Of wind production, relative; wind speed has a third of it.", ge=0, le=1
    )
    temperature_k: float = setting(0.5, unit="K", about="Of the air temperature.", ge=0, le=10)


class Noisy(Config):
    """What happens with a seeded error that grows with the lead."""

    kind: Literal["noisy"] = setting("noisy", about="What happens times one plus an error.")
    error: ForecastErrors = setting(ForecastErrors(), about="Errors one hour ahead, by kind.")
    growth: float = setting(
        0.5,
        unit="1",
        about="Exponent of the growth with the lead in hours: 0.5 its square root, 0 none.",
        ge=0,
        le=1,
    )
    cap_hours: float = setting(6.0, unit="h", about="From this lead on, the error grows no more.", gt=0)
    correlation: float = setting(
        0.7,
        unit="1",
        about=(
            "Correlation of the errors of two plants or buildings of a kind that weather drives (pv, wind, "
            "heat): it is one weather that was forecast. Errors of loads are independent."
        ),
        ge=0,
        le=1,
    )
    memory_hours: Literal[1, 2, 3, 4, 6, 8, 12, 24] = setting(
        3, unit="h", about="Distance in time of independent draws; errors between two are mixtures of both."
    )


def _from_word(value: Any) -> Any:
    return {"kind": value} if isinstance(value, str) else value


ForecastConfig = Annotated[
    Perfect | Persistence | Noisy,
    Field(discriminator="kind"),
    BeforeValidator(
        _from_word,
        json_schema_input_type=Literal["perfect", "persistence", "noisy"] | Perfect | Persistence | Noisy,
    ),
]
"""How far ahead is seen: a word, or the settings of that kind."""
