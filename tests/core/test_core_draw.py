"""Numbers that may be drawn: what is accepted, what comes out, and its bounds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from cosim.core.draw import NonNegative, Real, Share, bounds, sample


def parsed(value: Any, kind: Any = Real) -> Any:
    return TypeAdapter(kind).validate_python(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (6, (6, 6)),
        ({"uniform": [4, 12]}, (4, 12)),
        ({"choice": [11, 3.7]}, (3.7, 11)),
        ({"normal": {"mean": 3500, "std": 900, "low": 500}}, (500, float("inf"))),
        ({"normal": {"mean": 5, "std": 1, "low": 2, "high": 8}}, (2, 8)),
    ],
)
def test_bounds_hold_for_every_draw(value: Any, expected: tuple[float, float]) -> None:
    draw = parsed(value)
    assert bounds(draw) == expected
    drawn = sample(draw, np.random.default_rng(1), 5000)
    assert drawn.shape == (5000,)
    assert expected[0] <= drawn.min() and drawn.max() <= expected[1]


def test_moments() -> None:
    rng = np.random.default_rng(1)
    normal = sample(parsed({"normal": {"mean": 10, "std": 2}}), rng, 20_000)
    assert normal.mean() == pytest.approx(10, abs=0.05) and normal.std() == pytest.approx(2, abs=0.05)
    assert sample(parsed({"uniform": [4, 12]}), rng, 20_000).mean() == pytest.approx(8, abs=0.05)
    values, counts = np.unique(sample(parsed({"choice": [3.7, 11]}), rng, 20_000), return_counts=True)
    assert values.tolist() == [3.7, 11.0] and counts == pytest.approx([10_000, 10_000], rel=0.05)


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        ({"uniform": [12, 4]}, Real, "upside down"),
        ({"normal": {"mean": 1, "std": -1}}, Real, "greater than or equal to 0"),
        ({"normal": {"mean": 1, "std": 1, "low": 3, "high": 2}}, Real, "above high"),
        ({"choice": []}, Real, "at least 1"),
        ({"unifrom": [1, 2]}, Real, "xtra"),
        (-1, NonNegative, "below the lowest allowed value 0"),
        ({"uniform": [0.5, 1.5]}, Share, "above the highest allowed value 1"),
    ],
)
def test_what_is_refused(value: Any, kind: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        parsed(value, kind)
