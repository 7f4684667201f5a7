"""The kernel against a slow implementation in plain Python, and rules that hold for any rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.bidding.behind_the_meter import INDIFFERENT_EUR_PER_KWH, settle_behind_the_meter

DUST = 1e-12


@dataclass
class Row:
    """A row of one owner."""

    owner: int
    draws: bool
    price: float
    kwh: float
    device: int | None  # whose flexibility it uses up
    share_per_kwh: float = 0.0


def by_hand(
    rows: list[Row], left: dict[int, float], retail: list[float], feed_in: list[float]
) -> list[tuple[float, float]]:
    """Filled by own rows and by the utility [kWh]: pairs from the dearest bid and the cheapest ask down."""
    open_kwh = [row.kwh for row in rows]
    filled = [[0.0, 0.0] for _ in rows]

    def possible(number: int) -> float:
        row = rows[number]
        if row.device is None or not row.share_per_kwh:
            return open_kwh[number]
        return min(open_kwh[number], max(left[row.device], 0.0) / row.share_per_kwh)

    def fill(number: int, kwh: float, column: int) -> None:
        row = rows[number]
        filled[number][column] += kwh
        open_kwh[number] -= kwh
        if row.device is not None:
            left[row.device] -= kwh * row.share_per_kwh

    for owner in range(len(retail)):
        own = [number for number, row in enumerate(rows) if row.owner == owner]
        while True:
            bids = [number for number in own if rows[number].draws and possible(number) > DUST]
            asks = [number for number in own if not rows[number].draws and possible(number) > DUST]
            if not bids or not asks:
                break
            bid = max(bids, key=lambda number: rows[number].price)
            ask = min(asks, key=lambda number: rows[number].price)
            if rows[bid].price <= rows[ask].price:
                break
            kwh = min(possible(bid), possible(ask))
            fill(bid, kwh, 0)
            fill(ask, kwh, 0)
        for number in own:
            row = rows[number]
            dearer = retail[owner] - row.price if row.draws else row.price - feed_in[owner]
            if row.device is None or dearer <= INDIFFERENT_EUR_PER_KWH:
                fill(number, max(possible(number), 0.0), 1)
    return [(first, second) for first, second in filled]


def kernel(
    rows: list[Row], left: dict[int, float], retail: list[float], feed_in: list[float]
) -> list[tuple[float, float]]:
    owner = np.array([row.owner for row in rows])
    internal, utility = np.zeros(len(rows)), np.zeros(len(rows))
    settle_behind_the_meter(
        np.argsort(owner, kind="stable"),
        np.searchsorted(np.sort(owner), np.arange(len(retail) + 1)),
        np.array([1 if row.draws else -1 for row in rows]),
        np.array([row.price for row in rows]),
        np.array([-1 if row.device is None else row.device for row in rows]),
        np.array([row.share_per_kwh for row in rows]),
        np.array(retail),
        np.array(feed_in),
        np.array([row.kwh for row in rows]),
        np.array([left[device] for device in sorted(left)]),
        internal,
        utility,
    )
    return list(zip(internal.tolist(), utility.tolist(), strict=True))


PRICES = st.sampled_from([-0.05, 0.0, 0.05, 0.08, 0.1, 0.2, 0.25, 0.3, 0.35])
KWH = st.one_of(st.just(0.0), st.floats(0.01, 20.0))


@st.composite
def households(draw: Any) -> tuple[list[Row], dict[int, float], list[float], list[float]]:
    """Up to three owners: a firm row each, and devices with two rows that share what they can do."""
    owners = draw(st.integers(1, 3))
    rows = [Row(owner, draw(st.booleans()), draw(PRICES), draw(KWH), None) for owner in range(owners)]
    left: dict[int, float] = {}
    for device in range(draw(st.integers(0, 5))):
        owner = draw(st.integers(0, owners - 1))
        left[device] = draw(st.floats(0.0, 1.0))
        lower, higher = sorted((draw(PRICES), draw(PRICES)))
        for draws in (True, False):
            kwh = draw(KWH)
            share = 1.0 / kwh if kwh else 0.0
            rows.append(Row(owner, draws, lower if draws else higher, kwh, device, share))
    feed_in = draw(st.lists(PRICES, min_size=owners, max_size=owners))
    retail = [price + draw(st.integers(0, 300)) * 1e-3 for price in feed_in]
    return rows, left, retail, feed_in


@given(case=households())
def test_the_kernel_does_what_plain_python_does(case: Any) -> None:
    rows, left, retail, feed_in = case
    expected = by_hand(rows, dict(left), retail, feed_in)
    assert np.array(kernel(*case)) == pytest.approx(np.array(expected), abs=1e-9)


@given(case=households())
def test_nothing_is_lost_and_nothing_is_overdrawn(case: Any) -> None:
    rows, left, retail, feed_in = case
    found = kernel(rows, left, retail, feed_in)
    for owner in range(len(retail)):
        own = [(row, filled) for row, filled in zip(rows, found, strict=True) if row.owner == owner]
        drawn = sum(filled[0] for row, filled in own if row.draws)
        given_ = sum(filled[0] for row, filled in own if not row.draws)
        assert drawn == pytest.approx(given_, abs=1e-9)
    for device, share in left.items():
        used = sum(
            sum(filled) * row.share_per_kwh
            for row, filled in zip(rows, found, strict=True)
            if row.device == device
        )
        assert used <= share + 1e-9
    for row, (own_kwh, utility_kwh) in zip(rows, found, strict=True):
        assert own_kwh >= 0.0 and utility_kwh >= 0.0
        assert own_kwh + utility_kwh <= row.kwh + 1e-9
        if row.device is None:
            assert own_kwh + utility_kwh == pytest.approx(row.kwh, abs=1e-9), "firm rows settle in full"


def test_a_battery_takes_surplus_before_the_utility_does() -> None:
    """5 kWh of surplus, a battery that values drawing at 0.2: it takes its 3 kWh, the utility the rest."""
    rows = [
        Row(0, False, 0.08, 5.0, None),
        Row(0, True, 0.2, 3.0, 0, 1 / 3),
        Row(0, False, 0.25, 4.0, 0, 1 / 4),
    ]
    expected = np.array([(3.0, 2.0), (3.0, 0.0), (0.0, 0.0)])
    assert np.array(kernel(rows, {0: 1.0}, [0.3], [0.08])) == pytest.approx(expected)


def test_what_the_market_took_of_a_device_is_gone() -> None:
    """Half of the battery is sold already, so it serves 1 of the 3 kWh that the household lacks."""
    rows = [Row(0, True, 0.3, 3.0, None), Row(0, True, 0.1, 2.0, 0, 0.5), Row(0, False, 0.12, 2.0, 0, 0.5)]
    expected = np.array([(1.0, 2.0), (0.0, 0.0), (1.0, 0.0)])
    assert np.array(kernel(rows, {0: 0.5}, [0.3], [0.08])) == pytest.approx(expected)


def test_neighbours_are_not_seen() -> None:
    rows = [Row(0, False, 0.08, 5.0, None), Row(1, True, 0.3, 5.0, None)]
    assert kernel(rows, {0: 1.0}, [0.3, 0.3], [0.08, 0.08]) == [(0.0, 5.0), (0.0, 5.0)]
