"""Decisions become orders: figures computed by hand.

One home with 2 kWh of deficit and a battery (10 kWh, 5 kW, half full, 0.9 in and 0.8 out), one with 3 kWh of
surplus from curtailable PV, in periods of an hour.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cosim.bidding.electricity import ElectricityBidder as Bidder
from cosim.bidding.fields import action_fields
from cosim.core.records import BUY, NO_LIMIT, SELL
from cosim.devices.fleet import Fleet

BATTERY = {"capacity_kwh": 10, "charge_efficiency": 0.9, "discharge_efficiency": 0.8}


@pytest.fixture
def fleet(kit: Any) -> Fleet:
    site = kit.site(kit.clock(), {"load": [[2.0, 1.0]], "pv": [[0.8]]})
    return kit.fleet(
        {
            "load": [kit.request("load", {}, prosumer=(0, 1))],
            "pv": [kit.request("pv", {"peak_kw": 5}, prosumer=(1,))],
            "battery": [kit.request("battery", BATTERY, prosumer=(0,))],
        },
        site,
        2,
    )


@pytest.fixture
def ranges(fleet: Fleet, kit: Any) -> Any:
    return fleet.ranges(fleet.initial_state(), kit.clock().period(0))


def rows_of(bidder: Bidder, name: str, side: str) -> int:
    return int(getattr(bidder.rows, side)[name].start)


def test_fields_of_both_modes(fleet: Fleet) -> None:
    names = [field.name for field in action_fields(fleet, "reservation")]
    assert names == ["bid_margin", "ask_margin", "battery.value"]
    names = [field.name for field in action_fields(fleet, "setpoint")]
    assert names == ["bid_margin", "ask_margin", "battery.setpoint"]


def test_reservation_mode_by_hand(fleet: Fleet, ranges: Any, kit: Any) -> None:
    bidder = Bidder(fleet, "reservation")
    prices = kit.prices(2, retail=0.30, feed_in=0.08, factor=1.19, adder=0.0595)
    bids = bidder.bids(ranges, np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]), prices)
    up, down = rows_of(bidder, "battery", "up"), rows_of(bidder, "battery", "down")
    curtail = rows_of(bidder, "pv", "up")
    assert bids.firm_kwh == pytest.approx([2.0, -3.0])
    assert bids.side[:2].tolist() == [BUY, SELL]
    assert bids.quantity_kwh[[0, 1, up, down, curtail]] == pytest.approx([2.0, 3.0, 5.0, 4.0, 4.0])
    # 0.08 x 0.8 to 0.30 / 0.9, action 0 is halfway
    value = 0.5 * (0.064 + 0.3333333333)
    reservation = [0.30, 0.08, value * 0.9, value / 0.8, 0.0]
    assert bids.reservation_eur_per_kwh[[0, 1, up, down, curtail]] == pytest.approx(reservation)
    # bids pay VAT and charges on top: 1.19 p + 0.0595 = what it is worth
    ceiling = (0.30 - 0.0595) / 1.19
    limits = [ceiling, 0.08, (value * 0.9 - 0.0595) / 1.19, value / 0.8, -0.0595 / 1.19]
    assert bids.limit_price_eur_per_kwh[[0, 1, up, down, curtail]] == pytest.approx(limits)
    assert bids.weight[[up, down]] == pytest.approx([1 / 5, 1 / 4])
    assert bidder.rows.limit[[up, down]].tolist() == [3, 3], "the fourth device of the fleet"
    assert bidder.rows.limit[:2].tolist() == [NO_LIMIT] * 2


@pytest.mark.parametrize(("action", "firm"), [(1.0, 7.0), (0.5, 4.5), (0.0, 2.0), (-0.5, 0.0), (-1.0, -2.0)])
def test_setpoint_mode_by_hand(fleet: Fleet, ranges: Any, kit: Any, action: float, firm: float) -> None:
    bidder = Bidder(fleet, "setpoint")
    bids = bidder.bids(ranges, np.array([[0.0, 0.0, action], [0.0, 0.0, 0.0]]), kit.prices(2))
    up, down = rows_of(bidder, "battery", "up"), rows_of(bidder, "battery", "down")
    assert bids.firm_kwh == pytest.approx([firm, -3.0])
    assert bids.quantity_kwh[0] == pytest.approx(abs(firm))
    assert bids.side[0] == (BUY if firm >= 0 else SELL)
    assert bids.reservation_eur_per_kwh[0] == (0.30 if firm >= 0 else 0.08)
    assert bids.quantity_kwh[[up, down]].tolist() == [0.0, 0.0], "nothing is conditional"
    assert bids.quantity_kwh[rows_of(bidder, "pv", "up")] == pytest.approx(4.0), "PV can still be curtailed"


@pytest.mark.parametrize(
    ("margin", "bid", "ask"), [(-1.0, 0.30, 0.08), (0.0, 0.19, 0.19), (1.0, 0.08, 0.30), (-0.5, 0.245, 0.135)]
)
def test_margins_lead_from_the_limit_to_the_far_end(
    fleet: Fleet, ranges: Any, kit: Any, margin: float, bid: float, ask: float
) -> None:
    bidder, prices = Bidder(fleet, "reservation"), kit.prices(2)
    bids = bidder.bids(ranges, np.zeros((2, 3)), prices)
    quotes = bidder.quotes(bids, np.full((2, 2), margin), prices)
    assert quotes[:2] == pytest.approx([bid, ask])


def test_sides_have_margins_of_their_own(fleet: Fleet, ranges: Any, kit: Any) -> None:
    bidder, prices = Bidder(fleet, "reservation"), kit.prices(2)
    bids = bidder.bids(ranges, np.zeros((2, 3)), prices)
    quotes = bidder.quotes(bids, np.array([[1.0, -1.0], [1.0, -1.0]]), prices)
    assert quotes[0] == pytest.approx(0.08), "the bid at its far end"
    assert quotes[1] == pytest.approx(0.08), "the ask at its limit"


def test_a_limit_beyond_the_band_stays_put(fleet: Fleet, ranges: Any, kit: Any) -> None:
    """An ask above everybody's ceiling is not lowered by a margin, a bid below the floor is not raised."""
    bidder, prices = Bidder(fleet, "reservation"), kit.prices(2)
    for action in (-1.0, 1.0):
        bids = bidder.bids(ranges, np.array([[0.0, 0.0, action], [0.0, 0.0, 0.0]]), prices)
        limit = bids.limit_price_eur_per_kwh
        quotes = bidder.quotes(bids, np.ones((2, 2)), prices)
        bid = bids.side == BUY
        assert (quotes[bid] <= limit[bid]).all() and (quotes[~bid] >= limit[~bid]).all()
        beyond = ~bid & (limit > 0.30)
        assert quotes[beyond] == pytest.approx(limit[beyond])


def test_hopeless_and_empty_rows_and_those_who_do_not_trade_are_left_out(
    fleet: Fleet, ranges: Any, kit: Any
) -> None:
    bidder, prices = Bidder(fleet, "reservation"), kit.prices(2)
    up, down = rows_of(bidder, "battery", "up"), rows_of(bidder, "battery", "down")
    everybody = np.ones(2, dtype=bool)
    for action, expected in ((0.0, [0, 1, up, down]), (1.0, [0, 1, up]), (-1.0, [0, 1, down])):
        bids = bidder.bids(ranges, np.array([[0.0, 0.0, action], [0.0, 0.0, 0.0]]), prices)
        quotes = bidder.quotes(bids, np.zeros((2, 2)), prices)
        orders, chosen = bidder.orders(bids, quotes, prices, everybody)
        # at 1 it would give for 0.42 only, at -1 draw for 0.058; nobody produces less for 0
        assert chosen.tolist() == expected
        assert orders.price_eur_per_kwh == pytest.approx(quotes[chosen])
    orders, chosen = bidder.orders(bids, quotes, prices, np.array([False, True]))
    assert chosen.tolist() == [1] and orders.owner.tolist() == [1]


@pytest.mark.parametrize("inside", [1e-14, 1e-200, 1e-318])
def test_rounding_that_is_left_in_a_store_is_no_order(fleet: Fleet, kit: Any, inside: float) -> None:
    """A store that gives all it has keeps some 1e-16 of it, and so on: 1 / 1e-318 is no number."""
    bidder, prices = Bidder(fleet, "reservation"), kit.prices(2)
    ranges = fleet.ranges(
        {**fleet.initial_state(), "battery": {"soc_kwh": np.array([inside])}}, kit.clock().period(0)
    )
    bids = bidder.bids(ranges, np.zeros((2, 3)), prices)
    assert bids.quantity_kwh[rows_of(bidder, "battery", "down")] > 0.0
    assert np.isfinite(bids.weight).all()
    _, chosen = bidder.orders(bids, bids.limit_price_eur_per_kwh, prices, np.ones(2, dtype=bool))
    assert rows_of(bidder, "battery", "down") not in chosen
    assert rows_of(bidder, "battery", "up") in chosen


def test_curtailment_is_for_trade_when_feeding_in_costs_money(fleet: Fleet, ranges: Any, kit: Any) -> None:
    bidder, prices = Bidder(fleet, "reservation"), kit.prices(2, feed_in=-0.05)
    bids = bidder.bids(ranges, np.zeros((2, 3)), prices)
    _, chosen = bidder.orders(bids, bids.limit_price_eur_per_kwh, prices, np.ones(2, dtype=bool))
    assert rows_of(bidder, "pv", "up") in chosen.tolist()


def test_values_range_from_giving_to_drawing_at_any_price(fleet: Fleet, ranges: Any, kit: Any) -> None:
    bidder, prices = Bidder(fleet, "reservation"), kit.prices(2, low=0.05, high=0.40)
    up, down = rows_of(bidder, "battery", "up"), rows_of(bidder, "battery", "down")
    bids = bidder.bids(ranges, np.array([[0, 0, -1.0], [0, 0, 0]]), prices)
    assert bids.reservation_eur_per_kwh[down] == pytest.approx(0.05)
    bids = bidder.bids(ranges, np.array([[0, 0, 1.0], [0, 0, 0]]), prices)
    assert bids.reservation_eur_per_kwh[up] == pytest.approx(0.40)


@pytest.mark.parametrize(
    ("efficiency", "low", "factor", "margin"),
    [(1.0, 0.08, 1.0, -1.0), (1.0, 0.08, 1.0, 1.0), (0.9, -0.06, 1.0, -1.0), (0.9, -0.06, 1.19, 0.0)],
)
def test_a_device_never_trades_with_itself(
    kit: Any, efficiency: float, low: float, factor: float, margin: float
) -> None:
    """Not without losses, where drawing and giving are worth the same, nor where energy is worth less than
    nothing, so that losses are a gain."""
    config = {"capacity_kwh": 10, "charge_efficiency": efficiency, "discharge_efficiency": efficiency}
    site = kit.site(kit.clock(), {"load": [[0.0]]})
    fleet = kit.fleet(
        {"load": [kit.request("load", {})], "battery": [kit.request("battery", config)]}, site, 1
    )
    bidder, prices = Bidder(fleet, "reservation"), kit.prices(1, feed_in=low, low=low, factor=factor)
    spans = fleet.ranges(fleet.initial_state(), kit.clock().period(0))
    for action in (-1.0, -0.9, 0.0, 1.0):
        bids = bidder.bids(spans, np.array([[0.0, 0.0, action]]), prices)
        up, down = rows_of(bidder, "battery", "up"), rows_of(bidder, "battery", "down")
        quotes = bidder.quotes(bids, np.full((1, 2), margin), prices)
        assert quotes[up] < quotes[down]
        assert bids.reservation_eur_per_kwh[up] <= bids.reservation_eur_per_kwh[down]


def offered(kit: Any, load: float, sun: float, action: float, **prices: float) -> dict[str, float]:
    """What a prosumer with PV (6 kWp) and a battery (5 kWh either way) submits: row -> quantity."""
    battery = {"capacity_kwh": 10, "charge_efficiency": 1, "discharge_efficiency": 1}
    site = kit.site(kit.clock(), {"load": [[load]], "pv": [[sun / 6.0]]})
    fleet = kit.fleet(
        {
            "load": [kit.request("load", {})],
            "pv": [kit.request("pv", {"peak_kw": 6})],
            "battery": [kit.request("battery", battery)],
        },
        site,
        1,
    )
    bidder, known = Bidder(fleet, "reservation"), kit.prices(1, **prices)
    spans = fleet.ranges(fleet.initial_state(), kit.clock().period(0))
    bids = bidder.bids(spans, np.array([[-1.0, -1.0, action]]), known)
    orders, chosen = bidder.orders(bids, bids.limit_price_eur_per_kwh, known, np.ones(1, dtype=bool))
    names = {0: "firm"}
    for side in ("up", "down"):
        names |= {rows_of(bidder, kind, side): f"{kind} {side}" for kind in ("pv", "battery")}
    found = {names[row]: kwh for row, kwh in zip(chosen.tolist(), orders.quantity_kwh.tolist(), strict=True)}
    return {name: pytest.approx(kwh) for name, kwh in found.items()}


def test_own_need_comes_before_the_market(kit: Any) -> None:
    # A deficit of 2: the battery could give 5, and offers 3.
    assert offered(kit, 2.0, 0.0, 0.0) == {"firm": 2.0, "battery up": 5.0, "battery down": 3.0}
    # A deficit that it can only just cover: it offers nothing.
    assert offered(kit, 5.0, 0.0, 0.0) == {"firm": 5.0, "battery up": 5.0}
    # A surplus of 4: the battery could take 5, and asks for 1. Curtailing does not count.
    assert offered(kit, 1.0, 5.0, 0.0) == {"firm": 4.0, "battery up": 1.0, "battery down": 5.0}
    # Where feeding in costs money it does: 5 of the battery and 5 of the PV against 4.
    costly = offered(kit, 1.0, 5.0, 0.0, feed_in=-0.05)
    assert costly == {"firm": 4.0, "pv up": 3.0, "battery up": 3.0, "battery down": 5.0}


def test_a_dear_battery_covers_no_deficit(kit: Any) -> None:
    """Its energy is worth as much as the utility asks: all of it is for trade, at that price."""
    assert offered(kit, 2.0, 0.0, 1.0) == {"firm": 2.0, "battery up": 5.0, "battery down": 5.0}
