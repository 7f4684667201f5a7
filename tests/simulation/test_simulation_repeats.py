"""The same seed gives the same tables; communities do not disturb each other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from cosim.community.build import build_community
from cosim.core.streams import Streams
from cosim.results import manifest as manifests
from cosim.results.read import Run, load
from cosim.results.tables import TABLES
from cosim.results.writer import RunFolder, make_folder
from cosim.scenario.schema import Scenario
from cosim.simulation import Simulation
from cosim.simulation.runner import Recording

TIGHT = {"limits": {"line_loading_percent": 1.0, "vm_pu": [0.9995, 1.0005]}}
"""So that limits are broken."""


def tables(run: Run) -> dict[str, pd.DataFrame]:
    return {name: run.table(name) for name in TABLES if run.has(name)}


@pytest.mark.parametrize("policy", ["zero-intelligence", "zip"])
def test_same_seed_same_tables(
    five: Callable[..., Scenario], run_of: Callable[[Scenario], Run], policy: str
) -> None:
    scenario = five(policies={"default": policy}, market={"parameters": {"rounds": 3}}, network=TIGHT)
    first, second = tables(run_of(scenario)), tables(run_of(scenario))
    assert set(first) == set(second) >= {"steps", "prosumers", "trades", "buses", "branches"}
    for name, table in first.items():
        assert len(table), name
        assert_frame_equal(table, second[name])


def test_another_seed_other_tables(run_with: Callable[..., Run]) -> None:
    first, second = (run_with("zero-intelligence", "reservation", seed) for seed in (1, 2))
    assert not first.trades.equals(second.trades)
    assert not first.prosumers.pv_kwh.equals(second.prosumers.pv_kwh)


def test_the_resolved_scenario_runs_to_the_same_tables(
    five: Callable[..., Scenario], run_of: Callable[[Scenario], Run], run_with: Callable[..., Run]
) -> None:
    from cosim.scenario.load import load_scenario

    first = run_with("zero-intelligence", "reservation")
    second = run_of(load_scenario(first.path / "scenario.yaml"))
    for name, table in tables(first).items():
        assert_frame_equal(table, second.table(name))


def recorded(scenario: Scenario, parts: dict[str, Scenario], folder: Path) -> Run:
    """A run of communities built by hand: name -> its scenario."""
    clock, streams = scenario.horizon.clock(), Streams(scenario.seed)
    simulation = Simulation(
        scenario,
        communities=[build_community(part, clock, streams, name) for name, part in parts.items()],
    )
    manifest = manifests.begun(scenario.name, scenario.seed, "", horizon={"periods": clock.periods})
    with RunFolder(make_folder("", folder), manifest, "") as place:
        recording = Recording(simulation, place.path, scenario.outputs)
        place.attach(recording.recorder)
        while not simulation.done:
            simulation.step()
            recording.take()
        simulation.finish()
        recording.write_totals(place.path)
        place.complete(recording.summary({}))
    return load(place.path)


def of(table: pd.DataFrame, community: str) -> pd.DataFrame:
    """Rows of one community, names as text."""
    plain = table.assign(
        **{name: table[name].astype(str) for name in table if table[name].dtype == "category"}
    )
    return plain[plain.community == community].reset_index(drop=True)


def test_communities_together_are_what_each_is_alone(five: Callable[..., Scenario], tmp_path: Path) -> None:
    """Streams are keyed by the community's name, whatever stands beside it; the second one owns other kinds
    of devices and is smaller."""
    group = five().model_dump(mode="json")["groups"][0]
    small = group | {"count": 3, "devices": {"pv": group["devices"]["pv"] | {"share": 1.0}}}
    policies = {"default": "zero-intelligence"}
    north = five(policies=policies, network=TIGHT)
    south = five(policies=policies, network=TIGHT, groups=[small])
    parts = {"north": north, "south": south}
    both = recorded(north, parts, tmp_path / "both")
    for name, part in parts.items():
        alone = recorded(part, {name: part}, tmp_path / name)
        for table in (*TABLES, "prosumer_totals"):
            if not alone.has(table):
                continue
            expected = of(alone.table(table), name)
            found = of(both.table(table), name)
            assert len(expected) == len(found) > 0, table
            for column in found.columns.difference(expected.columns):  # kinds that only the others own
                assert found.pop(column).eq(0.0).all()
            assert_frame_equal(found, expected)
    assert set(both.steps.community) == {"north", "south"}
    # The same scenario under another name draws other devices, and other decisions.
    west = of(recorded(north, {"west": north}, tmp_path / "west").steps, "west")
    for column in ("generation_kwh", "cost_eur"):
        assert not of(both.steps, "north")[column].equals(west[column])


def test_two_communities_of_one_name_are_refused(five: Callable[..., Scenario]) -> None:
    scenario = five()
    clock, streams = scenario.horizon.clock(), Streams(1)
    twins = [build_community(scenario, clock, streams) for _ in range(2)]
    with pytest.raises(ValueError, match="two communities have the same name"):
        Simulation(scenario, communities=twins)
