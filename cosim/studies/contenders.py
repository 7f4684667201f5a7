"""Policies that take part in a study, as the command line or a file names them. Whether their parameters are
right is the scenario's to say; none is made here."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from cosim.errors import InputError, Problem, ScenarioError
from cosim.policies.registry import load
from cosim.scenario.schema import Scenario
from cosim.scenario.yaml_file import parse_value, read

Bidding = Literal["reservation", "setpoint"]
BIDDING: tuple[Bidding, ...] = ("reservation", "setpoint")
_SEPARATOR = re.compile(r",(?![^\[\]{}()]*[\]})])")
"""A comma that is not inside of brackets."""
_COLON = re.compile(r":(?![^\[\]{}()]*[\]})])")


@dataclass(frozen=True)
class Contender:
    """A policy that decides for everybody, with the parameters that are given and the way it bids."""

    name: str
    """In tables, together with the way it bids if there are several."""
    kind: str
    """Registered name or `module:Class`."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Those that are given, plain values; of what is tuned they are left alone."""
    bidding: Bidding = "reservation"
    tune: bool = True
    """Whether parameters that `tuning` has a grid for, and that are not given, are chosen in training."""
    rounds: int | None = None
    """Rounds of trading in each session of the market; None: as many as the scenario has."""

    @property
    def stem(self) -> str:
        """Name of its files: letters, digits, `-`, `_` and `.`."""
        return f"{_stem(self.name)}_{self.bidding}"

    def content(self) -> dict[str, Any]:
        """All that its results depend on, as plain values."""
        found: dict[str, Any] = {
            "kind": self.kind,
            "parameters": dict(self.parameters),
            "bidding": self.bidding,
            "tune": self.tune,
        }
        return found if self.rounds is None else {**found, "rounds": self.rounds}

    def given(self, parameters: Mapping[str, Any]) -> Contender:
        """The same policy with further parameters, and nothing left to tune."""
        return replace(self, parameters={**self.parameters, **parameters}, tune=False)


def contenders_of(texts: Sequence[str], biddings: Sequence[str] = ("reservation",)) -> list[Contender]:
    """The policies that texts name, each in each bidding mode.

    A text is a list, separated by commas, of
    - `KIND`: a policy's name, or `module:Class`;
    - `KIND:PARAMETER=VALUE:PARAMETER=VALUE`: with parameters, values read as YAML;
    - `NAME@KIND...`: the same, called by another name in tables;
    - `FILE.yaml`: a mapping of names to policies, as a scenario's `policies` has them.

    Raises:
        InputError: with every mistake; unknown policies and modes, names used twice.
    """
    problems: list[Problem] = []
    named: list[tuple[str, str, dict[str, Any]]] = []
    for text in texts:
        for item in filter(None, (part.strip() for part in _SEPARATOR.split(text))):
            try:
                named += _of_file(Path(item)) if item.endswith((".yaml", ".yml")) else [_parsed(item)]
            except InputError as error:
                problems += error.problems
    problems += _twice([name for name, _, _ in named], "name one NAME@KIND", "--policies")
    for mode in biddings:
        if mode not in BIDDING:
            problems.append(
                Problem(f"{mode!r} is no way to bid", f"valid: {', '.join(BIDDING)}", "--bidding")
            )
    if not named and not problems:
        problems.append(Problem("names no policy", "`cosim list policies` shows them", path="--policies"))
    if problems:
        raise InputError(problems)
    return [
        Contender(name, kind, parameters, mode)
        for mode in BIDDING
        if mode in biddings
        for name, kind, parameters in named
    ]


def own_contenders(scenario: Scenario, biddings: Sequence[str]) -> list[Contender]:
    """Self-consumption and the policies of a scenario as they stand, in each bidding mode.

    Raises:
        InputError: as `contenders_of`.
    """
    rule = contenders_of(["self-consumption"], biddings)
    plain = scenario.model_dump(mode="json")["policies"]
    names = [rule[0].name, *(_label(name, use) for name, use in plain.items() if use["kind"] != rule[0].kind)]
    problems = _twice(names, "rename the label, or name policies with --policies", "policies")
    if problems:
        raise InputError(problems)
    own = [
        Contender(_label(name, use), use["kind"], use["parameters"], one.bidding, tune=False)
        for one in rule
        for name, use in plain.items()
        if use["kind"] != one.kind
    ]
    return [*rule, *own]


def _label(name: str, use: Mapping[str, Any]) -> str:
    """Of a scenario's policy: the one by default is called after its kind."""
    return str(use["kind"]) if name == "default" else name


def _twice(names: Sequence[str], remedy: str, path: str) -> list[Problem]:
    """Names whose files would be another's, too."""
    stems = [_stem(name) for name in names]
    return [
        Problem(f"has {name!r} twice", remedy, path)
        for name, stem in dict(zip(names, stems, strict=True)).items()
        if stems.count(stem) > 1
    ]


def _stem(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", name).strip(".-") or "policy"


def _parsed(item: str) -> tuple[str, str, dict[str, Any]]:
    """Name, kind and parameters of `NAME@KIND:PARAMETER=VALUE`."""
    name, _, rest = item.rpartition("@")
    parts = [part.strip() for part in _COLON.split(rest)]
    kinds = [part for part in parts if "=" not in part]
    parameters: dict[str, Any] = {}
    problems = []
    for part in parts[len(kinds) :]:
        key, equals, value = part.partition("=")
        try:
            parameters[key.strip()] = parse_value(value)
        except ScenarioError as error:
            problems.append(Problem(f"{part!r}: the value {error.problems[0].message}", path="--policies"))
        if not equals:
            remedy = "write KIND:PARAMETER=VALUE:PARAMETER=VALUE"
            problems.append(Problem(f"{item!r} has {part!r} after a parameter", remedy, path="--policies"))
    kind = ":".join(kinds)
    problems += _unknown(kind)
    if problems:
        raise InputError(problems)
    return name.strip() or item, kind, parameters


def _of_file(path: Path) -> list[tuple[str, str, dict[str, Any]]]:
    """Names, kinds and parameters of a file."""
    document = read(path)
    found, problems = [], []
    for name, use in document.data.items():
        short: Any = {"kind": use} if isinstance(use, str) else use
        line = document.line((name,))
        if not isinstance(short, Mapping) or not isinstance(short.get("kind"), str):
            remedy = "write the name of a policy, or {kind: NAME, parameters: {...}}"
            problems.append(Problem(f"{use!r} is no policy", remedy, str(name), path, line))
            continue
        problems += [
            Problem(f"unknown key {key!r}", "valid: kind, parameters", str(name), path, line)
            for key in short.keys() - {"kind", "parameters"}
        ]
        problems += [one.at(file=path, line=line) for one in _unknown(short["kind"])]
        parameters = short.get("parameters") or {}
        if not isinstance(parameters, Mapping):
            remedy = "write names and values: {confidence: 0.5}"
            problems.append(Problem(f"{parameters!r} are no parameters", remedy, str(name), path, line))
            continue
        found.append((str(name), short["kind"], dict(parameters)))
    if problems:
        raise InputError(problems)
    return found


def _unknown(kind: str) -> list[Problem]:
    """What is wrong with the name of a policy."""
    try:
        load(kind)
    except InputError as error:
        return [problem.at(path="--policies") for problem in error.problems]
    return []
