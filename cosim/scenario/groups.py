"""Who takes part: groups of prosumers, single ones that differ, and where they are on the grid. Which bus and
which device each of them gets is decided in `population`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Tag

from cosim.core.config import Config, setting
from cosim.devices.load import LoadConfig
from cosim.profiles.config import LoadProfileConfig, SimBenchLoad
from cosim.scenario.labels import prosumer_names
from cosim.scenario.ownership import GroupDevices, SingleDevices

NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]*$"
"""What a group may be called: it becomes part of names in tables and must be safe in a file name."""

DEFAULT = "default"


class AtBuses(Config):
    """On named buses, in turn."""

    buses: tuple[str, ...] = setting(
        about="Bus names; the first prosumer is on the first one, and so on, again and again.", min_length=1
    )


class Spread(Config):
    """Spread evenly over the buses that have loads in the grid file, whose own loads are left out."""

    spread: Literal[True] = setting(about="Write `true`.")


class InPlaceOfLoads(Config):
    """Each prosumer takes over one of the grid's own loads, households first; the other loads, and the
    generators, stay as passive customers."""

    in_place_of_loads: Literal[True] = setting(about="Write `true`.")


_PLACES = {"buses": "buses", "spread": "spread", "in_place_of_loads": "in_place_of_loads"}


def _place_form(value: Any) -> str | None:
    if isinstance(value, dict):
        return next((form for form in _PLACES if form in value), next(iter(_PLACES)))
    for form, place in (("buses", AtBuses), ("spread", Spread), ("in_place_of_loads", InPlaceOfLoads)):
        if isinstance(value, place):
            return form
    return None


Place = Annotated[
    Annotated[AtBuses, Tag("buses")]
    | Annotated[Spread, Tag("spread")]
    | Annotated[InPlaceOfLoads, Tag("in_place_of_loads")],
    Discriminator(
        _place_form,
        custom_error_type="place_form",
        custom_error_message="a place is `{buses: [names]}`, `{spread: true}` or `{in_place_of_loads: true}`",
    ),
]


class GroupLoad(LoadConfig):
    """The inflexible load of each prosumer of a group."""

    profile: LoadProfileConfig = setting(SimBenchLoad, about="Where its course over time comes from.")


class Group(Config):
    """Prosumers that are alike in what they may own, in policy and in tariff."""

    name: str = setting(
        about="Name of the group; its prosumers are called after it: `households-000`, `households-001` ...",
        pattern=NAME,
        max_length=40,
    )
    count: int = setting(about="How many prosumers.", ge=1, le=1_000_000)
    place: Place = setting(
        Spread(spread=True),
        about="Where on the grid: `{buses: [names]}`, `{spread: true}` (evenly over the buses with loads) or "
        "`{in_place_of_loads: true}` (each takes over one of the grid's own loads; the others stay passive).",
    )
    load: GroupLoad = setting(GroupLoad, about="Inflexible demand of each prosumer.")
    devices: GroupDevices = setting(
        dict, about="Device kinds with their settings and the share of prosumers that have one."
    )
    policy: str = setting(DEFAULT, about="Label of the policy in `policies` that decides for the group.")
    tariff: str = setting(DEFAULT, about="Name of the tariff in `tariffs`.")

    def names(self) -> list[str]:
        """Names of its prosumers."""
        return prosumer_names(self.name, self.count)


class SingleProsumer(Config):
    """What is different about one prosumer; everything left out stays as its group has it."""

    devices: SingleDevices = setting(
        dict, about="Device kinds that it has with these settings, or does not have (`battery: null`)."
    )
    load: GroupLoad | None = setting(None, about="Its inflexible demand.")
    bus: str | None = setting(None, about="Name of its bus.")
    policy: str | None = setting(None, about="Label of its policy in `policies`.")
    tariff: str | None = setting(None, about="Name of its tariff in `tariffs`.")


def _unique(groups: tuple[Group, ...]) -> tuple[Group, ...]:
    names = [group.name for group in groups]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(
            f"two groups are called {', '.join(map(repr, twice))} (each needs a name of its own)"
        )
    return groups


Groups = Annotated[tuple[Group, ...], AfterValidator(_unique)]
