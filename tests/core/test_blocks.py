"""Blocks of rows: any window is right, and a window that moves on computes each block once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.core.blocks import Blocks


def counted(rows: int, size: int, keep: int = 4) -> tuple[Blocks, list[tuple[int, int]]]:
    asked: list[tuple[int, int]] = []

    def compute(first: int, last: int) -> np.ndarray:
        asked.append((first, last))
        return np.arange(first, last, dtype=float)[:, None] * np.array([1.0, 10.0])

    return Blocks(compute, rows, size, keep), asked


@given(st.integers(1, 60), st.integers(1, 12), st.data())
def test_any_window(rows: int, size: int, data: st.DataObject) -> None:
    blocks, _ = counted(rows, size)
    for _ in range(5):
        first = data.draw(st.integers(0, rows))
        last = data.draw(st.integers(first, rows))
        expected = np.arange(first, last)[:, None] * np.array([1.0, 10.0])
        np.testing.assert_array_equal(blocks.window(first, last), expected)


def test_a_window_of_a_day_that_moves_on_computes_no_day_twice() -> None:
    blocks, asked = counted(960, 96)
    for first in range(960 - 96):
        blocks.window(first, first + 96)
        blocks.window(max(first // 96 - 1, 0) * 96, max(first // 96 - 1, 0) * 96 + 96)  # and the day before
    assert asked == [(start, start + 96) for start in range(0, 960, 96)]


def test_the_last_block_is_cut_and_rows_beyond_raise() -> None:
    blocks, asked = counted(10, 4)
    assert blocks.window(9, 10).tolist() == [[9.0, 90.0]] and asked == [(8, 10)]
    for first, last in ((-1, 2), (8, 11), (5, 4)):
        with pytest.raises(IndexError, match="of 10"):
            blocks.window(first, last)
    with pytest.raises(ValueError, match="read-only"):
        blocks.window(0, 2)[0, 0] = 1.0
