"""What the devices of a community drew in a period, and what its stores hold, by prosumer. Every sum is made
once a period, all together, for whichever table wants it."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain

import numpy as np

from cosim.community.community import Community
from cosim.core.arrays import FloatArray, IntArray, sum_by
from cosim.core.carriers import TRADED, Carrier
from cosim.core.dispatch import Dispatch
from cosim.devices.base import Role
from cosim.devices.fleet import Fleet

ROLES: tuple[Role, ...] = ("load", "generation", "storage")
_MAIN, _ELECTRICITY = "main", "electricity"
"""At which terminal: the main one, or that for electricity of what turns a carrier into another."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """Energy of one period by prosumer [kWh], shape (n,) each, drawn positive; not to be changed."""

    roles: dict[tuple[Carrier, Role], FloatArray]
    """What the devices of a role draw. What turns one carrier into another counts as load where it draws, as
    generation where it gives."""
    main: dict[str, FloatArray]
    """Device kind -> what it draws at its main terminal."""
    electricity: dict[str, FloatArray]
    """Device kind whose main terminal is elsewhere -> electricity that it draws."""
    stored: dict[Carrier, FloatArray]
    """What stores hold at the end of the period."""


@dataclass(frozen=True, slots=True)
class _Row:
    """One sum by prosumer: of what a kind draws at one terminal, or of the part with one sign."""

    kind: str
    terminal: str
    part: np.ufunc | None = None


@dataclass(slots=True)
class _Layout:
    """Which sums there are, one after the other."""

    rows: list[_Row] = field(default_factory=list)
    roles: dict[tuple[Carrier, Role], slice] = field(default_factory=dict)
    """Rows that make up a role."""
    whole: dict[str, dict[str, int]] = field(default_factory=lambda: {_MAIN: {}, _ELECTRICITY: {}})
    """Terminal -> kind -> row of all that it draws there."""
    index: IntArray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    """Sum that the energy of every device goes to: row x prosumers + prosumer."""


class Ledger:
    """Adds up what the devices of one community drew.

    Args:
        fleet: Its devices.
    """

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._layouts: dict[tuple[str, ...], _Layout] = {}

    def of(self, community: Community) -> Drawn:
        """The sums of the period that was delivered last."""
        fleet, dispatch = self._fleet, community.turn.dispatch
        layout = self._layout(dispatch)
        terminals = {_MAIN: dispatch.device_kwh, _ELECTRICITY: dispatch.electricity_kwh}
        energies = []
        for row in layout.rows:
            energy = terminals[row.terminal][row.kind]
            energies.append(energy if row.part is None else row.part(energy, 0.0))
        count, n = len(energies), fleet.prosumers
        sums = sum_by(layout.index, np.concatenate(energies or [np.zeros(0)]), count * n).reshape(count, n)
        return Drawn(
            {key: np.add.reduce(sums[rows], axis=0) for key, rows in layout.roles.items()},
            {kind: sums[row] for kind, row in layout.whole[_MAIN].items()},
            {kind: sums[row] for kind, row in layout.whole[_ELECTRICITY].items()},
            {carrier: fleet.stored_kwh(community.state, carrier) for carrier in TRADED},
        )

    def _layout(self, dispatch: Dispatch) -> _Layout:
        kinds = (*dispatch.device_kwh, "", *dispatch.electricity_kwh)
        if kinds not in self._layouts:
            self._layouts[kinds] = self._made(dispatch)
        return self._layouts[kinds]

    def _made(self, dispatch: Dispatch) -> _Layout:
        devices, layout = self._fleet.kinds, _Layout()
        for carrier in TRADED:
            for role in ROLES:
                first = len(layout.rows)
                layout.rows += self._of_role(dispatch, carrier, role)
                layout.roles[carrier, role] = slice(first, len(layout.rows))
        there = {(row.kind, row.terminal) for row in layout.rows if row.part is None}
        whole = chain(
            ((kind, _MAIN) for kind in dispatch.device_kwh),
            ((kind, self._terminal(kind, "electricity")) for kind in dispatch.electricity_kwh),
        )
        layout.rows += [_Row(*key) for key in dict.fromkeys(whole) if key not in there]
        for at, row in enumerate(layout.rows):
            if row.part is None:
                layout.whole[row.terminal][row.kind] = at
        owners = [
            devices[row.kind].prosumer + at * self._fleet.prosumers for at, row in enumerate(layout.rows)
        ]
        layout.index = np.concatenate(owners or [layout.index])
        return layout

    def _of_role(self, dispatch: Dispatch, carrier: Carrier, role: Role) -> list[_Row]:
        """What adds up to a role, in the order of the kinds."""
        devices, rows = self._fleet.kinds, []
        for kind in dispatch.electricity_kwh if carrier == "electricity" else dispatch.device_kwh:
            terminal = self._terminal(kind, carrier)
            if carrier not in ("electricity", devices[kind].carrier):
                continue
            if devices[kind].role == role:
                rows.append(_Row(kind, terminal))
            elif devices[kind].role == "conversion" and role != "storage":
                rows.append(_Row(kind, terminal, np.maximum if role == "load" else np.minimum))
        return rows

    def _terminal(self, kind: str, carrier: Carrier) -> str:
        return _MAIN if self._fleet.kinds[kind].carrier == carrier else _ELECTRICITY
