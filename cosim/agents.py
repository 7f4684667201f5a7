"""The Mesa agents: prosumers, market operators, network operators. A prosumer is a light view of its
community's columns; all work on many prosumers is done on the columns."""

from __future__ import annotations

from collections.abc import Mapping

import mesa

from cosim.community.community import Community
from cosim.core.records import Clearing


class Prosumer(mesa.Agent):
    """One prosumer of a community.

    Its policy decides for it, in one call with all others of its group. To decide yourself, override `decide`
    and hand the class to the simulation (`Simulation(scenario, prosumers={"households-007": Mine})`): that
    prosumer alone is then asked one by one, everything else stays fast.
    """

    def __init__(self, model: mesa.Model, community: Community, index: int) -> None:
        super().__init__(model)
        self.community = community
        self.index = index
        """Row in the community's columns."""
        if type(self).decide is not Prosumer.decide:
            community.deciders.overrides[index] = self.decide

    def decide(self, observation: Mapping[str, float], rule: Mapping[str, float]) -> Mapping[str, float]:
        """Decide for one period; called only where it is overridden.

        Args:
            observation: What this prosumer knows, by name: its own fields, public information, parameters.
            rule: What self-consumption would do, by name.

        Returns:
            Actions in [-1, 1] by name; those left out follow the rule.
        """
        del observation, rule
        return {}

    @property
    def name(self) -> str:
        """Name in tables."""
        return self.community.members.names[self.index]

    @property
    def group(self) -> str:
        """Group of the scenario."""
        return self.community.members.groups[self.index]

    @property
    def bus(self) -> str:
        """Name of the bus at which it is connected."""
        return str(self.community.feeder.grid.buses.name[self.community.members.bus[self.index]])

    @property
    def devices(self) -> dict[str, list[dict[str, float]]]:
        """Parameters of its devices by kind."""
        found: dict[str, list[dict[str, float]]] = {}
        for name, device in self.community.fleet.kinds.items():
            rows = (device.prosumer == self.index).nonzero()[0]
            if len(rows):
                found[name] = [
                    {key: float(column[row]) for key, column in device.columns.items()} for row in rows
                ]
        return found

    @property
    def net_kwh(self) -> float:
        """Metered energy of the last period [kWh], drawn positive."""
        return float(self.community.turn.dispatch.electricity.net_kwh[self.index])

    @property
    def cost_eur(self) -> float:
        """Bill of the last period [EUR]."""
        return float(self.community.turn.bill.total_eur[self.index])

    @property
    def stored_kwh(self) -> float:
        """Energy in its batteries and vehicles [kWh]."""
        return float(self.community.fleet.stored_kwh(self.community.state)[self.index])


class MarketOperator(mesa.Agent):
    """Runs the session of one community and publishes what is public."""

    def __init__(self, model: mesa.Model, community: Community) -> None:
        super().__init__(model)
        self.community = community

    def clear(self) -> None:
        """Trade until gate closure."""
        self.community.trade()

    @property
    def clearing(self) -> Clearing:
        """Result of the latest electricity session that was delivered."""
        return self.community.turn.gate.electricity.clearing


class NetworkOperator(mesa.Agent):
    """Watches the grid of one community: computes its state and finds broken limits."""

    def __init__(self, model: mesa.Model, community: Community) -> None:
        super().__init__(model)
        self.community = community

    def check(self) -> None:
        """Compute the power flows of the period and find broken limits."""
        self.community.solve()

    @property
    def violations(self) -> int:
        """Broken limits in the last period, counted once an element and power flow."""
        return sum(len(snapshot.violations) for snapshot in self.community.turn.snapshots)
