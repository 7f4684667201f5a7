"""A mechanism that somebody else wrote, examples/mechanism_plugin.py, and the page that shows it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from cosim.core.records import BUY, NO_LIMIT, SELL, Band, Orders
from cosim.market import audit
from cosim.market.registry import create, load, names
from cosim.market.surplus import call_auction_surplus, surplus

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "mechanisms.md").read_text()
NAME = "mechanism_plugin:PairPrices"


@pytest.fixture(autouse=True)
def _path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "examples"))


def test_every_pair_trades_at_a_price_of_its_own() -> None:
    k = 5
    orders = Orders(
        owner=np.arange(k),
        side=np.array([BUY, BUY, SELL, SELL, SELL]),
        price_eur_per_kwh=np.array([0.30, 0.20, 0.10, 0.16, 0.25]),
        quantity_kwh=np.array([1.0, 2.0, 1.5, 1.0, 1.0]),
        limit=np.full(k, NO_LIMIT),
        weight=np.zeros(k),
        shared=np.zeros(0),
    )
    session = create(NAME, sellers_share=0.25).open(orders, np.random.default_rng(0), Band(0.08, 0.3))
    session.advance()
    clearing = session.close()
    audit.check(orders, clearing, session.limit_prices())
    np.testing.assert_allclose(clearing.trades.price_eur_per_kwh, [0.15, 0.125, 0.17])
    np.testing.assert_allclose(clearing.trades.quantity_kwh, [1.0, 0.5, 1.0])


def test_it_passes_the_audit_with_limits_capacity_and_market_orders() -> None:
    rng = np.random.default_rng(0)
    for seed in range(200):
        size = int(rng.integers(2, 60))
        side = rng.choice([BUY, SELL], size)
        price = np.where(rng.random(size) < 0.1, side * np.inf, rng.uniform(0.0, 0.4, size))
        free = seed % 2 == 0
        orders = Orders(
            owner=rng.integers(0, size, size),
            side=side,
            price_eur_per_kwh=price,
            quantity_kwh=rng.exponential(1.0, size),
            limit=np.full(size, NO_LIMIT) if free else rng.integers(NO_LIMIT, 8, size),
            weight=rng.uniform(0.5, 2.0, size),
            shared=rng.exponential(1.0, 8),
            capacity_kwh=np.inf if free else float(rng.exponential(3.0)),
        )
        session = create(NAME).open(orders, np.random.default_rng(seed), Band(0.08, 0.3))
        session.advance()
        clearing = session.close()
        audit.check(orders, clearing, session.limit_prices())
        if free:
            value = np.clip(price, 0.0, 0.4)
            filled = clearing.traded_kwh + clearing.internal_kwh
            assert surplus(orders, filled, value) == pytest.approx(call_auction_surplus(orders, value))


def test_the_page_shows_the_example_and_names_everything() -> None:
    example = (ROOT / "examples" / "mechanism_plugin.py").read_text()
    assert len(example.splitlines()) < 80
    assert example in re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    for name in names():
        assert f"### `{name}`" in PAGE
        assert PAGE.count(f"| `{name}` |") == 3
        for parameter in load(name).Config.model_fields:
            assert re.search(rf"[` ]{parameter}[`: ]", PAGE)
