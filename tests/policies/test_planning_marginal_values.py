"""The plan of one store: against a linear programme, a fine grid, and days worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from cosim.policies.planning.marginal_values import plan_stores


class Case:
    """One store of one prosumer."""

    def __init__(self, net, buy, sell, *, power=1.0, full=4.0, energy=0.0, eta=(1.0, 1.0), end_value=0.0):
        self.net, self.buy, self.sell = (np.asarray(x, dtype=float) for x in (net, buy, sell))
        count = len(self.net)
        self.low, self.high = np.full(count, -power), np.full(count, power)
        self.floor, self.full = np.zeros(count), np.full(count, full)
        self.retention, self.inflow = np.ones(count), np.zeros(count)
        self.energy, self.eta, self.end_value = energy, eta, end_value

    def plan(self, reluctance: float = 0.0) -> tuple[np.ndarray, float]:
        count = len(self.net)
        plan, value, one = np.zeros((1, count)), np.zeros(1), np.ones(1)
        residual = self.net[None].copy()
        plan_stores(
            residual, np.zeros((1, count, 1)), np.stack([self.sell, self.buy], -1)[None],
            np.zeros(1, np.int64), self.low[None], self.high[None], self.energy * one, self.floor[None],
            self.full[None], self.eta[0] * one, self.eta[1] * one, self.retention[None], self.inflow[None],
            self.end_value * one, reluctance, plan, value,
        )  # fmt: skip
        assert residual[0] == pytest.approx(self.net + plan[0])
        return plan[0], float(value[0])

    def contents(self, plan: np.ndarray) -> np.ndarray:
        inside, found = self.energy, []
        for t, x in enumerate(plan):
            inside = self.retention[t] * inside + self.inflow[t]
            inside += self.eta[0] * max(x, 0.0) + min(x, 0.0) / self.eta[1]
            found.append(inside)
        return np.array(found)

    def cost(self, plan: np.ndarray) -> float:
        net = self.net + plan
        bills = self.buy * np.maximum(net, 0.0) + self.sell * np.minimum(net, 0.0)
        return float(bills.sum() - self.end_value * self.contents(plan)[-1])

    def by_linprog(self) -> float:
        """Columns: charge, discharge, import, export, content. NaN if there is no plan."""
        h = len(self.net)
        cost = np.concatenate([np.zeros(2 * h), self.buy, -self.sell, np.zeros(h)])
        cost[-1] = -self.end_value
        eye, none = np.eye(h), np.zeros((h, h))
        balance = np.hstack([eye, -eye, -eye, eye, none])
        step = np.hstack([-self.eta[0] * eye, eye / self.eta[1], none, none, eye])
        for t in range(1, h):
            step[t, 4 * h + t - 1] = -self.retention[t]
        right = self.inflow.copy()
        right[0] += self.retention[0] * self.energy
        bounds = [(0, x) for x in self.high] + [(0, -x) for x in self.low] + [(0, None)] * (2 * h)
        bounds += list(zip(self.floor, self.full, strict=True))
        found = linprog(
            cost, A_eq=np.vstack([balance, step]), b_eq=np.concatenate([-self.net, right]), bounds=bounds
        )
        return float(found.fun) if found.status == 0 else np.nan

    def by_grid(self, levels: int) -> float:
        """Backward dynamic programme on contents, with lossless moves between levels only."""
        grid = np.linspace(0.0, self.full[0], levels)
        value = -self.end_value * grid
        for t in range(len(self.net) - 1, -1, -1):
            moved = grid[None, :] - grid[:, None]
            x = np.where(moved > 0.0, moved / self.eta[0], moved * self.eta[1])
            net = self.net[t] + x
            cost = self.buy[t] * np.maximum(net, 0.0) + self.sell[t] * np.minimum(net, 0.0)
            cost = np.where((x <= self.high[t] + 1e-12) & (x >= self.low[t] - 1e-12), cost, np.inf)
            value = (cost + value[None, :]).min(axis=1)
        return float(np.interp(self.energy, grid, value))


def random_case(seed: int) -> Case:
    rng = np.random.default_rng(seed)
    h = int(rng.integers(1, 25))
    buy = rng.uniform(0.2, 0.4, h)
    sell = np.maximum(buy - rng.uniform(0.0, 0.3, h), 0.0)
    full = rng.uniform(1.0, 10.0)
    case = Case(
        rng.normal(0.0, 1.0, h), buy, sell, power=rng.uniform(0.2, 3.0), full=full,
        energy=rng.uniform(0.0, full), eta=tuple(rng.uniform(0.7, 1.0, 2)), end_value=rng.uniform(0.0, 0.4),
    )  # fmt: skip
    case.retention = rng.uniform(0.95, 1.0, h)
    if rng.random() < 0.3:
        case.floor[-1] = min(full, case.energy * case.retention.prod() + 0.4 * case.high[0] * case.eta[0] * h)
    if rng.random() < 0.3:
        case.low[:] = 0.0
        case.high[rng.random(h) < 0.4] = 0.0
    if rng.random() < 0.3:
        case.inflow = np.where(rng.random(h) < 0.3, -0.2, 0.0)
    return case


def test_as_good_as_a_linear_programme() -> None:
    compared = 0
    for seed in range(120):
        case = random_case(seed)
        best = case.by_linprog()
        if np.isnan(best):
            continue
        plan, _ = case.plan()
        contents = case.contents(plan)
        assert (contents >= case.floor - 1e-9).all() and (contents <= case.full + 1e-9).all()
        assert (plan >= case.low - 1e-12).all() and (plan <= case.high + 1e-12).all()
        assert case.cost(plan) == pytest.approx(best, abs=1e-8)
        compared += 1
    assert compared > 80


@pytest.mark.parametrize("seed", range(5))
def test_no_grid_is_better_and_a_fine_one_comes_near(seed: int) -> None:
    rng = np.random.default_rng(seed)
    buy = rng.uniform(0.2, 0.4, 24)
    case = Case(
        rng.normal(0.0, 1.0, 24), buy, buy - 0.15, power=1.0, full=4.0, energy=2.0, eta=(0.95, 0.95),
        end_value=0.2,
    )  # fmt: skip
    exact = case.cost(case.plan()[0])
    coarse, fine = case.by_grid(41), case.by_grid(401)
    assert exact <= fine + 1e-9 <= coarse + 2e-9
    # At worst each period is off by one level: 4 kWh / 400 at 0.4 EUR/kWh.
    assert fine - exact < 24 * 0.01 * 0.4


def test_a_day_by_hand() -> None:
    """Night 0.10, noon with 2 kWh of surplus at 0.05, evening 0.40 with 3 kWh of need; 1 kWh a period."""
    buy, sell = [0.10, 0.10, 0.30, 0.30, 0.40, 0.40, 0.40], [0.05] * 7
    net = [0.0, 0.0, -1.0, -1.0, 1.0, 1.0, 1.0]
    case = Case(net, buy, sell, power=1.0, full=4.0)
    plan, value = case.plan()
    # Surplus is cheapest (0.05 given up); one more kWh is bought at night, for the third hour of need.
    assert plan[2:] == pytest.approx([1.0, 1.0, -1.0, -1.0, -1.0])
    assert plan[:2].sum() == pytest.approx(1.0)
    assert case.cost(plan) == pytest.approx(0.10)
    # A kWh more would save the night's purchase, one less would be bought at night, too.
    assert value == pytest.approx(0.10)


def test_losses_decide_whether_to_store() -> None:
    # 0.30 now, 0.35 later, a round trip of 0.81: storing costs 0.37 per kWh given.
    case = Case([0.0, 1.0], [0.30, 0.35], [0.05, 0.05], eta=(0.9, 0.9))
    assert case.plan()[0] == pytest.approx([0.0, 0.0])
    # 0.40 later pays; to give 1 kWh it takes 1 / 0.81 at the terminal.
    case = Case([0.0, 1.0], [0.30, 0.40], [0.05, 0.05], power=2.0, eta=(0.9, 0.9))
    assert case.plan()[0] == pytest.approx([1.0 / 0.81, -1.0])


def test_reluctance_settles_ties_in_favour_of_now() -> None:
    case = Case([-1.0] * 4 + [1.0], [0.3] * 5, [0.05] * 5)
    assert case.plan(1e-5)[0] == pytest.approx([1.0, 0.0, 0.0, 0.0, -1.0])


def test_a_floor_out_of_reach_is_approached() -> None:
    case = Case([0.0] * 3, [0.3] * 3, [0.05] * 3)
    case.floor[-1] = 4.0
    assert case.plan()[0] == pytest.approx([1.0, 1.0, 1.0])


def test_paid_for_taking_it_fills_up() -> None:
    case = Case([0.0, 0.0], [-0.1, 0.2], [-0.1, 0.1], power=1.0, eta=(0.9, 0.9))
    plan, _ = case.plan()
    assert plan == pytest.approx([1.0, -0.81])


@given(seed=st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_a_kwh_more_inside_is_worth_less_the_more_there_is(seed: int) -> None:
    """The cost is convex in what is inside, and the value is its slope."""
    case = random_case(seed)
    case.floor[:] = 0.0
    case.inflow[:] = 0.0
    costs, values = [], []
    for share in (0.1, 0.3, 0.5, 0.7, 0.9):
        case.energy = share * case.full[0]
        plan, value = case.plan()
        costs.append(case.cost(plan))
        values.append(value)
    slopes = -np.diff(costs)
    assert (np.diff(slopes) <= 1e-9).all()
    assert (np.diff(values) <= 1e-9).all()


@given(seed=st.integers(0, 10_000), dearer=st.floats(0.0, 0.2))
@settings(max_examples=40, deadline=None)
def test_dearer_energy_later_makes_what_is_stored_worth_more(seed: int, dearer: float) -> None:
    case = random_case(seed)
    first, before = case.plan()
    case.buy[1:] += dearer
    case.sell[1:] += dearer
    case.end_value += dearer
    plan, after = case.plan()
    assert plan[0] >= first[0] - 1e-9
    assert after >= before - 1e-9


def test_stores_of_one_owner_are_planned_one_after_the_other() -> None:
    """Two batteries, 1 kWh of surplus: the second finds nothing left."""
    count = 2
    residual = np.array([[-1.0, 2.0]])
    plan, value = np.zeros((2, count)), np.zeros(2)
    shape, one = np.ones((2, count)), np.ones(2)
    plan_stores(
        residual, np.zeros((1, count, 1)), np.broadcast_to([0.05, 0.3], (1, count, 2)).copy(),
        np.zeros(2, np.int64), -shape, shape, 0.0 * one, 0.0 * shape, 4.0 * shape, one, one, shape,
        0.0 * shape, 0.0 * one, 1e-5, plan, value,
    )  # fmt: skip
    assert plan == pytest.approx(np.array([[1.0, -1.0], [0.0, 0.0]]), abs=1e-9)
    assert residual[0] == pytest.approx([0.0, 1.0])
