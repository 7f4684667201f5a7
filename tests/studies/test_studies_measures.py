"""Measures against values worked out by hand or known in closed form."""

from __future__ import annotations

from math import isnan, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.studies.measures import gini, interval, share_captured


def test_interval_of_five_values_by_hand() -> None:
    # Mean 3, squared deviations 4 + 1 + 0 + 1 + 4 over 4 = 2.5; t(0.975, 4) = 2.776445 (any table).
    found = interval([1.0, 2.0, 3.0, 4.0, 5.0])
    half = 2.7764451052 * sqrt(2.5 / 5)
    assert found.mean == 3.0 and found.count == 5
    assert (found.low, found.high) == (pytest.approx(3.0 - half), pytest.approx(3.0 + half))
    assert found.excludes_zero


def test_interval_of_two_values_uses_one_degree_of_freedom() -> None:
    # t(0.975, 1) = 12.706205; s / sqrt(2) = |a - b| / 2.
    found = interval([0.0, 2.0])
    assert (found.low, found.high) == (pytest.approx(1.0 - 12.7062047), pytest.approx(1.0 + 12.7062047))
    assert not found.excludes_zero


def test_one_value_has_no_interval_and_none_no_mean() -> None:
    one, none = interval([4.0]), interval([])
    assert one.mean == 4.0 and isnan(one.low) and isnan(one.high)
    assert none.count == 0 and isnan(none.mean)


def test_the_interval_covers_the_mean_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    samples = [interval(rng.normal(2.0, 3.0, 5)) for _ in range(4000)]
    covered = np.mean([found.low <= 2.0 <= found.high for found in samples])
    assert covered == pytest.approx(0.95, abs=0.012)  # three and a half standard errors


def test_share_is_pooled_over_windows() -> None:
    # Gains 2 and 1 of possible 4 and 2: 3 of 6; one by one it would be 0.5 and 0.5.
    assert share_captured([10.0, 5.0], [8.0, 4.0], [6.0, 3.0]) == 0.5
    # A window in which little can be gained weighs little: (4 - 1) / (4 + 0.1).
    assert share_captured([10.0, 5.0], [6.0, 6.0], [6.0, 4.9]) == pytest.approx(3.0 / 4.1)


def test_share_of_greedy_is_nothing_and_of_the_optimum_all() -> None:
    assert share_captured([10.0, 5.0], [10.0, 5.0], [6.0, 3.0]) == 0.0
    assert share_captured([10.0, 5.0], [6.0, 3.0], [6.0, 3.0]) == 1.0
    assert isnan(share_captured([10.0], [10.0], [10.0]))


def test_gini_in_closed_form() -> None:
    assert gini([3.0, 3.0, 3.0]) == 0.0
    assert gini([0.0, 0.0, 7.0]) == 1.0
    # 1, 2, ..., n: the usual coefficient is (n - 1) / 3n, here times n / (n - 1).
    assert gini(range(1, 11)) == pytest.approx(9 / 30 * 10 / 9)
    # One has all gains, another all losses: as unequal as can be.
    assert gini([-4.0, 0.0, 0.0, 6.0]) == 1.0
    assert isnan(gini([0.0, 0.0])) and isnan(gini([1.0]))


@given(st.lists(st.floats(-100.0, 100.0), min_size=2, max_size=12))
def test_gini_by_its_definition(values: list[float]) -> None:
    total = sum(abs(value) for value in values)
    found = gini(values)
    if total == 0.0:
        assert isnan(found)
        return
    pairs = sum(abs(one - other) for one in values for other in values)
    assert found == pytest.approx(pairs / (2.0 * (len(values) - 1) * total), abs=1e-9)
    assert -1e-9 <= found <= 1.0 + 1e-9
    assert gini([3.0 * value for value in values]) == pytest.approx(found, abs=1e-9)
