"""Measures what docs/mechanisms.md tells: `python tests/market/measure_mechanisms.py` prints its tables. It
asserts nothing."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from cosim.benchmarks.market import random_orders
from cosim.core.arrays import FloatArray
from cosim.core.records import BUY, NO_LIMIT, SELL, Band, Clearing, Orders
from cosim.market.mechanism import Mechanism
from cosim.market.registry import create, names
from cosim.market.surplus import call_auction_surplus, surplus

BAND = Band(0.08, 0.30)


def market(traders: int, seed: int, sellers: float = 0.5) -> Orders:
    """One order each, limits uniform over the band, exponential quantities."""
    rng = np.random.default_rng(seed)
    return Orders(
        owner=np.arange(traders),
        side=np.where(rng.random(traders) < sellers, SELL, BUY),
        price_eur_per_kwh=rng.uniform(BAND.low_eur_per_kwh, BAND.high_eur_per_kwh, traders),
        quantity_kwh=rng.exponential(0.5, traders),
        limit=np.full(traders, NO_LIMIT),
        weight=np.zeros(traders),
        shared=np.zeros(0),
    )


def cleared(mechanism: Mechanism, orders: Orders, seed: int) -> Clearing:
    session = mechanism.open(orders, np.random.default_rng(seed), BAND)
    session.advance()
    return session.close()


def efficiency(name: str, traders: int, repetitions: int, sellers: float) -> float:
    """Mean share of the largest surplus when everybody quotes what a kWh is worth to it."""
    mechanism, shares = create(name), []
    for seed in range(repetitions):
        orders = market(traders, seed, sellers)
        value = orders.price_eur_per_kwh
        best = call_auction_surplus(orders, value)
        if best > 0.0:
            shares.append(surplus(orders, cleared(mechanism, orders, seed).traded_kwh, value) / best)
    return float(np.mean(shares))


def lies(name: str, traders: int, repetitions: int) -> tuple[float, float]:
    """Share of random other limit prices that gain something for fixed coins, and the mean gain of the best
    of ten [share of the honest gain of an average trader]."""
    mechanism, rng = create(name), np.random.default_rng(0)
    gained, best, average = [], [], []
    for seed in range(repetitions):
        orders = market(traders, seed)
        honest = gain(orders, orders.price_eur_per_kwh, cleared(mechanism, orders, seed))
        average.append(honest.mean())
        gains = []
        for _ in range(10):
            claimed = orders.price_eur_per_kwh.copy()
            claimed[0] = rng.uniform(BAND.low_eur_per_kwh, BAND.high_eur_per_kwh)
            lying = replace(orders, price_eur_per_kwh=claimed)
            after = gain(orders, orders.price_eur_per_kwh, cleared(mechanism, lying, seed))
            gains.append(after[0] - honest[0])
        gained += [each > 1e-9 for each in gains]
        best.append(max(*gains, 0.0))
    return float(np.mean(gained)), float(np.mean(best) / np.mean(average))


def gain(orders: Orders, value: FloatArray, clearing: Clearing) -> FloatArray:
    """By trader, who has one order each [EUR]."""
    gained: FloatArray = orders.side * value * clearing.traded_kwh - clearing.paid_eur
    return gained


def milliseconds(name: str, count: int, *, links: bool) -> float:
    """Of a session from its opening to its clearing, the median."""
    mechanism, taken = create(name), []
    for seed in range(20 if count < 1000 else 7):
        orders = random_orders(count, seed, links=links)
        start = time.perf_counter()
        cleared(mechanism, orders, seed)
        taken.append(time.perf_counter() - start)
    return 1e3 * float(np.median(taken[1:]))


def main() -> None:
    print("| mechanism | 10 | 100 | 1,000 | 10,000 | 1,000, supply x 2 | lies that pay | best lie of ten |")
    for name in names():
        shares = [efficiency(name, n, r, 0.5) for n, r in ((10, 500), (100, 300), (1000, 50), (10_000, 8))]
        shares.append(efficiency(name, 1000, 50, 2 / 3))
        paid, best = lies(name, 20, 300)
        cells = [f"{share:.2f}" for share in shares] + [f"{100 * paid:.0f} %", f"{100 * best:.0f} %"]
        print(f"| `{name}` | " + " | ".join(cells) + " |")
    print("\n| mechanism | 200 | 200, links | 20,000 | 20,000, links |")
    for name in names():
        times = [milliseconds(name, n, links=links) for n in (200, 20_000) for links in (False, True)]
        print(f"| `{name}` | " + " | ".join(f"{each:.2f} ms" for each in times) + " |")


if __name__ == "__main__":
    main()
