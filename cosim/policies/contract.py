"""What a policy is: the records that it reads and the class that it implements. No policy is in here, and
nothing that knows a market, a device or a grid: a policy runs outside the simulation just as well.

All arrays have one row per prosumer that the policy decides for (n rows); the columns are named by `Spec`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cached_property
from math import isnan
from typing import Any, ClassVar

import numpy as np

from cosim.core.arrays import BoolArray, FloatArray, IntArray
from cosim.core.config import Config as Parameters
from cosim.core.records import BUY, SELL, Field, PublicInformation
from cosim.core.registry import nearest
from cosim.core.streams import Streams
from cosim.errors import PolicyError, Problem, UnknownNameError
from cosim.policies.outlook import Outlook

BID_MARGIN = "bid_margin"
"""Action on buying: -1 bids the own reservation price, +1 the lower end of the price band (feed-in)."""
ASK_MARGIN = "ask_margin"
"""Action on selling: -1 asks the own reservation price, +1 the upper end of the price band (retail)."""
HEAT_BID_MARGIN, HEAT_ASK_MARGIN = "heat_bid_margin", "heat_ask_margin"
"""The same on buying and selling heat, where it is traded: between what heat usually costs at least and at
most (a heat pump on own surplus, a gas boiler)."""
BID, ASK = 0, 1
"""Columns of every array with two sides."""
NEEDS = ("own", "public", "outlook", "everybody")
"""What a policy may declare to read: its own row, the public information, forecasts of its own row, the rows
of all others. A policy that pools its prosumers' private data, so that what one does depends on another's,
declares `everybody`, too."""


@dataclass(frozen=True)
class Spec:
    """Names, units and bounds of what a policy reads and returns.

    Prosumers of a group may own different devices: fields are the union of what they own, and what a
    prosumer lacks is masked (`PolicyInputs.action_mask`) and observed as zero.

    Raises:
        ValueError: if a name is used twice among the actions, or among observation and mean field.
    """

    observation: tuple[Field, ...]
    """Own, private fields, in the order of the columns of `PolicyInputs.observation`."""
    mean_field: tuple[Field, ...]
    """Public fields, in the order of the columns of `PolicyInputs.mean_field`."""
    action: tuple[Field, ...]
    """`bid_margin`, `ask_margin`, then one a flexible device: `battery.value` (what energy inside is worth,
    from -1: given at any price, to +1: drawn at any price) or `battery.setpoint`."""
    period_hours: float | None = None
    """Length of a settlement period [h]: with it `ev.hours_left` can be counted in periods; None where it has
    no meaning."""

    def __post_init__(self) -> None:
        for kind, fields in (("action", self.action), ("observation", self.observation + self.mean_field)):
            names = [item.name for item in fields]
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"{kind} fields named twice: {', '.join(twice)}")

    @cached_property
    def _columns(self) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
        observation, mean_field, action = (
            {item.name: column for column, item in enumerate(fields)}
            for fields in (self.observation, self.mean_field, self.action)
        )
        return observation, mean_field, action

    def observation_index(self, name: str) -> int:
        """Column of an observation field; `UnknownNameError` if there is none."""
        return _lookup(self._columns[0], name, "observation")

    def mean_field_index(self, name: str) -> int:
        """Column of a mean-field field; `UnknownNameError` if there is none."""
        return _lookup(self._columns[1], name, "mean-field field")

    def action_index(self, name: str) -> int:
        """Column of an action field; `UnknownNameError` if there is none."""
        return _lookup(self._columns[2], name, "action")

    def observes(self, name: str) -> bool:
        """Whether there is an observation field of that name."""
        return name in self._columns[0]

    def acts(self, name: str) -> bool:
        """Whether there is an action field of that name."""
        return name in self._columns[2]


def _lookup(columns: Mapping[str, int], name: str, kind: str) -> int:
    if name not in columns:
        raise UnknownNameError(Problem(f"unknown {kind} {name!r}", nearest(name, columns)))
    return columns[name]


@dataclass(frozen=True, slots=True)
class Everybody:
    """Private data of all N prosumers of the community; only policies that declare `everybody` get it."""

    observation: FloatArray
    """Of all, shape (N, O)."""
    action: FloatArray
    """What all of them did in the period before, shape (N, A); zeros before the first."""
    rows: IntArray
    """Where the policy's own prosumers are among them, shape (n,)."""


@dataclass(frozen=True, slots=True)
class PolicyInputs:
    """What a policy decides from in one period. Arrays are read only; everything is finite."""

    observation: FloatArray
    """Own fields, shape (n, O)."""
    mean_field: FloatArray
    """Public fields, shape (n, M): the same in every row of one community."""
    rule_action: FloatArray
    """What the self-consumption rule would do, shape (n, A)."""
    action_mask: BoolArray
    """False where the prosumer lacks the device: what is returned there is ignored, shape (n, A)."""
    parameters: Mapping[str, FloatArray] = field(default_factory=dict)
    """Own device parameters by name (`battery.charge_efficiency`), shape (n,) each; constant over a run; 0
    where the prosumer lacks the device."""
    everybody: Everybody | None = None
    """None unless the policy's `needs` has "everybody"."""
    outlook: Outlook | None = None
    """Periods ahead, for its own prosumers alone; None unless the policy's `needs` has "outlook" and it
    `looks_now`."""

    def __len__(self) -> int:
        return len(self.observation)


@dataclass(frozen=True, slots=True)
class Transition:
    """One period as a learner sees it: what it knew, did and got, and what it knows next.

    There is none without the observation that follows: nothing is learnt from the last period of a run.
    """

    inputs: PolicyInputs
    action: FloatArray
    """What was done, shape (n, A): where `own`, as `act` returned it."""
    reward: FloatArray
    """Saving against the same needs met with the utility alone [EUR], shape (n,)."""
    next_inputs: PolicyInputs
    terminated: BoolArray
    """Nothing of value comes after (do not bootstrap), shape (n,)."""
    truncated: BoolArray
    """The record ends here but life goes on (bootstrap from `next_inputs`, which was really observed), shape
    (n,). The end of a run gives none: see `Policy.finish`."""
    own: BoolArray
    """False where somebody else decided in the policy's place, shape (n,): `action` is then not the policy's,
    and nothing about its decisions can be learnt from that row."""


@dataclass(frozen=True, slots=True)
class Shout:
    """A quote on the public board, without its author."""

    side: int
    """`BUY` or `SELL`; 0 where only the price of a trade is public, not who quoted it first."""
    price_eur_per_kwh: float
    accepted: bool
    """Whether somebody traded at it."""


@dataclass(frozen=True, slots=True)
class RoundView:
    """What a policy that requotes sees after a round of trading. Columns of (n, 2) arrays: bid, ask."""

    round: int
    """Counted from 0 in every session."""
    public: PublicInformation
    """Of the session so far."""
    shouts: tuple[Shout, ...]
    """What the public board tells of the round, in order; however many trade, no more than the last trade,
    the best open bid and the best open ask (`board` makes it)."""
    reservation_eur_per_kwh: FloatArray
    """Own limit price of the order that would trade next, or that traded last if nothing is left (who has
    traded goes on learning); NaN where there was no order on that side in this session."""
    far_end_eur_per_kwh: FloatArray
    """Where a margin of +1 puts the quote: the lower end of the price band (bid), the upper end (ask)."""
    quote_eur_per_kwh: FloatArray
    """Own price of that order."""
    remaining_kwh: FloatArray
    """Own quantity that is still to trade; 0 without an order."""


def board(public: PublicInformation, trades_before: int) -> tuple[Shout, ...]:
    """The public board after a round, built from the public information alone: at most the last trade, the
    best open bid and the best open ask.

    Args:
        public: Of the session so far.
        trades_before: `public.trades` as it was before the round.
    """
    shouts: list[Shout] = []
    if public.trades > trades_before:
        shouts.append(Shout(0, public.last_price, accepted=True))
    for side, price in ((BUY, public.best_bid), (SELL, public.best_ask)):
        if not isnan(price):  # that side of the book is empty
            shouts.append(Shout(side, price, accepted=False))
    return tuple(shouts)


class NoParameters(Parameters):
    """A policy without parameters."""


class Policy(ABC):
    """Decides for n prosumers at once. The same class serves rules and learners.

    A subclass sets `name` and `summary`, states what it does in the flags, and implements `act`.

    It draws random numbers for its prosumers from `self.draw(NAME)`, one generator a field, and always for
    every row, as often in every period: `self.draw("bid_margin").random(self.n)`. What is drawn for a
    prosumer then depends on the seed, the label, the field's name, how often it was drawn before, the
    prosumer's row and n; on nobody's data, and not on who owns which devices. What remains: one prosumer more
    under the same label changes n, and so what the others draw.

    `cosim.policies.check_policy` holds it to all this.

    Args:
        spec: Fields of its inputs and actions.
        n: Prosumers that it decides for; may be 0.
        config: An instance of its `Config`; None takes the defaults.
        seed: Seed of the run.
        label: Tells apart policies of one run; the generators come from seed and label.
    """

    name: ClassVar[str] = ""
    summary: ClassVar[str] = ""
    """One line for `cosim list policies`."""
    trades: bool = True
    """False: takes no part in the market, all energy settles with the utility."""
    requotes: bool = False
    """True: `requote` is called after every round of trading, also after the last."""
    learns: bool = False
    """True: `learn` is called after every period."""
    fallen: bool = False
    """True: it learnt until it diverged, and follows a rule from then on."""
    needs: tuple[str, ...] = ("own",)
    """What it reads, of `NEEDS`; may depend on the parameters (set it on the instance then)."""
    horizon_hours: float = 24.0
    """How far ahead it wants to see, if `needs` has "outlook" [h]; the instance may say otherwise."""
    expects_prices: bool = False
    """Whether what it does hangs on `outlook.market_price`: a learner that starts from it may then put there
    what it has learnt to expect."""
    crosses: ClassVar[str] = ""
    """What passes from one of its prosumers to another, if anything does, for `cosim list policies`."""
    Config: ClassVar[type[Parameters]] = NoParameters
    """Its parameters; part of the scenario's schema. A `Path` among them starts at the scenario's folder."""

    config: Parameters

    def __init__(
        self, spec: Spec, n: int, config: Parameters | None = None, *, seed: int = 0, label: str = ""
    ) -> None:
        self.spec = spec
        self.n = n
        self.config = self.Config() if config is None else config
        self.seed = seed
        self.label = label or self.name
        self._streams = Streams(seed).within("policy", self.label)
        self._generators: dict[str, np.random.Generator] = {}
        self.rng = self.draw("")
        """For what belongs to no field, for example the order in which a learner takes its samples."""

    def draw(self, name: str) -> np.random.Generator:
        """The generator of a field, or of any other purpose: the same object whenever it is asked for.

        Its draws depend on the seed, the label and the name alone, whatever others draw. It is part of the
        state that is saved.
        """
        if name not in self._generators:
            self._generators[name] = self._streams.generator(name)
        return self._generators[name]

    @property
    def looks_now(self) -> bool:
        """Whether it reads the outlook of the period that comes, if `needs` has "outlook": an outlook takes
        time to make, and whoever decides once a day need not be given one in every period."""
        return True

    def prepare(self) -> None:
        """Read what the policy starts from, such as a file that its parameters name. Called once, by
        `cosim.policies.create`, when the policy is made.

        Raises:
            InputError: if that cannot be used; the path of its problem is the parameter's name.
        """
        return

    @abstractmethod
    def act(self, inputs: PolicyInputs, explore: bool = True) -> FloatArray:
        """Decide for one period.

        Args:
            inputs: What is known, n rows.
            explore: False asks a learner for its best action without exploration.

        Returns:
            Actions in [-1, 1], shape (n, A), float64; masked ones are ignored.
        """

    def requote(self, view: RoundView) -> FloatArray | None:
        """New margins after a round of trading.

        Returns:
            Bid and ask margin in [-1, 1], shape (n, 2), or None to leave all quotes as they are. After the
            last round what is returned is ignored.
        """
        return None

    def learn(self, transition: Transition) -> dict[str, float]:
        """Take in one period; update when the policy sees fit. Called once the next period is observed.

        Returns:
            Metrics of an update, finite; empty without one.
        """
        return {}

    def finish(self) -> dict[str, float]:
        """The run is over: a last update from what was collected, to bootstrap from the last `next_inputs`.

        Called once, after the last period, of which there is no transition: nothing was observed after it.

        Returns:
            As `learn`.
        """
        return {}

    def reset(self) -> None:
        """Forget what belongs to the running episode, not what was learnt."""
        return

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to go on as if nothing had happened: a copy, of plain types and arrays."""
        generators = {name: deepcopy(own.bit_generator.state) for name, own in self._generators.items()}
        return {"policy": self.name, "n": self.n, "generators": generators}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state_dict` of the same policy, spec and n.

        Raises:
            PolicyError: if the state is of another policy or of another number of prosumers.
        """
        for key, own in (("policy", self.name), ("n", self.n)):
            if state.get(key) != own:
                raise PolicyError(f"state of {key} {state.get(key)!r} cannot be loaded into {key} {own!r}")
        if "generators" not in state:
            raise PolicyError(f"state of policy {self.name!r} lacks generators")
        for name in {*self._generators, *state["generators"]}:
            fresh = self._streams.generator(name).bit_generator.state  # not drawn from when it was saved
            self.draw(name).bit_generator.state = deepcopy(state["generators"].get(name, fresh))

    @property
    def basis(self) -> str:
        """What its weights speak of beside inputs and actions, in words, such as the rule that it departs
        from: they are of use only where it is the same. Empty: nothing."""
        return ""

    def weights(self) -> dict[str, FloatArray]:
        """What carries over to another scenario; empty where nothing is learnt."""
        return {}

    def load_weights(self, weights: Mapping[str, FloatArray]) -> None:
        """Start from weights learnt elsewhere.

        Raises:
            PolicyError: if they do not fit, naming each field that differs.
        """
        if weights:
            raise PolicyError(f"policy {self.name!r} takes no weights; got {', '.join(sorted(weights))}")
