"""The linear programme of a community: all devices of all its prosumers over some periods, electricity and
heat balanced for each prosumer, trade among them, the utility for the rest. Built with linopy, solved by
HiGHS. It forecasts nothing and decides nothing: from an outlook to its solution.

    minimise   sum of  retail import - feed_in export + charge_b bought + charge_s sold + gas_price gas
               - value of what is stored at the end + penalty (unserved heat, content outside its window)
    such that  import - export + bought - sold = electricity of all devices       for each prosumer and block
               heat bought - heat sold + unserved - dumped = heat of all devices  for each prosumer and block
               sum of bought = sum of sold,   sum of heat bought = (1 - loss) sum of heat sold <= capacity
               content, power and totals of every device within its envelope.

Charging and discharging at once, and what else an envelope relaxes, are not ruled out: the optimum is a lower
bound of what the devices can do.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.core.arrays import FloatArray
from cosim.core.carriers import Carrier
from cosim.policies.outlook import Outlook
from cosim.policies.planning.blocks import Blocks, by_block
from cosim.policies.planning.columns import Columns
from cosim.policies.planning.highs import Optimum, solve

if TYPE_CHECKING:
    from linopy import LinearExpression, Model

PENALTY_EUR_PER_KWH = 10.0
"""For heat that is not served, and for content outside its window: more than any price, so that it happens
only where nothing else is possible, and a programme with consistent envelopes always has a solution."""
LEAST_CHARGE = 1e-6
"""On everything that is traded [EUR/kWh]: nobody trades for nothing."""
FLOWS = ("import", "export", "bought", "sold", "heat_bought", "heat_sold", "unserved", "dumped")


@dataclass(frozen=True, slots=True)
class Solution:
    """The optimum. Energies are sums over a block [kWh], prices duals [EUR/kWh]; B blocks, n prosumers."""

    blocks: Blocks
    objective_eur: float
    """Everything that is minimised, penalties and the value of what is stored at the end included."""
    cost_eur: float
    """What the utility, the gas and the charges on trades cost: the first line of what is minimised."""
    energy_kwh: dict[str, FloatArray]
    """Kind -> energy at the main terminal, shape (B, d)."""
    inside_kwh: dict[str, FloatArray]
    """Kind that stores -> content after each block, shape (B, d)."""
    value: dict[str, FloatArray]
    """Kind that stores or has a deadline -> what a kWh more inside would save after each block, (B, d)."""
    price: FloatArray
    """What a kWh more of electricity would cost each prosumer, shape (B, n)."""
    heat_price: FloatArray
    """The same of heat; 0 for who has no device for heat, shape (B, n)."""
    flows_kwh: dict[str, FloatArray]
    """`import`, `export`, `bought`, `sold`, `heat_bought` (as delivered), `heat_sold` (as given), `unserved`,
    `dumped`, each of shape (B, n), not negative."""
    gas_kwh: FloatArray
    """Shape (B, n)."""
    outside_kwh: float
    """Content outside its window, summed over blocks, and loads that miss their deadline: 0 where the
    envelopes can be kept."""
    seconds: float
    """To build and solve."""


def optimise(
    outlook: Outlook,
    blocks: Blocks | None = None,
    *,
    trade: bool = True,
    penalty_eur_per_kwh: float = PENALTY_EUR_PER_KWH,
) -> Solution:
    """Solve for all prosumers of an outlook together.

    Args:
        outlook: Devices and prices; with realised series instead of forecasts, the optimum in hindsight.
        blocks: How periods are put together; None: not at all.
        trade: False: nobody trades, so that each prosumer is optimised by itself.
        penalty_eur_per_kwh: For unserved heat and content outside its window.

    Raises:
        PolicyError: if there is no solution (an envelope that contradicts itself), or none was found.
    """
    began = perf_counter()
    blocks = Blocks.single(outlook.count) if blocks is None else blocks
    programme = _Programme(by_block(outlook, blocks), blocks, trade, penalty_eur_per_kwh)
    found = programme.solve()
    return programme.solution(found, perf_counter() - began)


class _Programme:
    """The model while it is built, and its solution taken apart.

    Args:
        outlook: In blocks.
        blocks: How many periods each has.
        trade: Whether anybody trades.
        penalty: [EUR/kWh].
    """

    def __init__(self, outlook: Outlook, blocks: Blocks, trade: bool, penalty: float) -> None:
        from linopy import Model

        self.outlook, self.blocks, self.penalty = outlook, blocks, penalty
        self.columns = Columns.of(outlook)
        self.model: Model = Model()
        self.priced: list[tuple[Any, FloatArray]] = []
        """Labels of variables and what a kWh of each costs [EUR/kWh]."""
        self.free = self.due = np.zeros(0, dtype=np.int64)
        self.net: dict[Carrier, list[Any]] = {"electricity": [], "heat": []}
        self._memoryless()
        self._stores()
        self._balance_electricity(trade)
        self._balance_heat(trade)

    def _variable(self, name: str, rows: str, lower: Any, upper: Any) -> Any:
        """Columns of shape (rows, B), bounded; `upper` gives the shape."""
        import pandas as pd
        from xarray import DataArray

        lower, upper = np.broadcast_arrays(lower, upper)
        coords = [pd.RangeIndex(len(upper), name=rows), pd.RangeIndex(len(self.blocks), name="block")]
        bounds = (DataArray(bound, coords=coords) for bound in (lower, upper))
        return self.model.add_variables(*bounds, name=name)

    def _data(self, values: FloatArray, rows: str) -> Any:
        """Numbers of shape (rows, B) beside variables of the same rows."""
        from xarray import DataArray

        return DataArray(values, dims=(rows, "block")[: values.ndim])

    def _price(self, variable: Any, eur_per_kwh: Any) -> None:
        """Add a variable to what is minimised."""
        labels = np.asarray(variable.labels)
        self.priced.append((labels.ravel(), np.broadcast_to(eur_per_kwh, labels.shape).ravel()))

    def _take(self, parts: list[tuple[Any, float]], rows: str, chosen: Any) -> None:
        """Count the signed sum of variables in the balances of the owners, and its gas as a cost."""
        energy = parts[0][1] * parts[0][0]
        for variable, sign in parts[1:]:
            energy = energy + sign * variable
        for carrier in self.net:
            weight = self.columns.taken[carrier][chosen]
            if weight.any():
                self.net[carrier].append(self._by_owner(energy * self._data(weight, rows), rows, chosen))
        gas = self.columns.taken["gas"][chosen]
        if gas.any():
            price = self.outlook.gas_price.T[self.columns.owner[chosen]]
            for variable, sign in parts:
                self._price(variable, sign * gas * price)

    def _by_owner(self, expression: LinearExpression, rows: str, chosen: Any) -> LinearExpression:
        """Sums over the devices of each prosumer; nothing for who has none."""
        from xarray import DataArray

        owner = DataArray(self.columns.owner[chosen], dims=rows, name="prosumer")
        summed = expression.groupby(owner).sum()
        return summed.reindex(prosumer=np.arange(len(self.outlook))).fillna(0.0)

    def _memoryless(self) -> None:
        """Devices that hold nothing; those with a deadline draw their total."""
        import pandas as pd

        own = self.columns
        self.free = np.flatnonzero(~own.firm & ~own.stores)
        if not len(self.free):
            return
        self.power = self._variable("power", "free", own.low[self.free], own.high[self.free])
        self._take([(self.power, 1.0)], "free", self.free)
        due = np.flatnonzero(~np.isnan(own.total[self.free]))
        if len(due):
            total = own.total[self.free][due]
            late = self.model.add_variables(0.0, coords=[pd.RangeIndex(len(due), name="late")], name="late")
            drawn = self.power.isel(free=due).sum("block").rename(free="late")
            drawn = drawn.assign_coords(late=np.arange(len(due)))
            self.due = due
            self.model.add_constraints(drawn + late == self._data(total, "late"), name="due")
            self._price(late, self.penalty)

    def _stores(self) -> None:
        """Content from block to block; outside its window only for a penalty."""
        own = self.columns
        if not len(own.store):
            return
        low, high = own.low[own.store], own.high[own.store]
        charge = self._variable("charge", "store", np.maximum(low, 0.0), np.maximum(high, 0.0))
        give = self._variable("give", "store", np.maximum(-high, 0.0), np.maximum(-low, 0.0))
        soft = own.may_leave[:, None]
        inside = self._variable(
            "inside", "store", np.where(soft, -np.inf, own.floor), np.where(soft, np.inf, own.full)
        )
        eta = self._data(own.charge, "store")
        kept = inside.shift(block=1).fillna(0.0) * self._data(own.retention, "store")
        enters = own.inflow.copy()
        enters[:, 0] += own.retention[:, 0] * own.energy
        gained = eta * charge - give / self._data(own.discharge, "store")
        self.model.add_constraints(inside - kept - gained == self._data(enters, "store"), name="content")
        self._windows(inside)
        self._take([(charge, 1.0), (give, -1.0)], "store", own.store)
        self._price(inside.isel(block=-1), -own.end_value)

    def _windows(self, inside: Any) -> None:
        """Windows that may not be kept whatever is done: outside of them for a penalty."""
        own, chosen = self.columns, np.flatnonzero(self.columns.may_leave)
        if not len(chosen):
            return
        floor, full = own.floor[chosen], own.full[chosen]
        short = self._variable("short", "soft", 0.0, np.full_like(floor, np.inf))
        over = self._variable("over", "soft", 0.0, np.full_like(floor, np.inf))
        held = inside.isel(store=chosen).rename(store="soft").assign_coords(soft=np.arange(len(chosen)))
        self.model.add_constraints(held + short >= self._data(floor, "soft"), name="floor")
        self.model.add_constraints(held - over <= self._data(full, "soft"), name="full")
        self._price(short, self.penalty)
        self._price(over, self.penalty)

    def _balance_electricity(self, trade: bool) -> None:
        """Each prosumer's, and what is bought is what is sold."""
        look, n = self.outlook, len(self.outlook)
        endless = np.full((n, len(self.blocks)), np.inf)
        drawn, fed = (self._variable(name, "prosumer", 0.0, endless) for name in ("import", "export"))
        retail = look.retail.T
        feed_in = np.minimum(look.feed_in.T, retail)  # buying in order to sell is nobody's business
        self._price(drawn, retail)
        self._price(fed, -feed_in)
        supply = drawn - fed
        if trade:
            bought, sold = (self._variable(name, "prosumer", 0.0, endless) for name in ("bought", "sold"))
            charges = (
                np.maximum(retail - look.bid_ceiling.T, 0.0),
                np.maximum(look.ask_floor.T - feed_in, 0.0),
            )
            for energy, charge in zip((bought, sold), charges, strict=True):
                self._price(energy, charge + LEAST_CHARGE)
            supply = supply + bought - sold
            self.model.add_constraints((bought - sold).sum("prosumer") == 0.0, name="market")
        firm = self._data(self.columns.firm_kwh("electricity", n), "prosumer")
        for part in self.net["electricity"]:
            supply = supply - part
        self.model.add_constraints(supply == firm, name="electricity")

    def _balance_heat(self, trade: bool) -> None:
        """Of those who have a device for heat; the loop loses a share of what is given to it."""
        look, n = self.outlook, len(self.outlook)
        self.warm = self.columns.has_heat(n)
        rows = np.flatnonzero(self.warm)
        if not len(rows):
            return
        firm = self.columns.firm_kwh("heat", n)[rows]
        endless = np.full_like(firm, np.inf)
        names = ("unserved", "dumped")
        unserved, dumped = (self._variable(name, "warm", 0.0, endless) for name in names)
        supply = unserved - dumped
        self._price(unserved, self.penalty)
        if trade and look.heat_loop[rows].any():
            open_to = np.where(look.heat_loop[rows, None], endless, 0.0)
            names = ("heat_bought", "heat_sold")
            bought, sold = (self._variable(name, "warm", 0.0, open_to) for name in names)
            supply = supply + bought - sold
            delivered = bought.sum("warm")
            kept = 1.0 - look.loss_factor
            self.model.add_constraints(delivered - kept * sold.sum("warm") == 0.0, name="loop")
            self._price(bought, LEAST_CHARGE)
            self._price(sold, LEAST_CHARGE)
            if np.isfinite(look.loop_capacity_kwh):
                most = self._data(look.loop_capacity_kwh * self.blocks.width.astype(float), "block")
                self.model.add_constraints(delivered <= most, name="capacity")
        for part in self.net["heat"]:
            own = part.isel(prosumer=rows).rename(prosumer="warm").assign_coords(warm=np.arange(len(rows)))
            supply = supply - own
        self.model.add_constraints(supply == self._data(firm, "warm"), name="heat")

    def solve(self) -> Optimum:
        """Solve it.

        Raises:
            PolicyError: unless the optimum was found.
        """
        from linopy import LinearExpression
        from xarray import Dataset

        labels, prices = (np.concatenate(column) for column in zip(*self.priced, strict=True))
        terms = Dataset({"coeffs": ("_term", prices), "vars": ("_term", labels), "const": 0.0})
        self.model.add_objective(LinearExpression(terms, self.model))
        return solve(self.model)

    def solution(self, found: Optimum, seconds: float) -> Solution:
        """Take the optimum apart."""
        own, n, count = self.columns, len(self.outlook), len(self.blocks)
        energy, value = own.low.copy(), np.zeros_like(own.low)
        inside = np.zeros_like(own.low)
        if len(self.free):
            energy[self.free] = found.value("power")
        if len(own.store):
            energy[own.store] = found.value("charge") - found.value("give")
            inside[own.store] = found.value("inside")
            value[own.store] = -found.dual("content")
        if len(self.due):
            value[self.free[self.due]] = found.dual("due")[:, None]
        flows = {name: np.zeros((count, n)) for name in FLOWS}
        warm = np.flatnonzero(self.warm)
        for name in filter(found.has, FLOWS):
            rows = np.arange(n) if name in FLOWS[:4] else warm
            flows[name][:, rows] = np.maximum(found.value(name), 0.0).T
        heat_price = np.zeros((count, n))
        if len(warm):
            heat_price[:, warm] = found.dual("heat").T
        gas = np.zeros((n, count))
        np.add.at(gas, own.owner, energy * own.taken["gas"])
        outside = sum(float(found.value(name).sum()) for name in ("short", "over", "late") if found.has(name))
        stores, remembers = own.stores, own.stores | ~np.isnan(own.total)
        kinds = own.rows_of.items()
        return Solution(
            blocks=self.blocks,
            objective_eur=found.objective + self._firm_gas_eur(),
            cost_eur=self._utility_eur(flows) + float((gas * self.outlook.gas_price.T).sum()),
            energy_kwh={kind: energy[rows].T for kind, rows in kinds},
            inside_kwh={kind: inside[rows].T for kind, rows in kinds if stores[rows].any()},
            value={kind: value[rows].T for kind, rows in kinds if remembers[rows].any()},
            price=found.dual("electricity").T,
            heat_price=heat_price,
            flows_kwh=flows,
            gas_kwh=gas.T,
            outside_kwh=outside,
            seconds=seconds,
        )

    def _utility_eur(self, flows: dict[str, FloatArray]) -> float:
        """Bills of the utility, and charges on trades."""
        look = self.outlook
        feed_in = np.minimum(look.feed_in, look.retail)
        bought = np.maximum(look.retail - look.bid_ceiling, 0.0) * flows["bought"]
        sold = np.maximum(look.ask_floor - feed_in, 0.0) * flows["sold"]
        return float((look.retail * flows["import"] - feed_in * flows["export"] + bought + sold).sum())

    def _firm_gas_eur(self) -> float:
        """Gas of devices with nothing to decide: no variable stands for it."""
        return float((self.columns.firm_kwh("gas", len(self.outlook)) * self.outlook.gas_price.T).sum())
