"""The sun where a scenario has no weather: SimBench's PV shapes as irradiance."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from cosim.core.clock import Clock
from cosim.core.streams import Streams
from cosim.errors import ProfileError
from cosim.profiles.build import pv_profiles
from cosim.profiles.config import PV_SHAPES, SimBenchPv
from cosim.profiles.regional_sun import SUN, regional_sun


def clock() -> Clock:
    return Clock(datetime(2016, 6, 20, tzinfo=ZoneInfo("Europe/Berlin")), 30, 7 * 48)


def test_it_is_the_mean_of_all_shapes() -> None:
    sun = regional_sun(clock())
    assert set(sun.quantities) == {SUN}
    each: list[Any] = [
        pv_profiles(
            SimBenchPv(shapes=(name,), diversify=False, full_load_hours=None), clock(), 1, Streams(0), Path()
        )
        for name in PV_SHAPES
    ]
    recorded = np.mean([one.power_kw(0, 96)[:, 0] for one in each], axis=0)
    wanted = SimBenchPv().full_load_hours
    assert wanted is not None
    hours = np.mean([one.origin.annual_kwh[0] for one in each])
    np.testing.assert_allclose(sun.values(SUN, 0, 96), 1000.0 * recorded * wanted / hours)


def test_a_week_in_june_is_plausible() -> None:
    values = regional_sun(clock()).values(SUN, 0, 7 * 48).reshape(7, 48)
    assert (values[:, :6] == 0.0).all(), "no sun before 3 in the morning"
    assert 300.0 < values.max() < 1000.0
    daily_kwh_per_m2 = values.sum(axis=1) * 0.5 / 1000.0
    assert ((daily_kwh_per_m2 > 1.0) & (daily_kwh_per_m2 < 9.0)).all()


def test_it_tells_nothing_but_the_sun() -> None:
    with pytest.raises(ProfileError, match="tell nothing of temperature_c"):
        regional_sun(clock()).values("temperature_c", 0, 1)
