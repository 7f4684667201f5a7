"""Ausgrid's layout: half-hours named by their end, Sydney's clock changes, mistakes by row."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from cosim.core.clock import Clock
from cosim.core.streams import Streams
from cosim.errors import ProfileError
from cosim.profiles.ausgrid import HALF_HOURS, read_consumption, read_generation
from cosim.profiles.build import load_profiles, pv_profiles
from cosim.profiles.config import AusgridLoad, AusgridPv

DATA = Path(__file__).parent / "data"
SYDNEY = ZoneInfo("Australia/Sydney")


def gc_kw(customer: int, half_hour: int) -> float:
    """What the hand-made files hold: 0.1 kWh times the customer and 0.01 kWh times the half-hour, in kW."""
    return (0.1 * customer + 0.01 * half_hour) * 2


def test_columns_name_the_end_of_the_half_hour() -> None:
    assert HALF_HOURS[0] == "0:30" and HALF_HOURS[1] == "1:00" and HALF_HOURS[-1] == "0:00"
    clock = Clock(datetime(2011, 10, 1, tzinfo=SYDNEY), 30, 48)
    config = AusgridLoad(file="ausgrid-spring.csv", controlled_load=False)
    power = load_profiles(config, clock, np.ones(2), Streams(1), DATA).power_kw(0, 48)
    np.testing.assert_allclose(power[:, 0], [gc_kw(1, k) for k in range(48)], rtol=1e-12)
    np.testing.assert_allclose(power[:, 1], [gc_kw(7, k) for k in range(48)], rtol=1e-12)


def test_clocks_go_forward_the_half_hours_that_do_not_exist_are_left_out() -> None:
    clock = Clock(datetime(2011, 10, 2, tzinfo=SYDNEY), 30, 46)
    config = AusgridLoad(file="ausgrid-spring.csv", controlled_load=False)
    power = load_profiles(config, clock, np.ones(1), Streams(1), DATA).power_kw(0, 46)[:, 0]
    wall = [0, 1, 2, 3, *range(6, 48)]
    np.testing.assert_allclose(power, [gc_kw(1, k) for k in wall], rtol=1e-12)
    assert clock.end == datetime(2011, 10, 3, tzinfo=SYDNEY)


def test_clocks_go_back_the_sum_of_both_passes_is_taken_apart() -> None:
    clock = Clock(datetime(2012, 4, 1, tzinfo=SYDNEY), 30, 50)
    config = AusgridLoad(file="ausgrid-autumn.csv", controlled_load=False)
    power = load_profiles(config, clock, np.ones(1), Streams(1), DATA).power_kw(0, 50)[:, 0]
    wall = [0, 1, 2, 3, 4, 5, 4, 5, *range(6, 48)]
    np.testing.assert_allclose(power, [gc_kw(1, k) for k in wall], rtol=1e-12)
    published = sum(0.1 + 0.01 * k for k in range(48)) + sum(0.1 + 0.01 * k for k in (4, 5))
    assert power.sum() / 2 == pytest.approx(published, rel=1e-12)


def test_controlled_load_is_added_where_there_is_some() -> None:
    with_it = read_consumption(AusgridLoad(file="ausgrid-spring.csv"), DATA).values_kw
    without = read_consumption(AusgridLoad(file="ausgrid-spring.csv", controlled_load=False), DATA).values_kw
    np.testing.assert_allclose((with_it - without)[:4], [[2.0, 0.0]] * 4, atol=1e-12)
    assert np.array_equal(with_it[4:48], without[4:48])


def test_generation_is_per_installed_kwp() -> None:
    series = read_generation(AusgridPv(file="ausgrid-spring.csv"), DATA)
    assert series.names == ("1", "7")
    noon = series.values_kw[20:28]
    np.testing.assert_allclose(noon, 0.5, rtol=1e-12)  # 0.25 kWh per kWp and half-hour
    clock = Clock(datetime(2011, 10, 1, tzinfo=SYDNEY), 60, 24)
    plants = pv_profiles(AusgridPv(file="ausgrid-spring.csv"), clock, 3, Streams(1), DATA)
    assert plants.power_kw(0, 24).sum(0) == pytest.approx([2.0, 2.0, 2.0])


def test_customers_by_list_or_count() -> None:
    def names(customers: object) -> tuple[str, ...]:
        config = AusgridLoad.model_validate({"file": "ausgrid-spring.csv", "customers": customers})
        return read_consumption(config, DATA).names

    assert (
        names("all") == ("1", "7")
        and names(1) == ("1",)
        and names([7]) == ("7",)
        and names([7, 1]) == ("7", "1")
    )
    with pytest.raises(ProfileError, match="no customer 300"):
        names([1, 300])
    with pytest.raises(ProfileError, match="5 customers of 2"):
        names(5)


def test_mistakes_by_row(tmp_path: Path) -> None:
    lines = (DATA / "ausgrid-spring.csv").read_text().splitlines()
    lines[2] = lines[2].replace("1/10/2011", "2011/13/45")
    lines[3] = lines[3].replace(",GG,", ",XX,")
    lines[5] = lines[5].replace(",0.11,", ",zero,")
    lines[7] = lines[7].replace(",1,1,", ",-1,1,")
    lines[9] = lines[8]
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")
    with pytest.raises(ProfileError) as caught:
        read_consumption(AusgridLoad(file="a.csv"), tmp_path)
    found = {problem.line: problem.message for problem in caught.value.problems}
    assert found[3] == "cannot read the date '2011/13/45'"
    assert found[4].startswith("consumption category 'XX'")
    assert found[6] == "1:00: 'zero' is not a number"
    assert found[8] == "negative energy -1 kWh"
    assert found[10] == "a second row of customer 1, GC, for the same date"
    assert set(found) == {3, 4, 6, 8, 10}


def test_a_customer_with_missing_days(tmp_path: Path) -> None:
    lines = (DATA / "ausgrid-spring.csv").read_text().splitlines()
    kept = [line for line in lines if not line.startswith("7,1.62,2259,GC,2/10/2011")]
    (tmp_path / "a.csv").write_text("\n".join(kept) + "\n")
    with pytest.raises(ProfileError, match=r"customer 7 lacks general consumption \(GC\) on 1 of 3 days"):
        read_consumption(AusgridLoad(file="a.csv"), tmp_path)
    assert read_consumption(AusgridLoad(file="a.csv", customers=(1,)), tmp_path).names == ("1",)


def test_another_layout(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("time,a\n2011-01-01,1\n")
    with pytest.raises(ProfileError, match="not Ausgrid's layout"):
        read_consumption(AusgridLoad(file="a.csv"), tmp_path)
