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

from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.carriers import Carrier
from cosim.policies.outlook import Outlook
from cosim.policies.planning.blocks import Blocks, by_block
from cosim.policies.planning.columns import Columns
from cosim.policies.planning.highs import Method, Optimum, solve
from cosim.policies.planning.solution import FLOWS, Solution

if TYPE_CHECKING:
    from linopy import Model

PENALTY_EUR_PER_KWH = 10.0
"""For heat that is not served, and for content outside its window: more than any price, so that it happens
only where nothing else is possible, and a programme with consistent envelopes always has a solution."""
LEAST_CHARGE = 1e-6
"""On everything that is traded [EUR/kWh]: nobody trades for nothing."""

Term = tuple[IntArray, Any]
"""Labels of variables and their coefficients."""


def optimise(
    outlook: Outlook,
    blocks: Blocks | None = None,
    *,
    trade: bool = True,
    price_taking: bool = False,
    lean: bool = False,
    penalty_eur_per_kwh: float = PENALTY_EUR_PER_KWH,
    method: Method = "simplex",
) -> Solution:
    """Solve for all prosumers of an outlook together.

    Args:
        outlook: Devices and prices; with realised series instead of forecasts, the optimum in hindsight.
        blocks: How periods are put together; None: not at all.
        trade: False: nobody trades, so that each prosumer is optimised by itself.
        price_taking: Without `trade`: members of the loop buy and sell heat at `heat_market_price`, as much
            as the loop carries, where that is not NaN. For electricity the same is a question of prices:
            lower `retail` and raise `feed_in`.
        lean: Leave out that a prosumer takes where its own devices cannot draw, or gives where they cannot:
            with one tariff no optimum does. Twice as quick for a large community; where duals are not unique
            they may be others.
        penalty_eur_per_kwh: For unserved heat and content outside its window.
        method: Of the solver.

    Raises:
        PolicyError: if there is no solution (an envelope that contradicts itself), or none was found.
    """
    began = perf_counter()
    blocks = Blocks.single(outlook.count) if blocks is None else blocks
    programme = _Programme(by_block(outlook, blocks), blocks, trade, price_taking, lean, penalty_eur_per_kwh)
    found = programme.solve(method)
    return programme.solution(found, perf_counter() - began)


class _Programme:
    """The model while it is built, and its solution taken apart.

    Args:
        outlook: In blocks.
        blocks: How many periods each has.
        trade: Whether anybody trades.
        price_taking: Whether heat is traded at given prices.
        lean: Whether nobody takes or gives what its own devices cannot.
        penalty: [EUR/kWh].
    """

    def __init__(
        self,
        outlook: Outlook,
        blocks: Blocks,
        trade: bool,
        price_taking: bool,
        lean: bool,
        penalty: float,
    ) -> None:
        from linopy import Model

        self.outlook, self.blocks, self.penalty = outlook, blocks, penalty
        self.price_taking, self.lean = price_taking and not trade, lean
        self.columns = Columns.of(outlook)
        self.model: Model = Model()
        self.priced: list[tuple[IntArray, FloatArray]] = []
        """Labels of variables and what a kWh of each costs [EUR/kWh]."""
        self.free = self.due = np.zeros(0, dtype=np.int64)
        self.net: dict[Carrier, list[Term]] = {"electricity": [], "heat": []}
        self._memoryless()
        self._stores()
        self._balance_electricity(trade)
        self._balance_heat(trade)

    def _variable(self, name: str, rows: str, lower: Any, upper: Any) -> IntArray:
        """Variables between bounds, of shape (rows, B) or (rows,); `upper` has it. Returns their labels."""
        from pandas import RangeIndex
        from xarray import DataArray

        lower, upper = np.broadcast_arrays(lower, upper)
        coords = [
            RangeIndex(length, name=dim) for dim, length in zip((rows, "block"), upper.shape, strict=False)
        ]
        bounds = (DataArray(bound, coords=coords) for bound in (lower, upper))
        return np.asarray(self.model.add_variables(*bounds, name=name).labels)

    def _require(self, name: str, dims: tuple[str, ...], terms: list[Term], sign: str, right: Any) -> None:
        """Constraints: the sum of the terms against the right-hand side, which has the shape of `dims`. Terms
        have that shape, or one axis more, to be summed over; -1 stands for no variable."""
        from linopy import LinearExpression
        from xarray import DataArray, Dataset

        shape = np.shape(right)
        labels, numbers = (
            np.concatenate([np.reshape(part, (*shape, -1)) for part in parts], axis=-1)
            for parts in zip(*(np.broadcast_arrays(*term) for term in terms), strict=True)
        )
        numbers = np.where(labels < 0, np.nan, numbers)
        coords = {dim: np.arange(length) for dim, length in zip(dims, shape, strict=True)}
        axes = (*dims, "_term")
        sums = Dataset(
            {"coeffs": (axes, numbers), "vars": (axes, labels), "const": (dims, np.zeros(shape))}, coords
        )
        constant = DataArray(right, coords=coords, dims=dims)
        self.model.add_constraints(LinearExpression(sums, self.model), sign, constant, name=name)

    def _price(self, labels: IntArray, eur_per_kwh: Any) -> None:
        """Add variables to what is minimised."""
        self.priced.append((labels.ravel(), np.broadcast_to(eur_per_kwh, labels.shape).ravel()))

    def _take(self, labels: IntArray, chosen: IntArray, sign: float = 1.0) -> None:
        """Count energy of some devices in the balances of their owners, and its gas as a cost."""
        own, n = self.columns, len(self.outlook)
        owner = own.owner[chosen]
        order = np.argsort(owner, kind="stable")
        place = np.arange(len(owner)) - np.searchsorted(owner[order], owner[order])  # among the owner's
        for carrier, terms in self.net.items():
            weight = sign * own.taken[carrier][chosen]
            if not weight.any():
                continue
            shape = (n, len(self.blocks), int(place.max()) + 1)
            by_owner, numbers = np.full(shape, -1, dtype=np.int64), np.zeros(shape)
            by_owner[owner[order], :, place] = np.where(weight != 0.0, labels, -1)[order]
            numbers[owner[order], :, place] = weight[order]
            terms.append((by_owner, numbers))
        gas = own.taken["gas"][chosen]
        if gas.any():
            self._price(labels, sign * gas * self.outlook.gas_price.T[owner])

    def _memoryless(self) -> None:
        """Devices that hold nothing; those with a deadline draw their total."""
        own = self.columns
        self.free = np.flatnonzero(~own.firm & ~own.stores)
        if not len(self.free):
            return
        power = self._variable("power", "free", own.low[self.free], own.high[self.free])
        self._take(power, self.free)
        self.due = np.flatnonzero(~np.isnan(own.total[self.free]))
        if len(self.due):
            total = own.total[self.free][self.due]
            late = self._variable("late", "late", 0.0, np.full_like(total, np.inf))
            self._require("due", ("late",), [(power[self.due], 1.0), (late, 1.0)], "=", total)
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
        bounds = np.where(soft, -np.inf, own.floor), np.where(soft, np.inf, own.full)
        inside = self._variable("inside", "store", *bounds)
        before = np.column_stack([np.full(len(inside), -1), inside[:, :-1]])
        enters = own.inflow.copy()
        enters[:, 0] += own.retention[:, 0] * own.energy
        terms = [
            (inside, 1.0),
            (before, -own.retention),
            (charge, -own.charge[:, None]),
            (give, 1.0 / own.discharge[:, None]),
        ]
        self._require("content", ("store", "block"), terms, "=", enters)
        self._windows(inside)
        self._take(charge, own.store)
        self._take(give, own.store, -1.0)
        self._price(inside[:, -1], -own.end_value)

    def _windows(self, inside: IntArray) -> None:
        """Windows that may not be kept whatever is done: outside of them for a penalty."""
        own, chosen = self.columns, np.flatnonzero(self.columns.may_leave)
        if not len(chosen):
            return
        dims, floor, full = ("soft", "block"), own.floor[chosen], own.full[chosen]
        for name, row, sign, edge in (("short", "floor", 1.0, floor), ("over", "full", -1.0, full)):
            beyond = self._variable(name, "soft", 0.0, np.full_like(edge, np.inf))
            terms = [(inside[chosen], 1.0), (beyond, sign)]
            self._require(row, dims, terms, ">=" if sign > 0.0 else "<=", edge)
            self._price(beyond, self.penalty)

    def _most(self, carrier: Carrier) -> tuple[FloatArray, FloatArray]:
        """Most that each prosumer takes and gives, shape (n, B) each."""
        if self.lean:
            return self.columns.may_take(carrier, len(self.outlook))
        endless = np.full((len(self.outlook), len(self.blocks)), np.inf)
        return endless, endless

    def _balance_electricity(self, trade: bool) -> None:
        """Each prosumer's, and what is bought is what is sold."""
        look, n = self.outlook, len(self.outlook)
        take, give = self._most("electricity")
        retail = look.retail.T
        feed_in = np.minimum(look.feed_in.T, retail)  # buying in order to sell is nobody's business
        terms: list[Term] = [(labels, -numbers) for labels, numbers in self.net["electricity"]]
        offers = [("import", 1.0, retail), ("export", -1.0, -feed_in)]
        if trade:
            offers.append(("bought", 1.0, np.maximum(retail - look.bid_ceiling.T, 0.0) + LEAST_CHARGE))
            offers.append(("sold", -1.0, np.maximum(look.ask_floor.T - feed_in, 0.0) + LEAST_CHARGE))
        for name, sign, price in offers:
            labels = self._variable(name, "prosumer", 0.0, take if sign > 0.0 else give)
            self._price(labels, price)
            terms.append((labels, sign))
        firm = self.columns.firm_kwh("electricity", n)
        self._require("electricity", ("prosumer", "block"), terms, "=", firm)
        if trade:
            market = [(labels.T, sign) for labels, sign in terms[-2:]]
            self._require("market", ("block",), market, "=", np.zeros(len(self.blocks)))

    def _balance_heat(self, trade: bool) -> None:
        """Of those who have a device for heat; the loop loses a share of what is given to it."""
        look, n = self.outlook, len(self.outlook)
        self.warm = self.columns.has_heat(n)
        rows = np.flatnonzero(self.warm)
        if not len(rows):
            return
        firm = self.columns.firm_kwh("heat", n)[rows]
        take, give = (most[rows] for most in self._most("heat"))
        terms: list[Term] = [(labels[rows], -numbers[rows]) for labels, numbers in self.net["heat"]]
        offers: list[tuple[str, float, Any, FloatArray]] = [
            ("unserved", 1.0, self.penalty, take),
            ("dumped", -1.0, 0.0, give),
        ]
        traded = (trade or self.price_taking) and bool(look.heat_loop[rows].any())
        if traded:
            price, carried = self._given_heat_price() if self.price_taking else (0.0, np.inf)
            most = np.where(look.heat_loop[rows, None], carried, 0.0)
            arrives = 1.0 - look.loss_factor
            offers.append(("heat_bought", 1.0, price + LEAST_CHARGE, np.minimum(most, take)))
            sold = np.minimum(most / arrives, give)
            offers.append(("heat_sold", -1.0, LEAST_CHARGE - arrives * price, sold))
        for name, sign, each, upper in offers:
            labels = self._variable(name, "warm", 0.0, upper)
            self._price(labels, each)
            terms.append((labels, sign))
        self._require("heat", ("warm", "block"), terms, "=", firm)
        if not traded or self.price_taking:
            return
        delivered, given = terms[-2][0].T, terms[-1][0].T
        loop: list[Term] = [(delivered, 1.0), (given, look.loss_factor - 1.0)]
        self._require("loop", ("block",), loop, "=", np.zeros(len(self.blocks)))
        if np.isfinite(look.loop_capacity_kwh):
            capacity = look.loop_capacity_kwh * self.blocks.width
            self._require("capacity", ("block",), [(delivered, 1.0)], "<=", capacity)

    def _given_heat_price(self) -> tuple[FloatArray, FloatArray]:
        """Price of heat in each block, and how much one prosumer can trade [kWh], shape (B,) each."""
        price = self.outlook.heat_market_price
        if price is None:
            return np.zeros(len(self.blocks)), np.zeros(len(self.blocks))
        carried = np.where(np.isnan(price), 0.0, self.outlook.loop_capacity_kwh * self.blocks.width)
        return np.nan_to_num(price), carried

    def solve(self, method: Method) -> Optimum:
        """Solve it.

        Raises:
            PolicyError: unless the optimum was found.
        """
        from linopy import LinearExpression
        from xarray import Dataset

        labels, prices = (np.concatenate(column) for column in zip(*self.priced, strict=True))
        terms = Dataset({"coeffs": ("_term", prices), "vars": ("_term", labels), "const": 0.0})
        self.model.add_objective(LinearExpression(terms, self.model))
        return solve(self.model, method)

    def solution(self, found: Optimum, seconds: float) -> Solution:
        """Take the optimum apart."""
        own, n, count = self.columns, len(self.outlook), len(self.blocks)
        energy, value = own.low.copy(), np.zeros_like(own.low)
        inside, at_once = np.zeros_like(own.low), 0.0
        if len(self.free):
            energy[self.free] = found.value("power")
        if len(own.store):
            charge, give = found.value("charge"), found.value("give")
            energy[own.store] = charge - give
            at_once = float(np.minimum(charge, give).clip(min=0.0).sum())
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
        bills = self._utility_eur(flows) + (gas * self.outlook.gas_price.T).sum(axis=1)
        return Solution(
            blocks=self.blocks,
            objective_eur=found.objective + self._firm_gas_eur(),
            cost_eur=float(bills.sum()),
            bills_eur=bills,
            energy_kwh={kind: energy[rows].T for kind, rows in kinds},
            inside_kwh={kind: inside[rows].T for kind, rows in kinds if stores[rows].any()},
            value={kind: value[rows].T for kind, rows in kinds if remembers[rows].any()},
            price=found.dual("electricity").T,
            heat_price=heat_price,
            flows_kwh=flows,
            gas_kwh=gas.T,
            market_price=self._clearing_price(found, "market"),
            heat_market_price=self._clearing_price(found, "loop"),
            at_once_kwh=at_once,
            outside_kwh=outside,
            seconds=seconds,
        )

    def _clearing_price(self, found: Optimum, name: str) -> FloatArray:
        """What the dual of a market's balance says of its price, shape (B,); NaN without a market."""
        if name not in self.model.constraints:
            return np.full(len(self.blocks), np.nan)
        return -found.dual(name)

    def _utility_eur(self, flows: dict[str, FloatArray]) -> FloatArray:
        """Bills of the utility, charges on trades, and heat traded at given prices, shape (n,)."""
        look = self.outlook
        feed_in = np.minimum(look.feed_in, look.retail)
        bought = np.maximum(look.retail - look.bid_ceiling, 0.0) * flows["bought"]
        sold = np.maximum(look.ask_floor - feed_in, 0.0) * flows["sold"]
        paid = look.retail * flows["import"] - feed_in * flows["export"] + bought + sold
        if self.price_taking:
            delivered = flows["heat_bought"] - (1.0 - look.loss_factor) * flows["heat_sold"]
            paid = paid + self._given_heat_price()[0][:, None] * delivered
        bills: FloatArray = paid.sum(axis=0)
        return bills

    def _firm_gas_eur(self) -> float:
        """Gas of devices with nothing to decide: no variable stands for it."""
        return float((self.columns.firm_kwh("gas", len(self.outlook)) * self.outlook.gas_price.T).sum())
