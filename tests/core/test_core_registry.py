"""Things found by name: lazily, by entry point, as module:Class; and helpful errors."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import pytest

from cosim.core.registry import Registry, nearest
from cosim.errors import UnknownNameError


@pytest.fixture
def registry() -> Registry:
    return Registry("number", "cosim.tests.numbers", {"fraction": "fractions:Fraction"})


def test_names_and_classes(registry: Registry) -> None:
    assert registry.names() == ["fraction"]
    assert registry.load("fraction") is Fraction
    assert registry.load("decimal:Decimal").__name__ == "Decimal"


def test_nothing_is_imported_before_it_is_asked_for() -> None:
    sys.modules.pop("this_module_does_not_exist", None)
    lazy = Registry("number", "cosim.tests.numbers", {"x": "this_module_does_not_exist:X"})
    assert lazy.names() == ["x"]
    with pytest.raises(UnknownNameError, match="cannot import"):
        lazy.load("x")


def test_unknown_names_name_the_nearest(registry: Registry) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'fraction'"):
        registry.load("fracton")
    with pytest.raises(UnknownNameError, match=r"module 'fractions' has no 'Fractoin'.*Fraction"):
        registry.load("fractions:Fractoin")


@pytest.mark.parametrize(
    "text", ["class X(: pass", "raise RuntimeError('at import')", "X = 1\nimport os\nos.x"]
)
def test_modules_that_raise_are_told(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    (tmp_path / "broken_plugin.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UnknownNameError, match="number 'broken_plugin:X': its module raised"):
        registry.load("broken_plugin:X")


def test_a_name_is_registered_once(registry: Registry) -> None:
    registry.register("whole", "builtins:int")
    registry.register("whole", "builtins:int")
    assert registry.load("whole") is int
    with pytest.raises(ValueError, match="registered already"):
        registry.register("whole", "builtins:float")


def test_nearest() -> None:
    assert nearest("batery", ["battery", "ev"]) == "did you mean 'battery'?"
    assert nearest("zzz", ["b", "a"]) == "valid: a, b"
    assert nearest("zzz", []) == "there is none"
    many = nearest("zzz", [f"a{number:03d}" for number in range(600)])
    assert many.startswith("valid: a000, a001, ")
    assert many.endswith("a009, ... and 590 more")
