"""Prices of coming periods: what `prices` will say, a day on, and the same however long the run is."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from cosim.core.clock import Clock
from cosim.errors import ScenarioError
from cosim.scenario.load import Source
from cosim.scenario.yaml_file import parse
from cosim.settlement.ahead import Ahead
from cosim.settlement.config import TariffsConfig
from cosim.settlement.tariffs import TariffBook

TARIFFS: dict[str, Any] = {
    "default": {
        "retail": {
            "energy": {"windows": [{"from": "17:00", "to": "21:00", "price": 0.18}], "default": 0.10},
            "network": {"windows": [{"from": "22:00", "to": "06:00", "price": 0.02}], "default": 0.06},
            "levies": {"price": 0.03, "p2p": False},
            "vat": 0.19,
        },
        "feed_in": {"windows": [{"from": "11:00", "to": "14:00", "price": 0.02}], "default": 0.07},
        "gas": {
            "windows": [{"from": "00:00", "to": "24:00", "days": "weekend", "price": 0.08}],
            "default": 0.11,
        },
    },
    "flat": {"retail": 0.30, "feed_in": 0.08},
    "carbon": {"price": 50, "gas_kg_per_kwh": 0.2},
}


def book(
    tariffs: dict[str, Any], names: list[str], periods: int, step: int = 60, folder: Path | None = None
) -> TariffBook:
    start = datetime(2016, 6, 10, tzinfo=ZoneInfo("Europe/Berlin"))  # a Friday
    return TariffBook(TariffsConfig.model_validate(tariffs), Clock(start, step, periods), names, folder)


NAMES = ["default", "flat", "default"]


@pytest.mark.parametrize("step", [15, 60])
def test_what_is_ahead_is_what_prices_will_be(step: int) -> None:
    day = 24 * 60 // step
    tariffs, longer = (book(TARIFFS, NAMES, days * day, step) for days in (2, 4))
    for index in (0, 5, day + 3, 2 * day - 1):  # the last one looks beyond the run
        ahead = tariffs.ahead(index, day)
        assert {getattr(ahead, field.name).shape for field in fields(Ahead)} == {(day, 3)}
        for k in (0, 1, day // 2, day - 1):
            prices = longer.prices(index + k)
            np.testing.assert_array_equal(ahead.retail_eur_per_kwh[k], prices.retail_eur_per_kwh)
            np.testing.assert_array_equal(ahead.feed_in_eur_per_kwh[k], prices.feed_in_eur_per_kwh)
            np.testing.assert_array_equal(ahead.ask_floor_eur_per_kwh[k], prices.ask_floor_eur_per_kwh)
            np.testing.assert_array_equal(ahead.bid_ceiling_eur_per_kwh[k], prices.bid_ceiling_eur_per_kwh)
            np.testing.assert_array_equal(ahead.gas_eur_per_kwh[k], longer.gas_price(index + k))
    np.testing.assert_array_equal(
        tariffs.ahead(3, day).retail_eur_per_kwh.min(axis=0), tariffs.lowest_retail_ahead(3)
    )


def test_gas_ahead_has_carbon_in_it_and_is_nan_without_a_price() -> None:
    gas = book(TARIFFS, NAMES, 24).ahead(22, 4).gas_eur_per_kwh
    # Friday 22:00 to Saturday 2:00; 0.2 kg/kWh at 50 EUR/t is 0.01 EUR/kWh.
    np.testing.assert_allclose(gas[:, 0], [0.12, 0.12, 0.09, 0.09], rtol=1e-12)
    assert np.isnan(gas[:, 1]).all()


def test_later_than_a_day_the_same_day_comes_again() -> None:
    short, long = (book(TARIFFS, NAMES, periods) for periods in (24, 96))
    for tariffs in (short, long):
        ahead = tariffs.ahead(20, 60)
        for field in fields(Ahead):
            values = getattr(ahead, field.name)
            np.testing.assert_array_equal(values[24:48], values[:24])
            np.testing.assert_array_equal(values[48:], values[:12])
            np.testing.assert_array_equal(values, getattr(short.ahead(20, 60), field.name))


def test_last_price_of_a_series_is_held(tmp_path: Path) -> None:
    """The file ends at 4:00 of the second day; network charges beside it go on as they are."""
    rows = [f"2016-06-{10 + k // 24} {k % 24:02d}:00,{0.10 + k / 100:.2f}" for k in range(28)]
    (tmp_path / "prices.csv").write_text("\n".join(["time,price", *rows]) + "\n")
    network = {"windows": [{"from": "06:00", "to": "12:00", "price": 0.05}], "default": 0.0}
    tariff = {"retail": {"energy": {"file": "prices.csv"}, "network": network}, "feed_in": 0.0}
    ahead = book({"default": tariff}, ["default"], 24, folder=tmp_path).ahead(22, 12)
    energy = [0.32, 0.33, 0.34, 0.35, 0.36, 0.37] + [0.37] * 6
    charge = [0.0] * 8 + [0.05] * 4
    np.testing.assert_allclose(ahead.retail_eur_per_kwh[:, 0], np.add(energy, charge), rtol=1e-12)
    np.testing.assert_allclose(ahead.bid_ceiling_eur_per_kwh[:, 0], energy, rtol=1e-12)


def test_periods_outside_the_run_are_refused() -> None:
    tariffs = book(TARIFFS, NAMES, 24)
    for index in (-1, 24):
        with pytest.raises(IndexError, match="not one of the run's 24"):
            tariffs.ahead(index, 2)


def test_who_burns_gas_needs_a_price_for_it() -> None:
    tariffs = book({**TARIFFS, "tou": TARIFFS["flat"]}, [*NAMES, "tou", "tou"], 24)
    tariffs.require_gas(np.array([0, 2, 2]))
    tariffs.require_gas(np.zeros(5, dtype=bool))
    for prosumers in (np.array([4, 3, 1, 0, 4]), np.ones(5, dtype=bool)):
        with pytest.raises(ScenarioError) as caught:
            tariffs.require_gas(prosumers)
        assert [(problem.path, problem.message) for problem in caught.value.problems] == [
            ("tariffs.flat.gas", "tariff 'flat' has no gas price, but prosumers of it burn gas (1)"),
            ("tariffs.tou.gas", "tariff 'tou' has no gas price, but prosumers of it burn gas (2)"),
        ]


def test_short_below_long_is_an_error_that_names_the_hour() -> None:
    noon = {"windows": [{"from": "11:00", "to": "14:00", "price": 0.09}], "default": 0.2}
    tariff = {"retail": 0.3, "feed_in": 0.08, "imbalance": {"short": noon, "long": 0.1}}
    with pytest.raises(ScenarioError) as caught:
        book({"default": tariff}, ["default"], 24)
    (problem,) = caught.value.problems
    assert problem.path == "tariffs.default.imbalance"
    assert problem.message == (
        "imbalance: short 0.09 EUR/kWh is below long 0.1 EUR/kWh, first at 2016-06-10 11:00+02:00"
    )
    book({"default": {**tariff, "allow_arbitrage": True}}, ["default"], 24)
    book({"default": tariff}, ["default"], 11)  # no such hour in this run
    # Left out, both are the utility's own: energy may cost less than feed-in if charges make up for it.
    parts = {"energy": 0.05, "network": 0.2}
    book({"default": {"retail": parts, "feed_in": 0.08}}, ["default"], 24)
    with pytest.raises(ScenarioError, match=r"short 0\.05 EUR/kWh is below long 0\.06 EUR/kWh"):
        book({"default": {"retail": parts, "feed_in": 0.08, "imbalance": {"long": 0.06}}}, ["default"], 24)


def test_problems_point_to_their_lines(tmp_path: Path) -> None:
    text = """\
tariffs:
  default:
    retail: 0.30
    feed_in: 0.08
    gas: {file: gas.csv}
    imbalance:
      short: 0.05
      long: {file: none.csv}
  other:
    retail: 0.30
    feed_in: 0.08
    imbalance: {short: 0.05}
"""
    file = tmp_path / "scenario.yaml"
    document = parse(text, file)
    with pytest.raises(ScenarioError) as caught:
        book(document.data["tariffs"], ["default"], 24, folder=tmp_path)
    found = Source(document).located(caught.value.problems, ())
    assert [(problem.file, problem.line, problem.path) for problem in found] == [
        (file, 8, "tariffs.default.imbalance.long.file"),
        (file, 5, "tariffs.default.gas.file"),
    ]
    tariffs = document.data["tariffs"]
    del tariffs["default"]["gas"], tariffs["default"]["imbalance"]
    with pytest.raises(ScenarioError) as caught:
        book(tariffs, ["default"], 24)
    (problem,) = Source(document).located(caught.value.problems, ())
    assert (problem.line, problem.path) == (12, "tariffs.other.imbalance")
    del tariffs["other"]["imbalance"]
    with pytest.raises(ScenarioError) as caught:
        book(tariffs, ["other"], 24).require_gas(np.array([0]))
    (problem,) = Source(document).located(caught.value.problems, ())
    assert (problem.line, problem.path) == (9, "tariffs.other.gas")
