"""A prosumer's decision rests on its own data and on what is public, on nothing of another prosumer."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cosim.bidding.bidder import Known
from cosim.bidding.observation import COMMON, Observer
from cosim.community.build import build_community
from cosim.community.deciders import Knowledge
from cosim.core.arrays import FloatArray
from cosim.core.clock import Period
from cosim.core.mean_field import AHEAD_HOURS, AHEAD_NAMES, DAY_NAMES, mean_field_fields
from cosim.core.records import PUBLIC_FIELDS
from cosim.core.streams import Streams
from cosim.devices.fleet import Fleet, FleetState
from cosim.policies.contract import Policy, PolicyInputs
from cosim.policies.outlook import Outlook
from cosim.policies.registry import REGISTRY
from cosim.scenario.load import load_scenario
from cosim.scenario.schema import Scenario
from cosim.simulation import Simulation


def fleet_of(kit: Any, order: list[int]) -> tuple[Fleet, Any]:
    """Four prosumers with devices of their own; prosumer 0 stays, the data of the others are exchanged."""
    clock = kit.clock("2016-06-06 20:00")
    load = np.array([1.0, 2.0, 3.0, 4.0])
    battery = np.array([6.0, 7.0, 8.0, 9.0])
    site = kit.site(clock, {"load": load[order][None, :]})
    requests = {
        "load": [kit.request("load", {}, prosumer=range(4))],
        "battery": [
            kit.request("battery", {"capacity_kwh": float(battery[who])}, prosumer=(number,))
            for number, who in enumerate(order)
        ],
        "ev": [kit.request("ev", {"capacity_kwh": 40.0 + order.index(2)}, prosumer=(order.index(2),))],
    }
    return kit.fleet(requests, site, 4), clock


def known_of(kit: Any, fleet: Fleet, state: FleetState, period: Period) -> Known:
    """What is known of a period by everybody together."""
    n = fleet.prosumers
    spans, inputs = fleet.ranges(state, period), fleet.inputs(state, period)
    return Known(spans, inputs, kit.prices(n), np.full(n, 0.1))


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [0, 3, 2, 1], [0, 2, 3, 1]])
def test_observations_hold_nothing_of_others(kit: Any, order: list[int]) -> None:
    seen = []
    for arrangement in ([0, 1, 2, 3], order):
        fleet, clock = fleet_of(kit, arrangement)
        observer, state = Observer(fleet), fleet.initial_state()
        period = clock.period(0)
        known = known_of(kit, fleet, state, period)
        seen.append(observer.observe(state, period, known, np.full(4, 0.3))[0])
    assert (seen[0] == seen[1]).all()


def test_observations_by_hand(kit: Any) -> None:
    fleet, clock = fleet_of(kit, [0, 1, 2, 3])
    observer, state, period = Observer(fleet), fleet.initial_state(), clock.period(0)
    seen = observer.observe(state, period, known_of(kit, fleet, state, period), np.full(4, 0.25))
    names = [field.name for field in observer.fields]
    assert names[: len(COMMON)] == [field.name for field in COMMON]
    row = dict(zip(names, seen[0], strict=True))
    assert row["net_forecast_kwh"] == 1.0 and row["load.kwh"] == 1.0
    assert row["battery.capacity"] == 6.0 and row["battery.soc"] == 0.5
    assert row["ev.plugged"] == row["ev.soc"] == row["ev.max_charge_kwh"] == 0.0, "it has none"
    assert row["hour_sin"] == pytest.approx(np.sin(20 / 12 * np.pi)) and row["weekend"] == 0.0
    assert seen[2][names.index("ev.plugged")] == 1.0
    assert row["lowest_retail_ahead"] == 0.25


def test_a_second_device_has_fields_of_its_own(kit: Any) -> None:
    site = kit.site(kit.clock(), {"load": [[1.0, 1.0]]})
    requests = {
        "load": [kit.request("load", {}, prosumer=(0, 1))],
        "battery": [
            kit.request("battery", {"capacity_kwh": 5}, prosumer=(0, 1)),
            kit.request("battery", {"capacity_kwh": 9}, prosumer=(1,)),
        ],
    }
    fleet = kit.fleet(requests, site, 2)
    observer, state = Observer(fleet), fleet.initial_state()
    period = kit.clock().period(0)
    seen = observer.observe(state, period, known_of(kit, fleet, state, period), np.full(2, 0.3))
    names = [field.name for field in observer.fields]
    assert seen[:, names.index("battery.capacity")].tolist() == [5.0, 5.0]
    assert seen[:, names.index("battery_2.capacity")].tolist() == [0.0, 9.0]


def test_what_a_policy_gets_of_others_does_not_grow_with_them(five: Callable[..., Scenario]) -> None:
    """The mean field is public information of a fixed size: of the last period, a day before, hours ahead,
    the day."""
    scenario = five()
    community = build_community(scenario, scenario.horizon.clock(), Streams(1))
    community.observe(0)
    assert community.gate is not None
    knowledge = community.gate.knowledge
    assert knowledge.mean_field.shape == (len(mean_field_fields()),)
    assert len(mean_field_fields()) == 2 * len(PUBLIC_FIELDS) + len(AHEAD_HOURS) * len(AHEAD_NAMES) + len(
        DAY_NAMES
    )
    assert np.isfinite(knowledge.mean_field).all() and np.isfinite(knowledge.observation).all()
    # Before the first session: prices in the middle of the band, no volume.
    assert knowledge.mean_field[0] == pytest.approx(0.19) and knowledge.mean_field[4] == 0.0


def test_the_public_memory_shows_the_last_period_and_the_same_hour_yesterday(
    five: Callable[..., Scenario],
) -> None:
    simulation = Simulation(five(horizon={"duration": "2 days"}))
    published: list[np.ndarray] = []
    for index in range(30):
        simulation.step()
        turn = simulation.communities[0].turn
        seen = turn.gate.knowledge.mean_field
        size = len(PUBLIC_FIELDS)
        for values, past in ((seen[:size], index - 1), (seen[size : 2 * size], index - 24)):
            if past >= 0:
                known = published[past]
                assert np.where(np.isnan(known), values, known) == pytest.approx(values)
        if index >= 24:
            _shows_hours_ahead_and_the_last_day(seen[2 * size :], published, index)
        published.append(turn.gate.electricity.clearing.public.values())
    assert any(row[-1] > 0 for row in published), "something was traded"


def _shows_hours_ahead_and_the_last_day(seen: FloatArray, published: list[np.ndarray], index: int) -> None:
    """Hours ahead as they were yesterday, then the last 24 hours together; hourly periods."""
    names = [name for name, _ in PUBLIC_FIELDS]
    ahead = seen[: len(AHEAD_HOURS) * len(AHEAD_NAMES)].reshape(len(AHEAD_HOURS), len(AHEAD_NAMES))
    for row, hours in zip(ahead, AHEAD_HOURS, strict=True):
        known = published[index - 24 + hours][[names.index(name) for name in AHEAD_NAMES]]
        assert np.where(np.isnan(known), row, known) == pytest.approx(row)
    day = np.array(published[index - 24 :])
    traded, price = day[:, names.index("volume_traded")], np.nan_to_num(day[:, names.index("mean_price")])
    volumes = [day[:, names.index(name)].sum() for name in DAY_NAMES[1:]]
    assert seen[-len(DAY_NAMES) :] == pytest.approx([float(price @ traded) / traded.sum(), *volumes])


def test_a_phase_before_its_turn_is_an_error(five: Callable[..., Scenario]) -> None:
    scenario = five()
    community = build_community(scenario, scenario.horizon.clock(), Streams(1))
    community.observe(0)
    with pytest.raises(AttributeError):
        community.trade()


class Planner(Policy):
    """Asks for the periods ahead, and does what is drawn."""

    name = "planner"
    summary = "looks ahead"
    needs = ("own", "outlook")
    horizon_hours = 8.0

    def act(self, inputs: PolicyInputs, explore: bool = True) -> FloatArray:
        return self.draw("all").uniform(-1.0, 1.0, inputs.rule_action.shape)


@pytest.fixture
def planner(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    find = REGISTRY.load
    monkeypatch.setattr(REGISTRY, "load", lambda name: Planner if name == "own:Planner" else find(name))
    return {"default": "own:Planner"}


def arrays(value: Any, path: str = "") -> Iterator[tuple[str, np.ndarray]]:
    """All numbers in nested records, by their place."""
    if is_dataclass(value):
        for item in fields(value):
            yield from arrays(getattr(value, item.name), f"{path}.{item.name}")
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield from arrays(part, f"{path}.{key}")
    elif value is not None and not isinstance(value, str):
        yield path, np.asarray(value)


def knowledge_of(scenario: Scenario, steps: int) -> Knowledge:
    """What is known when a step begins."""
    simulation = Simulation(scenario)
    for _ in range(steps):
        simulation.step()
    (community,) = simulation.communities
    community.observe(steps)
    assert community.gate is not None and community.gate.knowledge.outlooks
    return community.gate.knowledge


def outlook_of(knowledge: Knowledge) -> Outlook:
    """The periods ahead; all who look see as far."""
    (outlook,) = knowledge.outlooks.values()
    return outlook


@pytest.mark.parametrize("bidding", ["reservation", "setpoint"])
def test_decisions_know_nothing_of_others(
    village: Callable[..., Scenario], planner: dict[str, str], bidding: str
) -> None:
    """The first two prosumers know the same whatever the others own, need, pay and decide."""
    plain = village(1, bidding, policies=planner)
    data = plain.model_dump(mode="json")
    groups = data["groups"]
    engines = groups[1]["devices"]
    engines["chp"]["max_heat_kw"], engines["boiler"]["max_heat_kw"] = 3.0, 20.0
    engines["heat_demand"]["profile"]["columns"] = ["b4", "b2"]
    groups[1]["tariff"], groups[1]["policy"] = "other", "other"
    groups[2]["devices"]["building"] |= {"initial_temperature_c": 21.0, "heat_loss_w_per_k": 250.0}
    groups[3]["load"]["profile"]["columns"] = ["h4"]
    tariffs = data["tariffs"] | {"other": data["tariffs"]["default"] | {"retail": 0.40, "gas": 0.05}}
    policies = data["policies"] | {"other": "utility-only"}
    other = village(1, bidding, groups=groups, tariffs=tariffs, policies=policies)
    one, two = knowledge_of(plain, 0), knowledge_of(other, 0)
    own = np.arange(2)
    assert (one.mean_field == two.mean_field).all()
    for name in ("observation", "rule"):
        mine, same = getattr(one, name), getattr(two, name)
        assert (mine[own] == same[own]).all(), name
        assert (mine[2:] != same[2:]).any(), "the others did change"
    ahead = dict(arrays(outlook_of(one).of(own)))
    assert len(ahead) > 30
    for path, values in arrays(outlook_of(two).of(own)):
        assert np.array_equal(values, ahead.pop(path), equal_nan=True), path
    assert not ahead


@pytest.mark.parametrize("closure", [0, 3])
def test_the_outlook_tells_what_is_public_of_the_periods_ahead(
    village: Callable[..., Scenario], planner: dict[str, str], closure: int
) -> None:
    simulation = Simulation(village(closure, policies=planner, horizon={"duration": "1 days"}))
    for _ in range(4):
        simulation.step()
    (community,) = simulation.communities
    community.observe(4)
    assert community.gate is not None
    outlook, clock = outlook_of(community.gate.knowledge), community.clock
    first, public = 4 + closure, outlook.public
    assert public is not None
    np.testing.assert_array_equal(public.hour_of_day, clock.hour_of_day[first : first + outlook.count])
    opened = clock.hour_of_day[closure:first]
    np.testing.assert_array_equal(public.seen, np.isin(public.hour_of_day, opened))
    assert public.usual_price == community.memory.electricity.middle_price
    ticks, weather = community.foresight.ticks_per_period, community.foresight.weather
    assert weather is not None and public.weather and set(public.weather) <= set(weather.quantities)
    for name, values in public.weather.items():
        per_tick = weather.values(name, first * ticks, (first + outlook.count) * ticks)
        expected = [per_tick[k * ticks : (k + 1) * ticks].mean() for k in range(outlook.count)]
        np.testing.assert_allclose(values, expected)


def test_without_weather_the_sun_of_the_region_is_public_whoever_has_plants() -> None:
    """Even if by chance nobody has one."""
    path = Path(__file__).parents[2] / "scenarios" / "reference-100.yaml"
    seen, plants = [], []
    for many, share in ((42, None), (2, None), (42, 1e-9)):
        changes = [("policies.default", "price-taker"), ("groups[2].count", many)]
        changes += [] if share is None else [(f"groups[{k}].devices.pv.share", share) for k in (1, 2)]
        simulation = Simulation(load_scenario(path, changes, days=1))
        outlook = outlook_of(knowledge_of(simulation.scenario, 0))
        assert outlook.public is not None
        seen.append(outlook.public.weather)
        pv = simulation.communities[0].fleet.kinds.get("pv")
        plants.append(0 if pv is None else len(pv.prosumer))
    assert plants[2] == 0 < plants[1] < plants[0]
    assert set(seen[0]) == {"ghi_w_per_m2"} and 100.0 < seen[0]["ghi_w_per_m2"].max() < 1000.0
    for other in seen[1:]:
        np.testing.assert_array_equal(seen[0]["ghi_w_per_m2"], other["ghi_w_per_m2"])


def test_the_sun_is_public_where_one_named_prosumer_alone_has_a_plant() -> None:
    path = Path(__file__).parents[2] / "scenarios" / "reference-100.yaml"
    bare = [("policies.default", "price-taker"), ("groups[1].devices", {}), ("groups[2].devices", {})]
    named = [*bare, ("prosumers", {"consumers-007": {"devices": {"pv": {"peak_kw": 5.0}}}})]
    weather = []
    for changes in (bare, named):
        outlook = outlook_of(knowledge_of(load_scenario(path, changes, days=1), 0))
        assert outlook.public is not None
        weather.append(set(outlook.public.weather))
    assert weather == [set(), {"ghi_w_per_m2"}]


def altered(folder: Path, copy: Path, stamp: str) -> None:
    """The profiles and the weather of a folder; from a moment on, all is another."""
    for path in folder.glob("*.csv"):
        with path.open() as file:
            head, *rows = list(csv.reader(file))
        for row in rows:
            if row[0] >= stamp:
                row[1:] = [f"{0.5 * float(value) + 0.2:.6f}" for value in row[1:]]
        with (copy / path.name).open("w") as file:
            csv.writer(file).writerows([head, *rows])


@pytest.mark.parametrize("closure", [0, 3])
def test_nobody_knows_what_has_not_happened(
    village: Callable[..., Scenario], planner: dict[str, str], tmp_path: Path, closure: int
) -> None:
    """The sixth hour of the second day, forecasts by persistence: load, sun, heat and weather may go on as
    they like, and before that hour nothing was different."""
    plain = village(closure, policies=planner, forecast="persistence", horizon={"duration": "2 days"})
    altered(plain.base, tmp_path, "2016-06-07T06:00")
    changes = plain.model_dump(mode="json") | {"folder": str(tmp_path)}
    other = Scenario.model_validate(changes)
    one = dict(arrays(knowledge_of(plain, 30)))
    for path, values in arrays(knowledge_of(other, 30)):
        assert np.array_equal(values, one.pop(path), equal_nan=True), path
    assert not one
    after = [dict(arrays(knowledge_of(scenario, 31))) for scenario in (plain, other)]
    assert not np.array_equal(after[0][".observation"], after[1][".observation"]), "then it is known"
