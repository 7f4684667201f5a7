"""A run from scenario to output folder: simulate, record, summarise. It knows neither the command line nor
how anything is computed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cosim.agents import Prosumer
from cosim.analysis.indicators import Indicators
from cosim.community.community import Community
from cosim.core.arrays import FloatArray
from cosim.core.carriers import Carrier
from cosim.core.outputs import OutputsConfig
from cosim.errors import OutputError
from cosim.policies.learning.events import require_tensorboard
from cosim.report.html import write_report
from cosim.results import manifest as manifests
from cosim.results.carriers import further
from cosim.results.columns import device_columns
from cosim.results.read import load
from cosim.results.recorder import Members, Recorder
from cosim.results.totals import write_totals
from cosim.results.writer import RunFolder, make_folder
from cosim.scenario.resolved import resolved_text
from cosim.scenario.schema import Scenario
from cosim.settlement.money import Money, MoneyTable, combined
from cosim.simulation import columns
from cosim.simulation.drawn import Ledger
from cosim.simulation.learning import LearningLog, learners
from cosim.simulation.model import Simulation


@dataclass(frozen=True, slots=True)
class Progress:
    """Figures of a run that is going on."""

    done: int
    """Periods simulated."""
    periods: int
    p2p_kwh: float
    """Traded between prosumers so far."""
    saving_eur: float
    """Saved against the utility alone so far."""
    violations: int
    """Broken limits so far, counted once an element and power flow."""
    learning: str = ""
    """How a policy that learns is doing, in a few words; empty without one, or before its first update."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A run that is over."""

    folder: Path
    summary: dict[str, Any]
    violations: int
    files: list[Path] = field(default_factory=list)


def run(
    scenario: Scenario,
    output: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
    prosumers: Mapping[str, type[Prosumer]] | None = None,
) -> Outcome:
    """Simulate a scenario and write its output folder.

    Args:
        scenario: What is simulated.
        output: The folder; None for outputs/NAME-YYYYmmdd-HHMMSS.
        progress: Called after every period.
        prosumers: Classes of single prosumers by name, to override their decision.

    Raises:
        InputError: if something of the scenario cannot be used, or the folder is not empty.
        RunError: if an audit fails, a policy breaks its contract, or results cannot be written; also of a
            run that is whole, if what a policy learnt could not be kept.
    """
    started = time.perf_counter()
    if scenario.outputs.tensorboard:
        require_tensorboard()
    simulation = Simulation(scenario, prosumers)
    text = resolved_text(scenario)
    setup = time.perf_counter() - started
    clock = simulation.clock
    manifest = manifests.begun(
        scenario.name,
        scenario.seed,
        scenario.digest(),
        horizon={
            "start": clock.start.isoformat(),
            "zone": str(clock.zone),
            "step_minutes": clock.step_minutes,
            "periods": clock.periods,
        },
        network=scenario.network.name,
        tables=scenario.outputs.record.model_dump(),
    )
    with RunFolder(make_folder(scenario.name, output), manifest, text) as folder:
        recording = Recording(simulation, folder.path, scenario.outputs)
        folder.attach(recording.recorder)
        with recording.learning.kept():
            while not simulation.done:
                simulation.step()
                recording.take()
                if progress is not None:
                    progress(recording.progress())
            simulation.finish()
            recording.learning.finish()
            started = time.perf_counter()
            folder.join()  # before weights are asked for: somebody else's code is not to cost the tables
            joining = time.perf_counter() - started
        manifest.notes = recording.learning.notes()
        seconds = {"setup": setup, **simulation.seconds, "record": recording.seconds, "join": joining}
        summary = recording.summary(seconds)
        totals = recording.write_totals(folder.path)
        files = [totals, *folder.complete(summary, seconds=seconds, audit=summary["audit"])]
    if scenario.outputs.report:
        files.append(_reported(folder.path))
    recording.learning.require_kept()
    return Outcome(folder.path, summary, recording.violations, files)


def _reported(folder: Path) -> Path:
    """Write the report of a run whose tables are complete."""
    try:
        return write_report(load(folder))
    except OutputError as error:
        raise OutputError(
            f"{error}; all else of the run is whole: `cosim report {folder}` writes the report later"
        ) from error


class Recording:
    """Takes down what happens in a simulation, period by period.

    Args:
        simulation: The model.
        folder: The run's folder.
        outputs: What is recorded.
    """

    def __init__(self, simulation: Simulation, folder: Path, outputs: OutputsConfig) -> None:
        self.simulation = simulation
        self.seconds = 0.0
        self.violations = 0
        self._p2p_kwh = 0.0
        self._saving_eur = 0.0
        communities = simulation.communities
        flows = communities[0].feeder.rates.flows
        self._members = [_members(community) for community in communities]
        self._ledgers = [Ledger(community.fleet) for community in communities]
        self._kinds = columns.kinds_of(communities)
        self._extent = columns.extent_of(communities)
        extra = further(self._extent)
        extra["prosumers"] = [*extra.get("prosumers", ()), *device_columns(self._kinds)]
        self._extra = [column for column in extra["prosumers"] if column.aggregate == "sum"]
        self.recorder = Recorder(
            folder,
            simulation.clock,
            self._members,
            outputs,
            network_clock=flows,
            extra=extra,
            learning=any(map(learners, communities)),
        )
        self.learning = LearningLog(communities, self.recorder, folder, outputs.tensorboard)
        sizes = {community.name: len(community.members.names) for community in communities}
        self._indicators = Indicators(simulation.clock, sizes, network_clock=flows)
        self._money = [MoneyTable(count) for count in sizes.values()]

    def take(self) -> None:
        """Record the period that was just simulated."""
        start = time.perf_counter()
        for number, community in enumerate(self.simulation.communities):
            self._take(number, community)
        self.learning.take()
        self.seconds += time.perf_counter() - start

    def _take(self, number: int, community: Community) -> None:
        turn = community.turn
        index = turn.period.index
        extent = self._extent
        drawn = self._ledgers[number].of(community)
        totals = columns.steps(community, extent, drawn)
        for table, rows in (
            ("steps", totals),
            ("prosumers", columns.prosumers(community, self._kinds, extent, drawn)),
            ("trades", columns.trades(community, extent)),
        ):
            self._add(table, index, rows, number)
        for snapshot, (episode, lasted_h) in zip(turn.snapshots, turn.episodes, strict=True):
            for table, rows in columns.flow_tables(snapshot, episode, lasted_h):
                self._add(table, snapshot.tick, rows, number)
        losses = totals["losses_kwh"], totals.get("counterfactual_losses_kwh")
        self._money[number].add(turn.bill, turn.shadow_bill, *losses)
        self._p2p_kwh += totals["p2p_kwh"]
        self._saving_eur += totals["counterfactual_cost_eur"] - totals["cost_eur"]
        self.violations += totals["violations"]

    def _add(self, table: str, index: int, rows: Mapping[str, Any], community: int) -> None:
        self.recorder.add(table, index, rows, community)
        self._indicators.add(table, index, rows, community)

    def progress(self) -> Progress:
        """Figures so far."""
        return Progress(
            self.simulation.index,
            self.simulation.clock.periods,
            self._p2p_kwh,
            self._saving_eur,
            self.violations,
            self.learning.line,
        )

    def summary(self, seconds: Mapping[str, float]) -> dict[str, Any]:
        """The indicators of the whole run."""
        scenario = self.simulation.scenario
        money = self._closed_money()
        found = self._indicators.summary(
            seconds=seconds,
            money={**money.summary(), "rows": money.rows()},
            run={
                "name": scenario.name,
                "seed": scenario.seed,
                "network": scenario.network.name,
                "limits": self.simulation.communities[0].feeder.limits.usual(),
                "notes": self.notes(),
            },
        )
        learning = self.learning.summary()
        return found | ({"learning": learning} if learning else {})

    def notes(self) -> list[str]:
        """What a user should know: what is left out or treated differently, who fell back to a rule."""
        found: dict[str, None] = dict.fromkeys(self.learning.notes())
        for community in self.simulation.communities:
            found |= dict.fromkeys((*community.feeder.grid.notes, *community.tariffs.notes()))
        return list(found)

    def _closed_money(self) -> Money:
        """The money table of all communities, with what their stores hold at the end."""
        for number, community in enumerate(self.simulation.communities):
            stored: dict[Carrier, tuple[FloatArray, float]] = {}
            for carrier, price in self._indicators.stored_prices(number).items():
                actual = community.fleet.stored_kwh(community.state, carrier)
                stored[carrier] = actual - community.counterfactual.stored_kwh(carrier), price
            if stored:
                self._money[number].close(stored)
        return combined([table.money() for table in self._money])

    def write_totals(self, folder: Path) -> Path:
        """Write what each prosumer used, traded and paid in the whole run."""
        totals = []
        for number, community in enumerate(self.simulation.communities):
            names = community.feeder.grid.buses.name[community.members.bus]
            totals.append(
                {
                    "group": community.members.groups,
                    "bus": [str(name) for name in names],
                    **self._indicators.prosumer_totals(number),
                }
            )
        return write_totals(folder, self._members, totals, self._extra)


def _members(community: Community) -> Members:
    elements = community.feeder.grid.elements
    return Members(
        community.name,
        community.members.names,
        [str(name) for name in elements.bus],
        [str(name) for name in elements.line],
        [str(name) for name in elements.trafo],
    )
