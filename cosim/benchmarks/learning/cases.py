"""What `cosim bench learning` compares, and on what: data, to be read and changed here, nothing computed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cosim.policies import registry
from cosim.scenario.load import load_scenario
from cosim.scenario.schema import Scenario
from cosim.studies.contenders import Bidding, Contender

SCENARIOS = Path(__file__).resolve().parents[3] / "scenarios"
"""The scenarios of the checkout."""
Parameters = Mapping[str, Any]

ELECTRIC, HEATED = "reference-100", "reference-100-mes"
"""The reference cases, scenarios of that name."""
DEFAULT_LEARNER = "mf-ppo"
CENTRAL = "community-planner"
"""The rule that knows everybody's data: what a market could do at best, and no rival of those that do not."""
ROUNDS = 5
"""Rounds of trading that ZIP gets to move its quotes in; others quote once."""
RULES = (
    Contender("utility-only", "utility-only"),
    Contender("self-consumption", "self-consumption"),
    Contender("zero-intelligence", "zero-intelligence"),
    Contender(f"zip, {ROUNDS} rounds", "zip", rounds=ROUNDS),
    Contender("fixed-reservation", "fixed-reservation"),
    Contender("price-taker", "price-taker"),
    Contender(CENTRAL, CENTRAL),
)
"""Their parameters are tuned in training, as far as `cosim.studies.tuning` has a grid for them."""
SHARING = ("federated", "none")
"""How learners learn from each other in the headline results: no private data cross. The first that a learner
takes is the one that its ablations start from; one that takes neither takes part as it stands."""
POOLED = "group"
"""How those learn from each other besides whose private data cross in any case."""
ABLATED = ("mf-ppo", "mf-q", "mf-ac", "mf-td3")
"""Learners of which the mean field is a part: what it is good for is asked of them."""
ABLATIONS: Mapping[str, Sequence[Parameters]] = {
    "no mean field": ({"mean_field": "none", "mean_action": "none"}, {"mean_field": "none"}),
    "shuffled mean field": ({"mean_field": "shuffled", "mean_action": "none"}, {"mean_field": "shuffled"}),
    "private data pooled": ({"sharing": "group"},),
    "true mean action, not private": ({"mean_action": "true"},),
}
"""What is changed about a learner: the first of these parameters that it has."""
HEATED_ABLATIONS: Mapping[str, Sequence[Parameters]] = {
    "prices as last seen": ({"expects": "last", "start": "price-taker:confidence=0.5"},),
    "expectation alone": ({"exploration": 1e-6, "least_exploration": 1e-6, "learning_rate": 1e-9},),
}
"""The same of the default learner where it starts from a plan: without an expectation of prices (and from the
confidence that is best then), and with nothing else, as it tries and learns nothing besides."""

PRUDENCE = "prudence"
PRUDENT = (0.0, 3.0, 5.0)
"""Values of that parameter with which the default learner is judged on the electric case: what its worst days
cost, and what it gives away for that."""


@dataclass(frozen=True)
class Extent:
    """How much is done."""

    seeds: int = 5
    train_days: float = 119.0
    test_days: float = 7.0
    passes: int = 3
    cases: tuple[str, ...] = (ELECTRIC, HEATED)
    biddings: tuple[Bidding, ...] = ("reservation", "setpoint")
    """Bidding modes on the electric case; what is compared once is compared in the first."""
    heated_biddings: tuple[Bidding, ...] = ("reservation",)
    """The same on the case with heat, where a simulated day takes four times as long."""
    rules: tuple[Contender, ...] = RULES
    learners: tuple[str, ...] = ()
    """Kinds; none: all that the registry has."""
    ablations: tuple[str, ...] = tuple(ABLATIONS)
    ablated: tuple[str, ...] = ABLATED
    """Learners, if they take part, that are judged so changed."""
    prudences: tuple[float, ...] = PRUDENT
    """Of the default learner."""
    sizes: tuple[int, ...] = (10, 30, 100, 300, 1000)
    """Numbers of prosumers at which seconds are measured."""
    scale_days: int = 5
    """Days over which seconds are measured."""
    warm_up_days: int = 31
    """Days before that: kernels are compiled, memories of what to learn from are full."""
    quality_sizes: tuple[int, ...] = (30, 300)
    """Numbers of prosumers at which the best are judged once more."""
    best: int = 4
    """How many these are."""
    regret: bool = True
    """Whether the price-taker regret is computed."""
    probe: int = 0
    """Prosumers with which exploitability is sampled; 0: it is not."""

    def biddings_on(self, name: str) -> tuple[Bidding, ...]:
        """Bidding modes on a reference case."""
        return self.heated_biddings if name == HEATED else self.biddings

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of the learners."""
        return self.learners or learners()

    @property
    def ablated_kinds(self) -> tuple[str, ...]:
        """Kinds of those that are judged with something taken from them."""
        return tuple(kind for kind in self.kinds if kind in self.ablated)


FULL = Extent()
QUICK = Extent(
    seeds=1,
    train_days=7.0,
    test_days=1.0,
    cases=(ELECTRIC,),
    biddings=("reservation",),
    rules=tuple(
        rule for rule in RULES if rule.kind in {"utility-only", "self-consumption", "zero-intelligence"}
    ),
    learners=(DEFAULT_LEARNER,),
    ablations=("no mean field",),
    prudences=(0.0, 3.0),
    sizes=(10, 30),
    scale_days=1,
    warm_up_days=1,
    quality_sizes=(30,),
    best=2,
)


def learners() -> tuple[str, ...]:
    """Kinds of all policies of the registry that learn."""
    return tuple(name for name in registry.names() if registry.load(name).learns)


@dataclass(frozen=True)
class Variant:
    """A learner with some of its parameters given."""

    kind: str
    label: str = ""
    """What is special about it."""
    parameters: Parameters = field(default_factory=dict)

    @property
    def name(self) -> str:
        """In tables."""
        return f"{self.kind}, {self.label}" if self.label else self.kind

    def contender(self, bidding: Bidding = "reservation") -> Contender:
        """As one of a study."""
        return Contender(self.name, self.kind, self.parameters, bidding)


def variants(kind: str) -> list[Variant]:
    """A learner in every way of sharing that it has, of those that count."""
    ways = (*SHARING, POOLED) if "everybody" in registry.load(kind).needs else SHARING
    found = [Variant(kind, sharing, {"sharing": sharing}) for sharing in ways]
    return [one for one in found if accepts(kind, one.parameters)] or [Variant(kind)]


def ablated(kind: str, changes: Mapping[str, Sequence[Parameters]]) -> Iterator[Variant]:
    """A learner as it is, then with what is taken from it, as far as it has it."""
    plain = variants(kind)[0]
    yield plain
    for name, variations in changes.items():
        choices = ({**plain.parameters, **choice} for choice in variations)
        chosen = next((choice for choice in choices if accepts(kind, choice)), None)
        if chosen is not None:
            yield Variant(kind, f"{plain.label}; {name}" if plain.label else name, chosen)


def accepts(kind: str, parameters: Parameters) -> bool:
    """Whether a policy has these parameters."""
    try:
        registry.load(kind).Config(**parameters)
    except ValidationError:
        return False
    return True


def contenders(extent: Extent, name: str = ELECTRIC) -> list[Contender]:
    """Who is compared on a reference case, in every bidding mode there. In the first mode the default learner
    takes part once more: on the electric case with prudence, with heat also without some of its parts."""
    modes = extent.biddings_on(name)
    plain = [*extent.rules, *(one.contender() for kind in extent.kinds for one in variants(kind))]
    special: list[Contender] = []
    if DEFAULT_LEARNER in extent.kinds and name == HEATED:
        special = [one.contender() for one in ablated(DEFAULT_LEARNER, HEATED_ABLATIONS)][1:]
    elif DEFAULT_LEARNER in extent.kinds and any(extent.prudences):
        special = [prudent(variants(DEFAULT_LEARNER)[0], max(extent.prudences)).contender()]
    return [
        replace(one, bidding=mode)
        for mode in modes
        for one in (*plain, *(special if mode == modes[0] else ()))
    ]


def prudent(plain: Variant, prudence: float) -> Variant:
    """A learner that departs from its rule only where that pays; with 0 as it was."""
    if not prudence:
        return plain
    label = f"{plain.label}; prudence {prudence:g}" if plain.label else f"prudence {prudence:g}"
    return Variant(plain.kind, label, {**plain.parameters, PRUDENCE: prudence})


def ablation_contenders(extent: Extent) -> list[Contender]:
    """Who is compared to see what the mean field and the sharing of data are good for."""
    return [
        replace(one.contender(), bidding=extent.biddings[0])
        for kind in extent.ablated_kinds
        for one in ablated(kind, {name: ABLATIONS[name] for name in extent.ablations})
    ]


def prudent_contenders(extent: Extent) -> list[Contender]:
    """The best rule there is, and the default learner with more and more prudence."""
    rule = Contender("price-taker", "price-taker")
    found = [rule] if rule in extent.rules else []
    found += [
        prudent(plain, prudence).contender()
        for plain in variants(DEFAULT_LEARNER)
        for prudence in extent.prudences
    ]
    return [replace(one, bidding=extent.biddings[0]) for one in found]


def reference(name: str) -> Scenario:
    """A reference case."""
    return load_scenario(SCENARIOS / f"{name}.yaml")


def scaled(size: int) -> Scenario:
    """The electric reference case with another number of prosumers, in the same proportions, spread over the
    same buses."""
    counts = shared_out(size, [group.count for group in reference(ELECTRIC).groups])
    changes: list[tuple[str, Any]] = [("name", f"reference-{size}")]
    changes += [(f"groups[{number}].count", count) for number, count in enumerate(counts)]
    return load_scenario(SCENARIOS / f"{ELECTRIC}.yaml", changes)


def shared_out(total: int, weights: Sequence[int]) -> list[int]:
    """Whole numbers that add up to a total, in proportion to weights: largest remainders."""
    exact = [total * weight / sum(weights) for weight in weights]
    found = [int(share) for share in exact]
    rest = sorted(range(len(exact)), key=lambda k: found[k] - exact[k])
    for k in rest[: total - sum(found)]:
        found[k] += 1
    return found
