"""What a scenario says about its weather. Nothing is read here and nothing heavy is imported: the scenario's
schema is built from it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from cosim.core.config import Config, setting
from cosim.core.weather import Quantity
from cosim.profiles.config import CsvFile


class DemandlibWeather(Config):
    """A test reference year of the German weather service (DWD, 2010), as demandlib brings it along."""

    source: Literal["demandlib"] = setting("demandlib", about="Test reference years of 2010 (hours of CET).")
    region: int = setting(
        4,
        unit="1",
        about=(
            "Climate region, with its station: 1 North Sea coast (Bremerhaven), 2 Baltic coast (Rostock), "
            "3 north-west lowland (Hamburg), 4 north-east lowland (Potsdam), 5 Lower Rhine and Westphalia "
            "(Essen), 6 northern and western highlands, edges (Bad Marienberg), 7 the same, centre (Kassel), "
            "8 Harz and Black Forest (Braunlage), 9 Thuringian basin and Saxon hills (Chemnitz), "
            "10 south-east highlands to 1000 m (Hof), 11 Ore Mountains, Bohemian and Black Forest above "
            "1000 m (Fichtelberg), 12 Upper Rhine and lower Neckar (Mannheim), 13 Swabian-Franconian hills "
            "and foothills of the Alps (Muehldorf), 14 Swabian Alb and Baar (Stoetten), 15 edge and valleys "
            "of the Alps (Garmisch-Partenkirchen)."
        ),
        ge=1,
        le=15,
    )
    sun_shift_minutes: float | None = setting(
        None,
        unit="min",
        about=(
            "How much later than the stamped hour the irradiance was; default: as read from the data "
            "(measured irradiance is in true solar time, computed one half an hour late)."
        ),
        ge=-60,
        le=60,
    )
    temperature_offset_k: float = setting(
        0.0, unit="K", about="Added to the air temperature: a colder or warmer year.", ge=-20, le=20
    )


class CsvWeather(CsvFile):
    """Own weather from a file; a column that nothing needs may be missing."""

    source: Literal["csv"] = setting("csv", about="A CSV or Parquet file.")
    latitude_deg: float = setting(unit="deg", about="Latitude of the place, north positive.", ge=-66, le=66)
    longitude_deg: float = setting(
        unit="deg", about="Longitude of the place, east positive.", ge=-180, le=180
    )
    altitude_m: float = setting(0.0, unit="m", about="Height above sea level.", ge=-500, le=5000)
    temperature_c: str | None = setting(None, about="Column of the air temperature [degC].", min_length=1)
    ghi_w_per_m2: str | None = setting(
        None, about="Column of the global horizontal irradiance [W/m2].", min_length=1
    )
    dhi_w_per_m2: str | None = setting(
        None,
        about="Column of the diffuse horizontal irradiance [W/m2]; without it and dni, it is estimated.",
        min_length=1,
    )
    dni_w_per_m2: str | None = setting(
        None, about="Column of the direct normal irradiance [W/m2]; else it follows from ghi.", min_length=1
    )
    wind_m_per_s: str | None = setting(
        None, about="Column of the wind speed 10 m above ground [m/s].", min_length=1
    )
    sun_shift_minutes: float = setting(
        0.0, unit="min", about="How much later than its interval the irradiance was.", ge=-60, le=60
    )

    @model_validator(mode="after")
    def _something(self) -> CsvWeather:
        if not self.named:
            raise ValueError("no column is named: give at least one, such as `temperature_c: T`")
        if self.ghi_w_per_m2 is None and (self.dhi_w_per_m2 or self.dni_w_per_m2):
            raise ValueError("dhi_w_per_m2 and dni_w_per_m2 need ghi_w_per_m2 beside them")
        return self

    @property
    def named(self) -> dict[Quantity, str]:
        """Quantity -> its column, in the order of the protocol."""
        columns: dict[Quantity, str | None] = {
            "temperature_c": self.temperature_c,
            "ghi_w_per_m2": self.ghi_w_per_m2,
            "dni_w_per_m2": self.dni_w_per_m2,
            "dhi_w_per_m2": self.dhi_w_per_m2,
            "wind_m_per_s": self.wind_m_per_s,
        }
        return {quantity: column for quantity, column in columns.items() if column is not None}


WeatherConfig = Annotated[DemandlibWeather | CsvWeather, Field(discriminator="source")]
"""Where the weather comes from."""
