"""Gains from trade against closed forms and a linear program."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from cosim.core.records import BUY, NO_LIMIT, SELL, Orders
from cosim.market.surplus import call_auction_surplus, surplus


def random_orders(seed: int, size: int, limits: int = 0) -> Orders:
    rng = np.random.default_rng(seed)
    return Orders(
        owner=np.arange(size),
        side=rng.choice([BUY, SELL], size),
        price_eur_per_kwh=rng.choice([0.1, 0.15, 0.2, 0.25, 0.3], size),
        quantity_kwh=rng.choice([0.0, 0.5, 1.0, 1.7], size),
        limit=rng.integers(NO_LIMIT, limits, size),
        weight=rng.uniform(0.0, 2.0, size),
        shared=rng.exponential(1.0, limits),
    )


def optimum_by_linear_program(orders: Orders, value: np.ndarray, *, links: bool) -> float:
    """Largest sum of side x value x fill, with what is bought equal to what is sold."""
    rows = [
        np.where(orders.limit == limit, orders.weight, 0.0)
        for limit in range(len(orders.shared) if links else 0)
    ]
    found = linprog(
        -orders.side * value,
        A_ub=np.array(rows) if rows else None,
        b_ub=orders.shared if rows else None,
        A_eq=orders.side[None, :].astype(float),
        b_eq=[0.0],
        bounds=np.column_stack((np.zeros(len(orders)), orders.quantity_kwh)),
    )
    assert found.success
    return -float(found.fun)


def test_surplus_is_value_less_cost() -> None:
    orders = random_orders(0, 3)
    filled, value = np.array([1.0, 2.0, 3.0]), np.array([0.3, 0.2, 0.1])
    expected = float((orders.side * filled * value).sum())
    assert surplus(orders, filled, value) == pytest.approx(expected, rel=1e-12)


def test_call_auction_by_hand() -> None:
    orders = Orders(
        owner=np.arange(4),
        side=np.array([BUY, BUY, SELL, SELL]),
        price_eur_per_kwh=np.zeros(4),
        quantity_kwh=np.array([2.0, 2.0, 3.0, 5.0]),
        limit=np.full(4, NO_LIMIT),
        weight=np.zeros(4),
        shared=np.zeros(0),
    )
    # 2 kWh at 0.30 - 0.10, 1 kWh at 0.20 - 0.10, 1 kWh at 0.20 - 0.15
    value = np.array([0.30, 0.20, 0.10, 0.15])
    assert call_auction_surplus(orders, value) == pytest.approx(0.4 + 0.1 + 0.05, rel=1e-12)


@pytest.mark.parametrize("side", [BUY, SELL])
def test_one_side_alone_gains_nothing(side: int) -> None:
    orders = random_orders(1, 5)
    orders.side[:] = side
    assert call_auction_surplus(orders, orders.price_eur_per_kwh) == 0.0


def test_no_orders_gain_nothing() -> None:
    orders = random_orders(1, 0)
    assert call_auction_surplus(orders, orders.price_eur_per_kwh) == 0.0


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 20))
def test_call_auction_equals_the_linear_program(seed: int, size: int) -> None:
    orders = random_orders(seed, size)
    value = np.random.default_rng(seed).choice([0.0, 0.1, 0.2, 0.3], size)
    expected = optimum_by_linear_program(orders, value, links=False)
    assert call_auction_surplus(orders, value) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 20), st.integers(1, 5))
def test_with_shared_limits_it_is_an_upper_bound(seed: int, size: int, limits: int) -> None:
    orders = random_orders(seed, size, limits)
    bound = call_auction_surplus(orders, orders.price_eur_per_kwh)
    assert optimum_by_linear_program(orders, orders.price_eur_per_kwh, links=True) <= bound + 1e-9
