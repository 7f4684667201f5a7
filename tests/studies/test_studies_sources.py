"""What a study depends on besides its settings: files and modules, by what is in them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cosim.benchmarks.learning import cases
from cosim.errors import OutputError
from cosim.studies.contenders import Contender
from cosim.studies.sources import Sources
from cosim.studies.store import Store
from cosim.studies.study import Study
from cosim.studies.units import Result, Unit

MINE = "from cosim.policies.rules.self_consumption import SelfConsumption as Mine\n"


@pytest.fixture
def sources(
    study: Callable[..., Study], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], Study]:
    """A study that names a file of prices, a module and weights."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own_digest", raising=False)  # that of another folder
    (tmp_path / "prices.csv").write_text("time,price\n2016-01-01,0.3\n")
    (tmp_path / "own_digest.py").write_text(MINE)
    (tmp_path / "kept.pt").write_bytes(b"1")
    tariff = {"retail": {"file": "prices.csv", "unit": "EUR/kWh"}, "feed_in": 0.05}
    return lambda: study(
        "zip,own_digest:Mine,mf-q:weights=kept.pt", folder=tmp_path, tariffs={"default": tariff}
    )


def digests(study: Study) -> list[str]:
    return [Unit(study, "policy", who, 1).digest() for who in study.contenders]


def changed(file: Path) -> None:
    file.write_bytes(file.read_bytes() + b"\n")


@pytest.mark.parametrize(
    ("file", "differ"),
    [
        ("prices.csv", [True, True, True]),
        ("own_digest.py", [False, True, False]),
        ("kept.pt", [False, False, True]),
    ],
)
def test_a_file_of_other_content_makes_other_units(
    sources: Callable[[], Study], tmp_path: Path, file: str, differ: list[bool]
) -> None:
    """Though its name is the same: units are computed anew, and not mixed with old ones."""
    before = digests(sources())
    assert digests(sources()) == before
    changed(tmp_path / file)
    assert [one != other for one, other in zip(before, digests(sources()), strict=True)] == differ


@pytest.mark.parametrize("file", ["prices.csv", "own_digest.py", "kept.pt"])
def test_what_was_computed_while_a_file_changed_is_not_kept(
    sources: Callable[[], Study], tmp_path: Path, file: str
) -> None:
    """Nobody knows from which content it is."""
    found = sources()
    unit, store = Unit(found, "policy", found.contenders[0], 1), Store(tmp_path / "study")
    store.write(unit, Result({}))
    (tmp_path / "study" / "units" / "zip_reservation_1.json").unlink()
    before = unit.digest()
    changed(tmp_path / file)
    assert unit.digest() == before  # that of when the study began
    with pytest.raises(
        OutputError, match=rf"zip_reservation_1 is not kept: \S+{file} changed while the study"
    ):
        store.write(unit, Result({}))
    assert not list((tmp_path / "study" / "units").iterdir())


def test_who_names_no_file_has_none(study: Callable[..., Study]) -> None:
    found = study("zip,price-taker:confidence=0.5")
    assert found.sources.policies == {} and set(found.sources.scenario) == {"load.csv", "pv.csv"}
    assert Sources.of(cases.reference("reference-100"), [Contender("zip", "zip")]) == Sources()
