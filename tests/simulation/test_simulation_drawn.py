"""Sums by prosumer, made all together, equal those made one by one; residuals equal their formulae."""

from __future__ import annotations

from dataclasses import fields
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from cosim.core.arrays import FloatArray
from cosim.core.dispatch import Position
from cosim.simulation.drawn import ROLES, Drawn, Ledger
from cosim.simulation.residuals import unbalanced, unpaired

PROSUMERS = 5
KINDS = {  # kind -> carrier of the main terminal, role, owners; some own two of a kind
    "load": ("electricity", "load", [0, 1, 2, 3, 4]),
    "pv": ("electricity", "generation", [1, 3, 3]),
    "battery": ("electricity", "storage", [4]),
    "need": ("heat", "load", [0, 2]),
    "pump": ("heat", "conversion", [0, 2, 2]),
    "engine": ("heat", "conversion", [1]),
    "boiler": ("heat", "conversion", [0, 1]),
    "tank": ("heat", "storage", [2, 0]),
}
ELECTRIC = ("load", "pv", "battery", "pump", "engine")


class _Fleet:
    """Devices of which only owner, role and carrier are asked for."""

    def __init__(self, kinds: dict[str, Any]) -> None:
        self.prosumers = PROSUMERS
        self.kinds = {
            name: SimpleNamespace(carrier=carrier, role=role, prosumer=np.array(owners))
            for name, (carrier, role, owners) in kinds.items()
        }

    def stored_kwh(self, state: dict[str, FloatArray], carrier: str) -> FloatArray:
        return state[carrier]


def community(seed: int, kinds: dict[str, Any]) -> Any:
    rng = np.random.default_rng(seed)
    device = {name: rng.normal(size=len(owners)) for name, (_, _, owners) in kinds.items()}
    electricity = {
        name: device[name] if kinds[name][0] == "electricity" else rng.normal(size=len(device[name]))
        for name in ELECTRIC
        if name in kinds
    }
    return SimpleNamespace(
        fleet=_Fleet(kinds),
        state={carrier: rng.normal(size=PROSUMERS) for carrier in ("electricity", "heat")},
        turn=SimpleNamespace(dispatch=SimpleNamespace(device_kwh=device, electricity_kwh=electricity)),
    )


def by_role(one: Any, carrier: str, role: str, kinds: dict[str, Any]) -> FloatArray:
    """Device by device."""
    dispatch = one.turn.dispatch
    total = np.zeros(PROSUMERS)
    for kind, energy in (
        dispatch.electricity_kwh if carrier == "electricity" else dispatch.device_kwh
    ).items():
        main, of, owners = kinds[kind]
        for owner, value in zip(owners, energy, strict=True):
            if carrier == "heat" and main != "heat":
                continue
            gives = "load" if value > 0.0 else "generation"
            if role == (gives if of == "conversion" else of):
                total[owner] += value
    return total


def total(owners: list[int], energy: FloatArray) -> FloatArray:
    found = np.zeros(PROSUMERS)
    np.add.at(found, owners, energy)
    return found


def drawn_of(one: Any, ledger: Ledger | None = None) -> Drawn:
    return (ledger or Ledger(one.fleet)).of(one)


@pytest.mark.parametrize("kinds", [KINDS, {"load": KINDS["load"]}, {"boiler": KINDS["boiler"]}, {}])
def test_sums_equal_those_made_one_by_one(kinds: dict[str, Any]) -> None:
    ledger = None
    for seed in range(3):
        one = community(seed, kinds)
        ledger = ledger or Ledger(one.fleet)
        found = drawn_of(one, ledger)
        for carrier in ("electricity", "heat"):
            assert found.stored[carrier] is one.state[carrier]
            for role in ROLES:
                expected = by_role(one, carrier, role, kinds)
                assert found.roles[carrier, role] == pytest.approx(expected, abs=1e-15)
        assert found.main.keys() == kinds.keys()
        for kind, energy in one.turn.dispatch.device_kwh.items():
            assert found.main[kind] == pytest.approx(total(kinds[kind][2], energy), abs=1e-15)
        assert found.electricity.keys() == {"pump", "engine"} & kinds.keys()
        for kind, energy in found.electricity.items():
            drawn = one.turn.dispatch.electricity_kwh[kind]
            assert energy == pytest.approx(total(kinds[kind][2], drawn), abs=1e-15)


def test_periods_may_differ_in_what_there_is() -> None:
    """A kind without electricity in one period is no sum in that period."""
    one = community(0, KINDS)
    ledger = Ledger(one.fleet)
    assert "pump" in ledger.of(one).electricity
    one.turn.dispatch.electricity_kwh.pop("pump")
    found = ledger.of(one)
    assert "pump" not in found.electricity
    expected = by_role(one, "electricity", "load", KINDS)
    assert found.roles["electricity", "load"] == pytest.approx(expected, abs=1e-15)


def position(**columns: list[float]) -> Position:
    every = {field.name: np.array(columns.get(field.name, [0.0, 0.0])) for field in fields(Position)}
    return Position(**every)


def test_what_is_paired_leaves_nothing() -> None:
    paired = position(
        net_kwh=[3.0, -4.0],
        bought_kwh=[1.0, 0.0],
        sold_kwh=[0.0, 1.0],
        lost_kwh=[0.0, 0.5],
        import_kwh=[1.5, 0.0],
        export_kwh=[0.0, 2.0],
        imbalance_kwh=[0.5, -0.5],
    )
    assert unpaired(paired) == 0.0


def test_what_is_not_paired_is_told_relative_to_the_largest_net() -> None:
    assert unpaired(position(net_kwh=[3.0, -4.0], import_kwh=[2.0, 0.0], export_kwh=[0.0, 4.0])) == 0.25
    assert unpaired(position(import_kwh=[1e-4, 0.0])) == pytest.approx(0.1)  # of a Wh, where nothing is drawn
    assert np.isnan(unpaired(position(net_kwh=[np.nan, 1.0])))


def test_money_that_does_not_balance_is_told_relative_to_what_is_paid() -> None:
    assert unbalanced(np.array([2.0, -1.0, -1.0])) == 0.0
    assert unbalanced(np.array([2.0, -1.0])) == pytest.approx(1.0 / 3.0)
    assert unbalanced(np.array([1e-4])) == pytest.approx(0.1)
    assert unbalanced(np.zeros(0)) == 0.0
