"""From config to profiles: SimBench's calendar, scaling, the grid's own loads, the account, and the contract
of `power_kw`."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from cosim.core.clock import Clock
from cosim.core.streams import Streams
from cosim.errors import ProfileError
from cosim.profiles import simbench
from cosim.profiles.account import account
from cosim.profiles.build import load_profiles, pv_profiles
from cosim.profiles.config import (
    CsvPv,
    LoadProfileConfig,
    PvProfileConfig,
    SimBenchLoad,
    SimBenchPv,
)
from cosim.profiles.passive import passive_generators, passive_loads

BERLIN = ZoneInfo("Europe/Berlin")
HERE = Path()
STREAMS = Streams(3)


def clock(start: datetime, periods: int, step: int = 15) -> Clock:
    return Clock(start, step, periods)


def raw(column: str, day: str, file: str = simbench.LOADS) -> np.ndarray:
    index = int((np.datetime64(day) - np.datetime64("2016-01-01")).astype(int))
    return simbench.series(file, (column,), 0)[index * 96 : (index + 1) * 96, 0]


def test_the_year_2016_is_taken_as_it_is() -> None:
    day = clock(datetime(2016, 2, 29, tzinfo=BERLIN), 96)
    shapes = SimBenchLoad(shapes=("H0-A", "H0-B"), diversify=False)
    power = load_profiles(shapes, day, np.full(3, 3500.0), STREAMS, HERE).power_kw(0, 96)
    mean = simbench.series(simbench.LOADS, ("H0-A_pload",), 0).mean()
    np.testing.assert_allclose(
        power[:, 0], raw("H0-A_pload", "2016-02-29") * 3500 / (mean * 8760), rtol=1e-12
    )
    assert np.array_equal(power[:, 0], power[:, 2]) and not np.array_equal(power[:, 0], power[:, 1])


def test_another_year_takes_the_day_with_the_same_weekday_for_loads_and_the_same_date_for_the_sun() -> None:
    day = clock(datetime(2025, 7, 9, tzinfo=BERLIN), 96)  # a Wednesday; 9 July 2016 was a Saturday
    loads, _ = passive_loads(["H0-A"], np.ones(1), np.zeros(1), day)
    np.testing.assert_allclose(loads.power_kw(0, 96)[:, 0], raw("H0-A_pload", "2016-07-06"))
    # The sun keeps standard time: an hour of the wall clock later in summer.
    sun, _ = passive_generators(["PV1"], np.ones(1), np.zeros(1), day)
    expected = raw("PV1", "2016-07-09", simbench.RENEWABLES)
    np.testing.assert_allclose(sun.power_kw(0, 96)[4:, 0], expected[:92])


def test_clock_changes_leave_households_on_wall_time() -> None:
    day = clock(datetime(2016, 3, 27, tzinfo=BERLIN), 92)
    loads, _ = passive_loads(["H0-C"], np.ones(1), np.zeros(1), day)
    shown = np.r_[0:8, 12:96]
    np.testing.assert_allclose(loads.power_kw(0, 92)[:, 0], raw("H0-C_pload", "2016-03-27")[shown])


def test_the_turn_of_the_year() -> None:
    night = clock(datetime(2016, 12, 31, 23, tzinfo=BERLIN), 8)
    loads, _ = passive_loads(["H0-A"], np.ones(1), np.zeros(1), night)
    # 1 January 2017 was a Sunday, as 3 January 2016.
    expected = np.r_[raw("H0-A_pload", "2016-12-31")[-4:], raw("H0-A_pload", "2016-01-03")[:4]]
    np.testing.assert_allclose(loads.power_kw(0, 8)[:, 0], expected)


def test_passive_loads_have_reactive_power_of_their_own_and_may_be_constant() -> None:
    day = clock(datetime(2016, 5, 4, tzinfo=BERLIN), 96)
    active, reactive = passive_loads(
        ["lv_rural1", None, "H0-G", ""], np.array([80.0, 2, 3, 4]), np.array([31.6, 1, 2, 0]), day
    )
    p, q = active.power_kw(0, 96), reactive.power_kw(0, 96)
    np.testing.assert_allclose(p[:, 0], 80 * raw("lv_rural1_pload", "2016-05-04"))
    np.testing.assert_allclose(q[:, 0], 31.6 * raw("lv_rural1_qload", "2016-05-04"))
    np.testing.assert_allclose(q[:, 2], 2 * raw("H0-G_qload", "2016-05-04"))
    assert set(p[:, 1]) == {2.0} and set(q[:, 1]) == {1.0} and set(p[:, 3]) == {4.0}


def test_a_grid_without_loads_or_profiles() -> None:
    day = clock(datetime(2016, 5, 4, tzinfo=BERLIN), 4)
    none, _ = passive_loads([], np.zeros(0), np.zeros(0), day)
    assert none.power_kw(0, 4).shape == (4, 0)
    constant, _ = passive_generators([None], np.array([5.0]), np.zeros(1), day)
    assert set(constant.power_kw(0, 4)[:, 0]) == {5.0}


def test_unknown_profiles_name_the_nearest() -> None:
    with pytest.raises(ProfileError, match=r"no profile 'H0-X'.*did you mean 'H0-"):
        load_profiles(
            SimBenchLoad(shapes=("H0-X",)),
            clock(datetime(2016, 1, 1, tzinfo=BERLIN), 1),
            np.ones(1),
            STREAMS,
            HERE,
        )


def test_simbench_pv_is_per_kwp_with_plausible_full_load_hours() -> None:
    year = clock(datetime(2023, 1, 1, tzinfo=BERLIN), 365 * 24, 60)
    plants = pv_profiles(SimBenchPv(), year, 40, STREAMS, HERE)
    power = plants.power_kw(0, year.periods)
    assert power.min() == 0 and 0.7 < power.max() <= 1.05
    hours = power.sum(0)
    assert hours.mean() == pytest.approx(950, rel=0.03)
    assert 800 < hours.min() < hours.max() < 1100
    np.testing.assert_allclose(hours, plants.origin.annual_kwh, rtol=0.01)
    shared = pv_profiles(SimBenchPv(diversify=False, full_load_hours=None), year, 9, STREAMS, HERE)
    assert shared.power_kw(0, 8760)[:, 0].sum() == pytest.approx(651, rel=0.01)
    assert np.array_equal(shared.power_kw(4000, 4010)[:, 0], shared.power_kw(4000, 4010)[:, 8])


def test_no_sun_at_night_and_the_same_plant_whatever_the_count() -> None:
    day = clock(datetime(2025, 6, 21, tzinfo=BERLIN), 96)
    many = pv_profiles(SimBenchPv(), day, 50, STREAMS, HERE).power_kw(0, 96)
    few = pv_profiles(SimBenchPv(), day, 5, STREAMS, HERE).power_kw(0, 96)
    np.testing.assert_allclose(many[:, :5], few, rtol=1e-12)
    assert many[:16].max() == 0 and many[90:].max() == 0
    assert many[44:60].mean() > 0.2


def test_full_load_hours_that_the_shapes_cannot_have() -> None:
    day = clock(datetime(2025, 6, 21, tzinfo=BERLIN), 1)
    with pytest.raises(ProfileError, match=r"would produce 1.* kW per kWp"):
        pv_profiles(SimBenchPv(full_load_hours=1800.0), day, 1, STREAMS, HERE)


def test_power_of_any_ticks_is_the_same_however_it_is_asked_for() -> None:
    week = clock(datetime(2025, 3, 28, 7, tzinfo=BERLIN), 600)
    loads = load_profiles(SimBenchLoad(), week, np.full(4, 3000.0), STREAMS, HERE)
    whole = loads.power_kw(0, 600)
    assert whole.shape == (600, 4)
    for first, last in ((599, 600), (0, 1), (90, 300), (95, 97), (96, 96), (600, 600)):
        assert np.array_equal(loads.power_kw(first, last), whole[first:last])
    for wrong in ((-1, 2), (599, 601), (5, 4)):
        with pytest.raises(IndexError):
            loads.power_kw(*wrong)
    with pytest.raises(ValueError, match="read-only"):
        loads.power_kw(3, 5)[0, 0] = 1.0


def test_a_finer_clock_has_the_same_energy() -> None:
    start = datetime(2025, 3, 29, tzinfo=BERLIN)
    energies = []
    for step in (5, 15, 60):
        c = clock(start, 47 * 60 // step, step)  # over the clock change, to midnight
        energies.append(
            load_profiles(SimBenchLoad(), c, np.full(4, 3000.0), STREAMS, HERE).power_kw(0, c.periods).sum(0)
            * step
            / 60
        )
    np.testing.assert_allclose(energies[0], energies[1], rtol=1e-12)
    np.testing.assert_allclose(energies[2], energies[1], rtol=1e-12)


def test_the_account() -> None:
    month = clock(datetime(2025, 1, 1, tzinfo=BERLIN), 28 * 96)
    various = account(load_profiles(SimBenchLoad(), month, np.full(50, 3500.0), STREAMS, HERE))
    assert (various.members, various.shapes, various.distinct) == (50, 5, 50)
    assert 0.2 < various.coincidence < 0.4
    assert various.annual_kwh == (3500.0, 3500.0, 3500.0) and various.warnings == ()
    shared = SimBenchLoad(diversify=False, shapes=("H0-A",))
    alike = account(load_profiles(shared, month, np.array([300.0, 3500.0]), STREAMS, HERE))
    assert alike.coincidence == pytest.approx(1.0) and alike.distinct == 1
    assert alike.warnings == ("1 of 2 households are below 500 kWh a year",)
    sun = account(pv_profiles(SimBenchPv(), month, 8, STREAMS, HERE), production=True)
    assert sun.warnings == ()


def test_config_is_told_apart_by_its_source() -> None:
    load = TypeAdapter(LoadProfileConfig)
    assert isinstance(load.validate_python({"source": "simbench"}), SimBenchLoad)
    assert load.validate_python({"source": "csv", "file": "a.csv"}).unit == "kW"
    assert load.validate_python({"source": "ausgrid", "file": "a.csv", "customers": [1, 2]}).customers == (
        1,
        2,
    )
    for wrong in (
        {"source": "simbnch"},
        {"source": "csv"},
        {"source": "csv", "file": "a.csv", "zone": "Europe/Berlim"},
        {"source": "csv", "file": "a.csv", "unit": "MW"},
        {"source": "simbench", "shapes": ["H0-A", "H0-A"]},
        {"source": "simbench", "coincidence": 0.9},
    ):
        with pytest.raises(ValidationError):
            load.validate_python(wrong)
    pv = TypeAdapter(PvProfileConfig)
    assert isinstance(pv.validate_python({"source": "csv", "file": "a.csv"}), CsvPv)
    assert "coincidence" in str(load.json_schema()) and "full_load_hours" in str(pv.json_schema())


def test_simbench_is_never_imported() -> None:
    simbench.day_table(simbench.RENEWABLES, ["PV1"], 1)
    assert "simbench" not in sys.modules or "pandapower" in sys.modules  # another test may have imported it
