"""The linear programme: hand-worked cases, an independent formulation, conservation, and what duals mean."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import linprog

from cosim.core.envelope import Envelope
from cosim.errors import PolicyError
from cosim.policies.planning.blocks import Blocks, by_block
from cosim.policies.planning.household import plan_households
from cosim.policies.planning.programme import optimise


def test_two_prosumers_by_hand(make) -> None:
    """Noon: 0 has 3 kWh of surplus, 1 needs 1 kWh. Evening: 1 needs 2 kWh; 0 owns a battery of 1 kWh.

    Retail 0.30 and 0.40, feed-in 0.05, 0.10 on each kWh bought from another. At noon 1 kWh goes to the
    neighbour (0.10), 1 kWh into the battery, 1 kWh is fed in (-0.05). In the evening the battery's kWh goes
    to the neighbour (0.10), the other one is bought at 0.40. In all 0.10 - 0.05 + 0.10 + 0.40 = 0.55.
    """
    look = make.outlook(
        {
            "load": make.firm([0, 1], [[-3.0, 1.0], [0.0, 2.0]]),
            "battery": make.battery([0], 2, full=1.0, power=1.0),
        },
        [0.30, 0.40],
        [0.05, 0.05],
        n=2,
        charge=0.10,
    )
    found = optimise(look)
    assert found.cost_eur == pytest.approx(0.55)
    assert found.objective_eur == pytest.approx(0.55, abs=1e-4)
    assert found.energy_kwh["battery"][:, 0] == pytest.approx([1.0, -1.0])
    assert found.inside_kwh["battery"][:, 0] == pytest.approx([1.0, 0.0])
    flows = found.flows_kwh
    assert flows["export"] == pytest.approx(np.array([[1.0, 0.0], [0.0, 0.0]]))
    assert flows["import"] == pytest.approx(np.array([[0.0, 0.0], [0.0, 1.0]]))
    assert flows["bought"] == pytest.approx(np.array([[0.0, 1.0], [0.0, 1.0]]))
    assert flows["sold"] == pytest.approx(np.array([[1.0, 0.0], [1.0, 0.0]]))
    # A kWh more for 1 would be what is fed in, and the charge; in the evening the utility's.
    assert found.price[:, 1] == pytest.approx([0.15, 0.40], abs=1e-5)
    assert found.price[:, 0] == pytest.approx([0.05, 0.30], abs=1e-5)
    # Without trade: 0 feeds in 3 kWh (nothing to store for), 1 buys 1 kWh and 2 kWh.
    assert optimise(look, trade=False).cost_eur == pytest.approx(-0.15 + 0.30 + 0.80)


def test_heat_by_hand(make) -> None:
    """Two neighbours need 1 kWh of heat each, in one period. 0 has a heat pump (COP 3, 2 kWh), 1 a boiler
    (0.9). Electricity 0.30: heat from the pump costs 0.10, from the boiler 0.12 / 0.9 = 0.1333. A tenth is
    lost on the way: 1 kWh delivered costs 0.1111, so that the pump serves both as far as it goes. It has
    1 kWh left beyond its owner's need, which delivers 0.9; the boiler gives 0.1."""
    devices = {
        "heat_load": make.firm([0, 1], [[1.0, 1.0]], "heat"),
        "heat_pump": make.source([0], 1, 2.0, electricity=1.0 / 3.0),
        "boiler": make.source([1], 1, 5.0, gas=1.0 / 0.9),
    }
    look = make.outlook(devices, [0.30], [0.05], n=2, gas=0.12, heat_market=0.1, loss=0.1)
    found = optimise(look)
    assert found.cost_eur == pytest.approx(2.0 * 0.10 + 0.1 * 0.12 / 0.9)
    assert found.energy_kwh["heat_pump"][0] == pytest.approx([-2.0])
    assert found.energy_kwh["boiler"][0] == pytest.approx([-0.1])
    assert found.flows_kwh["heat_sold"][0] == pytest.approx([1.0, 0.0])
    assert found.flows_kwh["heat_bought"][0] == pytest.approx([0.0, 0.9])
    assert found.gas_kwh[0] == pytest.approx([0.0, 0.1 / 0.9])
    assert found.heat_price[0, 1] == pytest.approx(0.12 / 0.9, abs=1e-5)
    # The loop delivers no more than 0.5 kWh: the boiler gives the other half.
    narrow = optimise(replace(look, loop_capacity_kwh=0.5))
    assert narrow.energy_kwh["boiler"][0] == pytest.approx([-0.5])
    # Outside the loop each is on its own.
    alone = optimise(replace(look, heat_loop=np.array([True, False])))
    assert alone.cost_eur == pytest.approx(0.10 + 0.12 / 0.9)


def test_heat_that_nobody_can_give_is_counted(make) -> None:
    devices = {
        "heat_load": make.firm([0], [[3.0]], "heat"),
        "boiler": make.source([0], 1, 1.0, gas=1.0),
    }
    found = optimise(make.outlook(devices, [0.3], [0.05]))
    assert found.flows_kwh["unserved"][0] == pytest.approx([2.0])
    assert found.cost_eur == pytest.approx(0.1)
    assert found.objective_eur == pytest.approx(0.1 + 2.0 * 10.0)


def random_community(make, seed: int):
    """Loads, batteries, heat pumps, boilers, tanks and loads with a deadline of three prosumers."""
    rng = np.random.default_rng(seed)
    n, count = 3, 6
    retail = rng.uniform(0.25, 0.4, count)
    devices = {
        "load": make.firm([0, 1, 2], rng.normal(0.5, 1.5, (count, n))),
        "heat_load": make.firm([0, 1], rng.uniform(0.0, 2.0, (count, 2)), "heat"),
        "battery": make.battery([0, 2], count, full=3.0, power=1.0, energy=1.0, efficiency=0.9),
        "tank": make.battery([1], count, full=5.0, power=2.0, energy=2.0, carrier="heat", retention=0.95),
        "heat_pump": make.source([0], count, 3.0, electricity=0.3),
        "boiler": make.source([1], count, 4.0, gas=1.1),
        "washer": make.owned(
            [2],
            "load",
            Envelope(
                "electricity", np.zeros((count, 1)), np.full((count, 1), 0.8), total_kwh=np.array([2.0])
            ),
        ),
    }
    return make.outlook(
        devices, retail, retail - 0.2, n=n, charge=0.04, gas=0.12, heat_market=0.1, loss=0.05,
        stored_value=0.1,
    )  # fmt: skip


def by_linprog(look, trade: bool) -> float:  # noqa: PLR0912, PLR0915 # plain and long, to be sure
    """The same programme once more, variable by variable."""
    names: list[str] = []
    cost: list[float] = []
    bounds: list[tuple[float, float | None]] = []

    def add(name, price=0.0, low=0.0, high=None):
        names.append(name)
        cost.append(price)
        bounds.append((low, high))
        return len(names) - 1

    n, count = len(look), look.count
    rows: list[dict[int, float]] = []
    right: list[float] = []
    balance = {(c, i, t): {} for c in ("electricity", "heat") for i in range(n) for t in range(count)}

    def count_in(key, column, amount):
        balance[key][column] = balance[key].get(column, 0.0) + amount

    for kind, own in look.devices.items():
        env = own.envelope
        for d, i in enumerate(own.owner):
            before, sums = None, {}
            for t in range(count):
                low, high = env.low_kwh[t, d], env.high_kwh[t, d]
                taken = {env.carrier: 1.0} | {c: a[t, d] for c, a in env.inputs.items()}
                gas = taken.get("gas", 0.0) * look.gas_price[t, i]
                if env.store is None:
                    parts = [(add(f"{kind} {d} {t}", gas, low, high), 1.0)]
                    sums[parts[0][0]] = 1.0
                else:
                    s = env.store
                    c = add(f"{kind} {d} {t} in", 0.0, 0.0, high)
                    g = add(f"{kind} {d} {t} out", 0.0, 0.0, -low)
                    end = t == count - 1 and env.carrier == "electricity"
                    worth = look.stored_value[i] * s.discharge_efficiency[d] if end else 0.0
                    if t == count - 1 and env.carrier == "heat":
                        worth = float(np.mean(1.1 * look.gas_price[:, i]))  # its owner's boiler
                    e = add(f"{kind} {d} {t} inside", -worth, s.floor_kwh[t, d], s.full_kwh[t, d])
                    row = {e: 1.0, c: -s.charge_efficiency[d], g: 1.0 / s.discharge_efficiency[d]}
                    r = s.inflow_kwh[t, d]
                    if before is None:
                        r += s.retention[t, d] * s.energy_kwh[d]
                    else:
                        row[before] = -s.retention[t, d]
                    rows.append(row)
                    right.append(r)
                    before, parts = e, [(c, 1.0), (g, -1.0)]
                for carrier, amount in taken.items():
                    if carrier != "gas":
                        for column, sign in parts:
                            count_in((carrier, i, t), column, -amount * sign)
            if env.total_kwh is not None:
                rows.append(sums)
                right.append(env.total_kwh[d])
    for t in range(count):
        market, loop = {}, {}
        for i in range(n):
            key = ("electricity", i, t)
            count_in(key, add("import", look.retail[t, i]), 1.0)
            count_in(key, add("export", -look.feed_in[t, i]), -1.0)
            count_in(("heat", i, t), add("unserved", 10.0), 1.0)
            count_in(("heat", i, t), add("dumped"), -1.0)
            if trade:
                b, s = add("bought", look.retail[t, i] - look.bid_ceiling[t, i]), add("sold")
                hb, hs = add("heat bought"), add("heat sold")
                market |= {b: 1.0, s: -1.0}
                count_in(key, b, 1.0)
                count_in(key, s, -1.0)
                if i < 2:  # who has a device for heat
                    loop |= {hb: 1.0, hs: look.loss_factor - 1.0}
                    count_in(("heat", i, t), hb, 1.0)
                    count_in(("heat", i, t), hs, -1.0)
        for row in (market, loop):
            rows.append(row)
            right.append(0.0)
    rows += list(balance.values())
    right += [0.0] * len(balance)
    matrix = np.zeros((len(rows), len(names)))
    for r, row in enumerate(rows):
        for column, amount in row.items():
            matrix[r, column] = amount
    found = linprog(cost, A_eq=matrix, b_eq=right, bounds=bounds)
    assert found.status == 0
    return float(found.fun)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("trade", [True, False])
def test_as_an_independent_programme(make, seed: int, trade: bool) -> None:
    look = random_community(make, seed)
    found = optimise(look, trade=trade)
    # A least charge of 1e-6 on what is traded, some 60 kWh.
    assert found.objective_eur == pytest.approx(by_linprog(look, trade), abs=1e-4)


def test_energy_is_conserved_and_heat_balances(make) -> None:
    look = random_community(make, 9)
    found = optimise(look)
    n, count, flows = len(look), look.count, found.flows_kwh
    net = {"electricity": np.zeros((count, n)), "heat": np.zeros((count, n)), "gas": np.zeros((count, n))}
    for kind, own in look.devices.items():
        energy = found.energy_kwh[kind]
        assert (energy >= own.envelope.low_kwh - 1e-7).all() and (
            energy <= own.envelope.high_kwh + 1e-7
        ).all()
        for d, i in enumerate(own.owner):
            net[own.envelope.carrier][:, i] += energy[:, d]
            for carrier, amount in own.envelope.inputs.items():
                net[carrier][:, i] += energy[:, d] * amount[:, d]
    traded = flows["bought"] - flows["sold"]
    assert flows["import"] - flows["export"] + traded == pytest.approx(net["electricity"], abs=1e-7)
    heat = flows["heat_bought"] - flows["heat_sold"] + flows["unserved"] - flows["dumped"]
    assert heat == pytest.approx(net["heat"], abs=1e-7)
    assert found.gas_kwh == pytest.approx(net["gas"])
    assert traded.sum(axis=1) == pytest.approx(np.zeros(count), abs=1e-7)
    assert flows["heat_bought"].sum(axis=1) == pytest.approx(0.95 * flows["heat_sold"].sum(axis=1))
    assert found.energy_kwh["washer"].sum() == pytest.approx(2.0)
    assert found.outside_kwh == 0.0
    assert found.cost_eur == pytest.approx(
        (look.retail * flows["import"] - look.feed_in * flows["export"] + 0.04 * flows["bought"]).sum()
        + 0.12 * net["gas"].sum()
    )


@pytest.mark.parametrize("kind", ["battery", "tank"])
def test_value_of_stored_energy_is_what_a_little_more_saves(make, kind: str) -> None:
    look = random_community(make, 3)
    own = look.devices[kind]
    store = own.envelope.store

    def cost(more: float) -> float:
        energy = store.energy_kwh.copy()
        energy[0] += more
        envelope = replace(own.envelope, store=replace(store, energy_kwh=energy))
        devices = {**look.devices, kind: replace(own, envelope=envelope)}
        return optimise(replace(look, devices=devices)).objective_eur

    found = optimise(look).value[kind][0, 0] * store.retention[0, 0]
    left, right = (cost(-0.001) - cost(0.0)) / 0.001, (cost(0.0) - cost(0.001)) / 0.001
    assert right - 1e-5 <= found <= left + 1e-5


def test_trading_never_costs(make) -> None:
    for seed in range(3):
        look = random_community(make, seed)
        assert optimise(look).objective_eur <= optimise(look, trade=False).objective_eur + 1e-4


def test_alone_a_battery_is_planned_as_by_its_owner(make) -> None:
    """One store: the dynamic programme of the price-taker is the optimum."""
    rng = np.random.default_rng(5)
    retail = rng.uniform(0.2, 0.4, 24)
    devices = {
        "load": make.firm([0], rng.normal(0.2, 1.0, (24, 1))),
        "battery": make.battery([0], 24, full=4.0, power=1.0, energy=1.5, efficiency=0.95),
    }
    look = make.outlook(devices, retail, retail - 0.15, stored_value=0.2)
    plan = plan_households(look, look.retail, look.feed_in, reluctance=0.0)
    net = plan.electricity_kwh[:, 0]
    bill = float((retail * np.maximum(net, 0.0) + (retail - 0.15) * np.minimum(net, 0.0)).sum())
    x = plan.energy_kwh["battery"][:, 0]
    end = 1.5 + (0.95 * np.maximum(x, 0.0) + np.minimum(x, 0.0) / 0.95).sum()
    assert bill - 0.2 * 0.95 * end == pytest.approx(optimise(look).objective_eur, abs=1e-6)


def test_a_window_that_cannot_be_kept_is_counted(make) -> None:
    devices = {"ev": make.battery([0], 2, full=9.0, floor=[0.0, 5.0], power=1.0)}
    found = optimise(make.outlook(devices, [0.3, 0.3], [0.05, 0.05]))
    assert found.energy_kwh["ev"][:, 0] == pytest.approx([1.0, 1.0])
    assert found.outside_kwh == pytest.approx(3.0)


def test_no_solution_is_an_error(make) -> None:
    wrong = Envelope("electricity", np.array([[1.0], [0.0]]), np.array([[0.0], [1.0]]))
    look = make.outlook({"load": make.owned([0], "load", wrong)}, [0.3, 0.3], [0.05, 0.05])
    with pytest.raises(PolicyError, match=r"the linear programme \(.* variables, .* rows\) was not solved"):
        optimise(look)


def test_blocks() -> None:
    blocks = Blocks.of(96, 0.25, 6.0, 1.0)
    assert blocks.width.tolist() == [1] * 24 + [4] * 18
    assert Blocks.of(10, 1.0, 4.0, 4.0).width.tolist() == [1, 1, 1, 1, 4, 2]
    assert Blocks.of(2, 1.0, 6.0, 1.0).width.tolist() == [1, 1]
    values = np.arange(10.0)[:, None]
    few = Blocks.of(10, 1.0, 4.0, 4.0)
    assert few.total(values)[:, 0].tolist() == [0.0, 1.0, 2.0, 3.0, 22.0, 17.0]
    assert few.mean(values)[:, 0].tolist() == [0.0, 1.0, 2.0, 3.0, 5.5, 8.5]
    half = np.full((10, 1), 0.5)
    assert few.product(half)[:, 0].tolist() == [0.5] * 4 + [0.0625, 0.25]
    # One kWh comes in each period and halves in each later one of its block.
    assert few.carried(np.ones((10, 1)), half)[:, 0].tolist() == [1.0] * 4 + [1.875, 1.5]


def test_blocks_keep_what_is_stored_and_bound_the_cost_from_below(make) -> None:
    look = random_community(make, 4)
    blocks = Blocks.of(look.count, 1.0, 2.0, 2.0)
    coarse = by_block(look, blocks)
    store, whole = coarse.devices["tank"].envelope.store, look.devices["tank"].envelope.store
    assert store.retention[2, 0] == pytest.approx(0.95**2)
    assert store.full_kwh[2, 0] == whole.full_kwh[3, 0]
    total = coarse.devices["load"].envelope.low_kwh.sum(axis=0)
    assert total == pytest.approx(look.devices["load"].envelope.low_kwh.sum(axis=0))
    flat = replace(look, retail=np.full_like(look.retail, 0.3), feed_in=np.full_like(look.retail, 0.1))
    flat = replace(flat, bid_ceiling=flat.retail - 0.04, ask_floor=flat.feed_in)
    assert optimise(flat, blocks).objective_eur <= optimise(flat).objective_eur + 1e-6


@pytest.mark.parametrize("seed", range(3))
def test_leaving_out_what_no_optimum_does_changes_nothing(make, seed: int) -> None:
    look = random_community(make, seed)
    for trade in (True, False):
        full, lean = optimise(look, trade=trade), optimise(look, trade=trade, lean=True)
        assert lean.objective_eur == pytest.approx(full.objective_eur, rel=1e-9)


def test_the_market_price_is_what_the_longer_side_gets(make) -> None:
    """0 has 3 kWh too much, 1 needs 1 kWh; then 0 has 1 kWh, 1 needs 3. A kWh bought costs 0.10 on top."""
    look = make.outlook(
        {"load": make.firm([0, 1], [[-3.0, 1.0], [-1.0, 3.0]])}, [0.3, 0.3], [0.05, 0.05], n=2, charge=0.10
    )
    found = optimise(look)
    assert found.market_price == pytest.approx([0.05, 0.20], abs=1e-5)
    # By prosumer: 0 feeds in 2 kWh, 1 pays charges on 2 kWh and the utility for 2.
    assert found.bills_eur == pytest.approx([-0.10, 0.20 + 0.60])
    assert found.cost_eur == pytest.approx(found.bills_eur.sum())
    assert np.isnan(optimise(look, trade=False).market_price).all()


def test_heat_at_given_prices_by_hand(make) -> None:
    """1 kWh of heat is needed, a boiler makes 2 kWh at 0.12 each. At 0.20 the rest is sold, a tenth lost on
    the way, as far as the loop carries it; at 0.10 all is bought; without a price nothing is."""
    devices = {
        "heat_load": make.firm([0], [[1.0], [1.0], [1.0]], "heat"),
        "boiler": make.source([0], 3, 2.0, gas=1.0),
    }
    look = make.outlook(devices, [0.3] * 3, [0.05] * 3, gas=0.12, heat_market=0.0, loss=0.1)
    look = replace(look, heat_market_price=np.array([0.20, 0.10, np.nan]))
    found = optimise(look, trade=False, price_taking=True)
    expected = (2.0 * 0.12 - 0.9 * 0.20) + 0.10 + 0.12
    assert found.cost_eur == pytest.approx(expected)
    assert found.flows_kwh["heat_sold"][:, 0] == pytest.approx([1.0, 0.0, 0.0])
    assert found.flows_kwh["heat_bought"][:, 0] == pytest.approx([0.0, 1.0, 0.0])
    narrow = optimise(replace(look, loop_capacity_kwh=0.45), trade=False, price_taking=True)
    assert narrow.flows_kwh["heat_sold"][:, 0] == pytest.approx([0.5, 0.0, 0.0])
    assert narrow.flows_kwh["heat_bought"][:, 0] == pytest.approx([0.0, 0.45, 0.0])
    # Outside the loop, or without price taking, everybody heats for itself.
    for alone in (
        optimise(replace(look, heat_loop=np.array([False])), trade=False, price_taking=True),
        optimise(look, trade=False),
    ):
        assert alone.cost_eur == pytest.approx(0.36)


def test_what_is_left_is_worth_what_the_outlook_says(make) -> None:
    """A kWh of surplus, fed in at 0.05 or stored: worth 0.04 inside it is fed in, worth 0.06 it is kept."""
    battery = make.battery([0], 1, full=1.0, power=1.0)
    devices = {"load": make.firm([0], [[-1.0]]), "battery": replace(battery, end_value=np.array([0.04]))}
    look = make.outlook(devices, [0.3], [0.05], stored_value=0.2)
    assert optimise(look).cost_eur == pytest.approx(-0.05)
    kept = optimise(
        replace(look, devices=devices | {"battery": replace(battery, end_value=np.array([0.06]))})
    )
    assert kept.cost_eur == pytest.approx(0.0)
    assert kept.objective_eur == pytest.approx(-0.06, abs=1e-5)
    assert look.of(np.array([0])).devices["battery"].end_value == pytest.approx([0.04])


def test_charging_and_discharging_at_once_is_told(make) -> None:
    """Paid 0.10 for each kWh taken, and nothing for giving: a full battery that loses half burns energy."""
    battery = make.battery([0], 1, full=1.0, power=1.0, energy=1.0, efficiency=0.5)
    found = optimise(make.outlook({"battery": battery}, [-0.1], [-0.1]))
    assert found.at_once_kwh == pytest.approx(0.25)  # 1 kWh drawn is 0.5 inside, which give 0.25
    assert optimise(make.outlook({"battery": battery}, [0.1], [0.05])).at_once_kwh == pytest.approx(0.0)
