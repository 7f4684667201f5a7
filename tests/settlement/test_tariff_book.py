"""Prices by period: time-of-use on the wall clock, what a trade costs on top, arbitrage, and their size."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.core.clock import Clock
from cosim.core.dispatch import Dispatch, Position
from cosim.core.records import Prices
from cosim.errors import ScenarioError
from cosim.settlement.config import TariffsConfig
from cosim.settlement.rates import RATES
from cosim.settlement.tariffs import TariffBook

PAPER = {
    # Time-of-use prices and feed-in of re-implementations of the IJCAI 2021 double-auction paper.
    "retail": {
        "windows": [
            {"from": "21:00", "to": "09:00", "price": 0.08},
            {"from": "09:00", "to": "17:00", "price": 0.13},
            {"from": "17:00", "to": "21:00", "price": 0.18},
        ]
    },
    "feed_in": 0.04,
}
FULL = {
    "retail": {"energy": 0.10, "network": 0.08, "levies": {"price": 0.05, "p2p": False}, "vat": 0.19},
    "feed_in": 0.06,
}


def clock(first: str = "2016-06-06", step: int = 60, periods: int = 24, zone: str = "Europe/Berlin") -> Clock:
    return Clock(datetime.fromisoformat(first).replace(tzinfo=ZoneInfo(zone)), step, periods)


def book(default: dict[str, Any], at: Clock | None = None, n: int = 1, **others: Any) -> TariffBook:
    config = TariffsConfig.model_validate({"default": default, **others})
    return TariffBook(config, clock() if at is None else at, ["default"] * n)


def retail(tariffs: TariffBook) -> list[float]:
    return [tariffs.prices(k).retail_eur_per_kwh[0] for k in range(tariffs.clock.periods)]


def test_paper_prices_by_hour() -> None:
    tariffs = book(PAPER)
    assert retail(tariffs) == [0.08] * 9 + [0.13] * 8 + [0.18] * 4 + [0.08] * 3
    prices = tariffs.prices(12)
    assert prices.feed_in_eur_per_kwh[0] == 0.04
    assert (prices.low_eur_per_kwh[0], prices.high_eur_per_kwh[0]) == (0.04, 0.18)


def test_without_charges_on_trades_the_band_is_feed_in_to_retail() -> None:
    prices = book(PAPER).prices(18)
    assert prices.bid_ceiling_eur_per_kwh[0] == prices.retail_eur_per_kwh[0] == 0.18
    assert prices.ask_floor_eur_per_kwh[0] == prices.feed_in_eur_per_kwh[0] == 0.04
    assert (prices.trade_factor[0], prices.trade_adder_eur_per_kwh[0]) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("network", "levies", "vat", "ceiling"),
    [
        # Retail is (0.10 + 0.08 + 0.05) x 1.19 = 0.2737 in all cases.
        (True, True, True, 0.10),
        (True, False, True, 0.15),
        (False, False, True, 0.23),
        (True, True, False, 0.2737 - 0.13),
        (False, False, False, 0.2737),
    ],
)
def test_bid_ceiling_takes_off_what_a_trade_pays(
    network: bool, levies: bool, vat: bool, ceiling: float
) -> None:
    parts = {
        "energy": 0.10,
        "network": {"price": 0.08, "p2p": network},
        "levies": {"price": 0.05, "p2p": levies},
        "vat": {"share": 0.19, "p2p": vat},
    }
    prices = book({"retail": parts, "feed_in": 0.06}).prices(0)
    assert prices.retail_eur_per_kwh[0] == pytest.approx(0.2737, rel=1e-12)
    assert prices.bid_ceiling_eur_per_kwh[0] == pytest.approx(ceiling, rel=1e-12)
    in_all = prices.trade_factor * prices.bid_ceiling_eur_per_kwh + prices.trade_adder_eur_per_kwh
    assert in_all[0] == pytest.approx(0.2737, rel=1e-12)


def test_windows_keep_their_place_on_the_wall_clock_when_clocks_change() -> None:
    spring = retail(book(PAPER, clock("2016-03-27", periods=23)))
    assert spring == [0.08] * 8 + [0.13] * 8 + [0.18] * 4 + [0.08] * 3
    autumn = retail(book(PAPER, clock("2016-10-30", periods=25)))
    assert autumn == [0.08] * 10 + [0.13] * 8 + [0.18] * 4 + [0.08] * 3


def test_clock_change_inside_a_period_is_averaged() -> None:
    # Lord Howe Island goes back by half an hour at 02:00 on 3 April 2016: 01:30 to 02:00 comes twice.
    windows = [{"from": "02:00", "to": "03:00", "price": 0.3}]
    tariff = {"retail": {"windows": windows, "default": 0.1}, "feed_in": 0.0}
    at = clock("2016-04-03", periods=4, zone="Australia/Lord_Howe")
    np.testing.assert_allclose(retail(book(tariff, at)), [0.1, 0.1, 0.2, 0.2])


def test_edge_inside_a_period_is_averaged_over_time() -> None:
    tariff = {
        "retail": {"windows": [{"from": "00:20", "to": "01:30", "price": 0.4}], "default": 0.1},
        "feed_in": 0,
    }
    np.testing.assert_allclose(retail(book(tariff, clock(periods=3))), [0.3, 0.25, 0.1])


def test_weekdays_and_weekend() -> None:
    windows = [{"from": "00:00", "to": "24:00", "days": "weekend", "price": 0.1}]
    week = retail(book({"retail": {"windows": windows, "default": 0.2}, "feed_in": 0}, clock(periods=24 * 7)))
    assert week == [0.2] * 24 * 5 + [0.1] * 24 * 2


@given(start=st.integers(0, 23), step=st.sampled_from([5, 15, 30, 60]), day=st.integers(1, 30))
def test_whole_days_cost_the_same_whenever_they_begin(start: int, step: int, day: int) -> None:
    at = clock(f"2016-06-{day:02d} {start:02d}:00", step, 24 * 60 // step)
    assert np.mean(retail(book(PAPER, at))) == pytest.approx((12 * 0.08 + 8 * 0.13 + 4 * 0.18) / 24)


def test_every_prosumer_gets_the_prices_of_its_tariff() -> None:
    config = TariffsConfig.model_validate({"default": {"retail": 0.3, "feed_in": 0.08}, "tou": PAPER})
    by_name = TariffBook(config, clock(), ["tou", "default", "tou"])
    by_index = TariffBook(config, clock(), np.array([1, 0, 1]))
    for tariffs in (by_name, by_index):
        prices = tariffs.prices(18)
        assert prices.retail_eur_per_kwh.tolist() == [0.18, 0.3, 0.18]
        assert prices.feed_in_eur_per_kwh.tolist() == [0.04, 0.08, 0.04]
        assert prices.low_eur_per_kwh.tolist() == [0.04, 0.08, 0.04]
        assert prices.high_eur_per_kwh.tolist() == [0.18, 0.3, 0.18]


def lowest_ahead(tariffs: TariffBook) -> list[float]:
    return [tariffs.lowest_retail_ahead(k)[0] for k in range(tariffs.clock.periods)]


def test_lowest_price_ahead_is_that_of_the_night_within_a_day() -> None:
    """A day and a half from Monday noon: 24 hours from any hour hold a night, also the last one's rest."""
    at = clock("2016-06-06 12:00", periods=36)
    tariffs = book(PAPER, at)
    assert retail(tariffs) == [0.13] * 5 + [0.18] * 4 + [0.08] * 12 + [0.13] * 8 + [0.18] * 4 + [0.08] * 3
    assert lowest_ahead(tariffs) == [0.08] * 36


def test_lowest_price_ahead_looks_beyond_the_run() -> None:
    # Until 21:00 of the second day: its night is known, though the run never gets there.
    tariffs = book(PAPER, clock("2016-06-06 12:00", periods=33))
    assert lowest_ahead(tariffs) == [0.08] * 33
    # From Saturday 10:00 to Sunday 14:00: Monday's cheap hour is within a day of the last hour alone.
    windows = [{"from": "12:00", "to": "13:00", "days": ["mon"], "price": 0.1}]
    week = {"retail": {"windows": windows, "default": 0.3}, "feed_in": 0.0}
    assert lowest_ahead(book(week, clock("2016-06-11 10:00", periods=28))) == [0.3] * 27 + [0.1]


def test_lowest_price_ahead_in_a_series_is_known_to_its_end(tmp_path: Path) -> None:
    """The file ends at 20:00, eight hours after the run; its last hours are the cheapest."""
    falling = [f"2016-06-06 {hour:02d}:00,{0.4 - hour / 100:.2f}" for hour in range(20)]
    (tmp_path / "prices.csv").write_text("\n".join(["time,price", *falling]) + "\n")
    tariff = {"retail": {"energy": {"file": "prices.csv"}, "network": 0.1}, "feed_in": 0.0}
    config = TariffsConfig.model_validate({"default": tariff})
    tariffs = TariffBook(config, clock(periods=12), ["default"], tmp_path)
    np.testing.assert_allclose(lowest_ahead(tariffs), [0.21 + 0.1] * 12)
    assert tariffs.prices(0).high_eur_per_kwh[0] == pytest.approx(0.5)


def test_band_is_that_of_the_tariff_not_of_the_run() -> None:
    # One hour at midnight: the evening's price and the weekend's feed-in are not met in it.
    weekend = [{"from": "00:00", "to": "24:00", "days": "weekend", "price": -0.01}]
    tariff = {**PAPER, "feed_in": {"windows": weekend, "default": 0.04}}
    prices = book(tariff, clock(periods=1)).prices(0)
    assert (prices.low_eur_per_kwh[0], prices.high_eur_per_kwh[0]) == (-0.01, 0.18)
    # Components that peak at different hours: the band goes to the sum of the highest, times VAT.
    early = {"windows": [{"from": "06:00", "to": "07:00", "price": 0.2}], "default": 0.1}
    late = {"windows": [{"from": "18:00", "to": "19:00", "price": 0.3}], "default": 0.1}
    parts = {"energy": early, "network": late, "vat": 0.2}
    high = book({"retail": parts, "feed_in": 0.0}).prices(0).high_eur_per_kwh[0]
    assert high == pytest.approx((0.2 + 0.3) * 1.2)


def test_default_that_never_applies_is_not_in_the_band() -> None:
    retail = {**PAPER["retail"], "default": 0.9}
    assert book({**PAPER, "retail": retail}).prices(0).high_eur_per_kwh[0] == 0.18


def test_public_bounds_hold_in_every_period() -> None:
    """Network charges are paid on trades too: the ceiling takes off the lowest, and stands above all."""
    network = {"windows": [{"from": "06:00", "to": "12:00", "price": 0.03}], "default": 0.05}
    parts = {"energy": {"windows": [{"from": "17:00", "to": "21:00", "price": 0.2}], "default": 0.1}}
    tariff = {"retail": {**parts, "network": network, "vat": 0.2}, "feed_in": 0.04, "gas": 0.06}
    tariffs = book(tariff)
    bounds = tariffs.public_bounds
    assert (bounds.feed_in, bounds.gas) == (0.04, 0.06)
    assert bounds.retail == pytest.approx((0.2 + 0.05) * 1.2)
    assert bounds.ceiling == pytest.approx((bounds.retail - 0.03 * 1.2) / 1.2)
    assert bounds.middle == pytest.approx(0.5 * (0.04 + bounds.retail))
    prices = [tariffs.prices(index) for index in range(24)]
    assert max(each.bid_ceiling_eur_per_kwh[0] for each in prices) < bounds.ceiling
    assert book({**tariff, "gas": None}).public_bounds.gas == 0.0


ACROSS = {
    # A series, windows by day of the week that do not fall on whole hours, and a number.
    "retail": {
        "energy": {"file": "prices.csv", "unit": "EUR/MWh"},
        "network": {
            "windows": [
                {"from": "21:10", "to": "05:50", "days": "weekdays", "price": 0.02},
                {"from": "10:00", "to": "14:00", "days": ["sun"], "price": 0.01},
            ],
            "default": 0.08,
        },
        "levies": {"price": 0.03, "p2p": False},
        "vat": 0.19,
    },
    "feed_in": {"file": "prices.csv", "unit": "EUR/MWh"},
}


@pytest.mark.parametrize("step", [15, 30, 60])
@pytest.mark.parametrize("first", ["2016-03-24", "2016-10-27 05:00"])
@pytest.mark.parametrize("days", [1, 2, 3, 5])
def test_a_longer_run_changes_nothing_of_the_days_before(
    tmp_path: Path, first: str, step: int, days: int
) -> None:
    """Six days across the clock change, and the file ends half an hour after them: every answer for the first
    days is that of a run of these days alone."""
    start = clock(first).start.astimezone(UTC)
    rng = np.random.default_rng(7)
    stamps = [(start + timedelta(minutes=30 * k)).isoformat() for k in range(6 * 48 + 1)]
    rows = [
        f"{stamp},{price:.3f}" for stamp, price in zip(stamps, rng.normal(60, 40, len(stamps)), strict=True)
    ]
    (tmp_path / "prices.csv").write_text("\n".join(["time,price", *rows]) + "\n")
    config = TariffsConfig.model_validate({"default": ACROSS, "tou": PAPER, "flat": FULL})
    names = ["default", "tou", "flat"]
    short, long = (
        TariffBook(config, clock(first, step, n * 24 * 60 // step), names, tmp_path) for n in (days, 6)
    )
    bought, sold, imported, exported = np.array([[0.2, 0, 0], [0, 0.2, 0], [0.3, 0, 1], [0, 0.1, 0]])
    net, none = bought - sold + imported - exported, np.zeros(3)
    money = 0.1 * (bought - sold), 0.1 * bought
    power = Position(net, bought, sold, imported, exported, none, none, *money)
    dispatch = Dispatch({}, {}, power, None, none)
    for k in range(short.clock.periods):
        for field in fields(Prices):
            name = field.name
            np.testing.assert_array_equal(getattr(short.prices(k), name), getattr(long.prices(k), name), name)
        np.testing.assert_array_equal(short.lowest_retail_ahead(k), long.lowest_retail_ahead(k))
        ours, theirs = short.bill(k, dispatch), long.bill(k, dispatch)
        np.testing.assert_array_equal(ours.eur, theirs.eur)
        assert ours.wholesale_eur_per_kwh == theirs.wholesale_eur_per_kwh


def test_price_ahead_is_seen_24_hours_before_and_no_earlier() -> None:
    # Cheap from 10 to 11 on Saturday 11 June; the run begins on Thursday at midnight, period 58 is cheap.
    windows = [{"from": "10:00", "to": "11:00", "days": ["sat"], "price": 0.1}]
    tariff = {"retail": {"windows": windows, "default": 0.3}, "feed_in": 0.0}
    found = lowest_ahead(book(tariff, clock("2016-06-09", periods=72)))
    assert found == [0.3] * 35 + [0.1] * 24 + [0.3] * 13


def test_price_ahead_by_quarter_hours_and_for_each_tariff() -> None:
    config = TariffsConfig.model_validate({"default": {"retail": 0.3, "feed_in": 0.0}, "tou": PAPER})
    tariffs = TariffBook(config, clock("2016-06-06 09:00", 15, 4 * 24), ["tou", "default", "tou"])
    assert tariffs.lowest_retail_ahead(0).tolist() == [0.08, 0.3, 0.08]
    assert tariffs.lowest_retail_ahead(4 * 24 - 1).tolist() == [0.08, 0.3, 0.08]


def test_prices_are_computed_anew_only_when_they_change() -> None:
    tariffs = book(PAPER)
    assert tariffs.prices(0) is tariffs.prices(8)
    assert tariffs.prices(9) is not tariffs.prices(8)


def test_size_depends_on_neither_prosumers_nor_periods() -> None:
    year = book(PAPER, clock(step=15, periods=35_040), n=1000)
    assert year.rates.table.shape == (3, 1, RATES)
    assert year.rates.state.shape == (35_040,)


def test_wholesale_is_the_feed_in_of_default_unless_given() -> None:
    assert set(book(PAPER).wholesale_eur_per_kwh.tolist()) == {0.04}
    assert set(book(PAPER, wholesale=0.07).wholesale_eur_per_kwh.tolist()) == {0.07}


def test_unknown_tariffs_are_told_with_the_nearest() -> None:
    config = TariffsConfig.model_validate({"default": PAPER, "tou": PAPER})
    with pytest.raises(ScenarioError) as caught:
        TariffBook(config, clock(), ["tuo", "default", "flat"])
    assert [problem.remedy for problem in caught.value.problems][1] == "did you mean 'tou'?"
    assert len(caught.value.problems) == 2
    with pytest.raises(ValueError, match="0 to 1"):
        TariffBook(config, clock(), [2])


def test_feed_in_above_retail_is_an_error_that_names_the_hour() -> None:
    tariff = {**PAPER, "feed_in": 0.10}
    with pytest.raises(ScenarioError) as caught:
        book(tariff, clock("2016-06-06 09:00"))
    (problem,) = caught.value.problems
    assert problem.path == "tariffs.default.feed_in"
    assert problem.message.startswith(
        "feed-in 0.1 EUR/kWh exceeds retail 0.08 EUR/kWh, first at 2016-06-06 21:00+02:00"
    )
    assert book({**tariff, "allow_arbitrage": True}).prices(0).feed_in_eur_per_kwh[0] == 0.10
    assert retail(book({**tariff}, clock("2016-06-06 09:00", periods=12)))  # no such hour in this run


def test_all_problems_of_all_series_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text("time,price\n2016-06-06,x\n")
    config = TariffsConfig.model_validate(
        {
            "default": {"retail": {"file": "missing.csv"}, "feed_in": {"file": "bad.csv"}},
            "wholesale": {"file": "none.csv"},
        }
    )
    with pytest.raises(ScenarioError) as caught:
        TariffBook(config, clock(), ["default"], tmp_path)
    assert [(problem.path, problem.message) for problem in caught.value.problems] == [
        ("tariffs.default.retail.energy", "no such file"),
        ("tariffs.default.feed_in", "'x' is not a price"),
        ("tariffs.wholesale", "no such file"),
    ]


def test_note_when_charges_leave_no_room_for_trade() -> None:
    assert book(FULL).notes() == []
    dear = {"retail": {"energy": 0.05, "network": 0.20}, "feed_in": 0.06}
    (note,) = book({**dear, "allow_arbitrage": True}).notes()
    assert "no trade is worth its while" in note


@pytest.mark.parametrize(
    ("gas", "why"),
    [(0.1, ""), (0.18, ""), (10.0, "10 EUR, more than electricity"), (-0.1, "-0.1 EUR, less than nothing")],
)
def test_an_odd_price_of_gas_is_a_note(gas: float, why: str) -> None:
    notes = book(PAPER | {"gas": gas}).notes()
    assert len(notes) == bool(why)
    assert why in "".join(notes)
