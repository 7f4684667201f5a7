from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from cosim.core.streams import Streams
from cosim.devices import registry
from cosim.devices.base import Ranges, Request
from cosim.devices.battery import Battery
from cosim.devices.fleet import Fleet
from cosim.errors import InputError, RunError, UnknownNameError
from cosim.scenario.population import populate
from cosim.scenario.schema import Scenario


class Twin(Battery):
    """Calls itself a battery, too."""


@pytest.fixture
def two_of_each(kit: Any) -> Fleet:
    """Prosumer 0 has two batteries and two vehicles, prosumer 1 one battery, prosumer 2 a load alone."""
    clock = kit.clock()
    return kit.fleet(
        {
            "load": [kit.request("load", {}, prosumer=(0, 1, 2))],
            "battery": [
                kit.request("battery", {"capacity_kwh": 10}, prosumer=(0, 1)),
                kit.request("battery", {"capacity_kwh": 4}, prosumer=(0,)),
            ],
            "ev": [kit.request("ev", {"initial_soc": 0.5}, prosumer=(0, 0))],
        },
        kit.site(clock, {"load": [[1.0, 2.0, 3.0]]}),
        3,
    )


def test_a_second_device_of_a_kind_has_a_slot_of_its_own(two_of_each: Fleet) -> None:
    assert two_of_each.kinds["battery"].slot.tolist() == [0, 0, 1]
    assert two_of_each.kinds["ev"].slot.tolist() == [0, 1]


def test_totals_add_up_by_owner(two_of_each: Fleet, kit: Any) -> None:
    state = two_of_each.initial_state()
    assert two_of_each.stored_kwh(state) == pytest.approx([5.0 + 2.0 + 2 * 30.0, 5.0, 0.0])
    spans = two_of_each.ranges(state, kit.clock().period(0))
    energy = {name: span.high_kwh for name, span in spans.items()}
    expected = [1.0 + 5.0 + 2.0 + 2 * 11.0, 2.0 + 5.0, 3.0]
    assert two_of_each.total_by_prosumer(energy) == pytest.approx(expected)


def test_committing_makes_a_new_state(two_of_each: Fleet, kit: Any) -> None:
    state, period = two_of_each.initial_state(), kit.clock().period(0)
    spans = two_of_each.ranges(state, period)
    after = two_of_each.commit(state, period, {name: span.high_kwh for name, span in spans.items()})
    assert state["battery"]["soc_kwh"].tolist() == [5.0, 5.0, 2.0]
    assert after["battery"]["soc_kwh"] == pytest.approx([9.75, 9.75, 3.9])


def test_power_within_a_period_is_summed_by_owner(kit: Any) -> None:
    clock = kit.clock()
    site = kit.site(clock, {"load": [[1.0, 2.0], [3.0, 2.0]], "pv": [[0.0], [1.0]]}, ticks=2)
    fleet = kit.fleet(
        {
            "load": [kit.request("load", {}, prosumer=(0, 1))],
            "pv": [kit.request("pv", {"peak_kw": 4}, prosumer=(1,))],
        },
        site,
        2,
    )
    period = clock.period(0)
    energy = {name: span.base_kwh for name, span in fleet.ranges({"load": {}, "pv": {}}, period).items()}
    deviation = fleet.within_period_kw(period, energy, 2)
    assert deviation == pytest.approx(np.array([[-1.0, 2.0], [1.0, -2.0]]))
    only = fleet.within_period_kw(period, energy, 2, only=("load",))
    assert only == pytest.approx(np.array([[-1.0, 0.0], [1.0, 0.0]]))


def test_kinds_without_an_owner_are_left_out(kit: Any) -> None:
    site = kit.site(kit.clock(), {"load": [[1.0]]})
    requests = {"load": [kit.request("load", {})], "ev": [kit.request("ev", {}, prosumer=(), members=5)]}
    assert list(kit.fleet(requests, site, 1).kinds) == ["load"]


def test_two_devices_of_the_same_kind_name_are_refused(kit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    find = registry.DEVICES.load
    monkeypatch.setattr(registry.DEVICES, "load", lambda name: Twin if name == "own:Twin" else find(name))
    request = kit.request("battery", {"capacity_kwh": 4})
    with pytest.raises(InputError, match=r"'own:Twin' goes by the kind 'battery'"):
        kit.fleet({"battery": [request], "own:Twin": [request]}, kit.site(kit.clock()), 1)


@pytest.mark.parametrize(
    ("carrier", "takes", "role", "message"),
    [
        ("gas", (), "load", "has its main terminal on gas"),
        ("electricity", ("electricity",), "load", "takes electricity, on which it has its main terminal"),
        ("electricity", ("heat",), "generation", "turns other carriers into each other"),
        ("electricity", ("gas",), "conversion", "turns other carriers into each other"),
        ("heat", ("gas", "electricity"), "storage", None),
        ("electricity", ("gas",), "generation", None),
    ],
)
def test_what_no_balance_would_count_is_refused(
    kit: Any, monkeypatch: pytest.MonkeyPatch, carrier: str, takes: Any, role: str, message: str | None
) -> None:
    """Heat that drives an engine with its main terminal on electricity would come from nowhere."""
    for name, value in (("carrier", carrier), ("takes", takes), ("role", role)):
        monkeypatch.setattr(Battery, name, value)
    request = {"battery": [kit.request("battery", {"capacity_kwh": 4})]}
    if message is None:
        assert kit.fleet(request, kit.site(kit.clock()), 1).kinds.keys() == {"battery"}
        return
    with pytest.raises(InputError, match=f"device 'battery' .*{message}"):
        kit.fleet(request, kit.site(kit.clock()), 1)


def test_what_is_drawn_unannounced_is_named(
    two_of_each: Fleet, kit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody would have made sure that it has a price."""
    monkeypatch.setattr(Battery, "inputs", lambda *_: {"gas": np.ones(3)})
    with pytest.raises(RunError, match="device 'battery' draws gas, which its `takes` does not name"):
        two_of_each.inputs(two_of_each.initial_state(), kit.clock().period(0))


def test_unknown_kinds_name_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"did you mean 'battery'\?"):
        registry.load("batery")
    with pytest.raises(UnknownNameError, match="is the module on the Python path"):
        registry.load("no_such_module:Thing")


def drawn(scenario: Scenario, kit: Any) -> dict[str, dict[str, Any]]:
    """Owner -> capacity of its battery, and when its vehicle is at home on three days and what trips use."""
    population = populate(scenario, Streams(scenario.seed))
    clock = kit.clock(minutes=15, periods=288)
    requests = {
        kind: [
            Request(item.config, item.prosumer, item.member, item.members, item.streams.within(kind))
            for item in population.devices.get(kind, ())
        ]
        for kind in ("battery", "ev")
    }
    fleet = Fleet.build(requests, kit.site(clock), len(population.names))
    found: dict[str, dict[str, Any]] = {"battery": {}, "ev": {}}
    for kind, device in fleet.kinds.items():
        for row, owner in enumerate(device.prosumer):
            found[kind][population.names[owner]] = device.columns["capacity_kwh"][row]
            if kind == "ev":
                stays = [device._trips.current(index) for index in (0, 96, 192)]  # type: ignore[attr-defined]  # what is drawn
                found[kind][population.names[owner]] = [
                    (stay.begin[row], stay.end[row], stay.kwh[row]) for stay in stays
                ]
    return found


def test_draws_belong_to_a_prosumer(five: Callable[..., Scenario], kit: Any) -> None:
    """A larger share, a larger group, a group in front, or a prosumer that differs: nobody else's draws
    change."""

    def group(count: int = 12, share: float = 0.5, name: str = "homes") -> dict[str, Any]:
        devices = {
            "battery": {"share": share, "capacity_kwh": {"normal": {"mean": 8, "std": 2}}},
            "ev": {"share": share},
        }
        return {"name": name, "count": count, "devices": devices}

    before = drawn(five(groups=[group()]), kit)
    assert len(set(before["battery"].values())) == 6 and len(before["ev"]) == 6
    assert len({str(stays) for stays in before["ev"].values()}) == 6
    for changed in (
        five(groups=[group(share=0.9)]),
        five(groups=[group(count=40, share=1.0)]),
        five(groups=[group(count=3, name="first"), group(share=1.0)]),
    ):
        after = drawn(changed, kit)
        for kind, owners in before.items():
            known = {name.replace("homes-0", "homes-"): value for name, value in after[kind].items()}
            for name, value in owners.items():
                assert known.get(name.replace("homes-0", "homes-")) == value, (kind, name)

    owner = next(iter(before["ev"]))
    other = drawn(five(groups=[group()], prosumers={owner: {"devices": {"ev": None, "battery": None}}}), kit)
    for kind in before:
        assert other[kind] == {name: value for name, value in before[kind].items() if name != owner}


@pytest.mark.parametrize(
    ("low", "base", "high", "message"),
    [
        ([0.0, np.nan, 0.0], [0.0] * 3, [1.0] * 3, "prosumer 1 gave the range nan <= 0 <= 1 kWh"),
        ([0.0] * 3, [0.0] * 3, [1.0, 1.0, np.inf], "prosumer 0 gave the range 0 <= 0 <= inf kWh"),
        ([2.0] * 3, [0.0] * 3, [1.0] * 3, "gave the range 2 <= 0 <= 1 kWh"),
        ([0.0], [0.0] * 5, [1.0], r"shape \(5,\) for 3 devices"),
        (None, None, None, "raised TypeError"),
    ],
)
def test_a_device_that_breaks_its_contract_is_named(
    two_of_each: Fleet,
    kit: Any,
    monkeypatch: pytest.MonkeyPatch,
    low: Any,
    base: Any,
    high: Any,
    message: str,
) -> None:
    """A NaN that went on would keep the dispatch from ever coming to its end."""
    broken = Ranges(*(None if column is None else np.array(column) for column in (low, base, high)))  # type: ignore[arg-type]  # None is what a careless author may return
    monkeypatch.setattr(Battery, "ranges", lambda *_: broken)
    with pytest.raises(RunError, match=f"period 0: device 'battery' .*{message}"):
        two_of_each.ranges(two_of_each.initial_state(), kit.clock().period(0))


@pytest.mark.parametrize(
    ("low", "high", "least", "message"),
    [
        (-2.0, 0.0, 4.0, "gave the minimum 4 kWh with the range -2 to 0 kWh"),
        (0.0, 2.0, 4.0, "gave the minimum 4 kWh with the range 0 to 2 kWh"),
        (-2.0, 2.0, 1.0, "in one direction"),
        (0.0, 2.0, -1.0, "gave the minimum -1 kWh"),
        (0.0, 2.0, np.nan, "gave the minimum nan kWh"),
        (0.0, 2.0, [1.0], r"gave minima of shape \(1,\) for 3 devices"),
        (-2.0, 2.0, 0.0, None),
        (-2.0, 0.0, 2.0, None),
    ],
)
def test_a_minimum_out_of_reach_is_named(
    two_of_each: Fleet,
    kit: Any,
    monkeypatch: pytest.MonkeyPatch,
    low: float,
    high: float,
    least: Any,
    message: Any,
) -> None:
    """It would be given all the same: heat from nowhere."""
    one = np.ones(3)
    span = Ranges(
        low * one, 0.0 * one, high * one, np.array(least) if isinstance(least, list) else least * one
    )
    monkeypatch.setattr(Battery, "ranges", lambda *_: span)
    state, period = two_of_each.initial_state(), kit.clock().period(0)
    if message is None:
        assert two_of_each.ranges(state, period)["battery"] is span
        return
    with pytest.raises(RunError, match=f"period 0: device 'battery' .*{message}"):
        two_of_each.ranges(state, period)


def test_what_is_no_device_is_named() -> None:
    with pytest.raises(UnknownNameError, match=r"a subclass of cosim\.devices\.base\.Device"):
        registry.load("fractions:Fraction")
