"""The replay memory: what it keeps, in which order it forgets, and what is saved of it."""

from __future__ import annotations

import numpy as np

from cosim.policies.learning.replay import Replay


def filled(size: int, entries: int) -> Replay:
    memory = Replay(size)
    for number in range(entries):
        memory.add(reward=np.full(2, float(number)), rows=np.full((2, 3), 10.0 * number))
    return memory


def test_the_oldest_entry_is_written_over() -> None:
    memory = filled(size=4, entries=6)
    assert len(memory) == 4
    kept = memory.at(np.arange(4))
    np.testing.assert_array_equal(kept["reward"][:, 0], [4.0, 5.0, 2.0, 3.0])
    np.testing.assert_array_equal(kept["rows"], 10.0 * np.repeat(kept["reward"], 3).reshape(4, 2, 3))


def test_only_what_is_filled_is_drawn_and_all_of_it() -> None:
    places = filled(size=50, entries=3).draw(200, np.random.default_rng(0))
    assert set(places.tolist()) == {0, 1, 2}


def test_saved_memory_goes_on_the_same() -> None:
    memory = filled(size=4, entries=3)
    state = memory.state()
    memory.add(reward=np.full(2, 3.0), rows=np.full((2, 3), 30.0))
    other = Replay(4)
    other.load_state(state)
    assert len(other) == 3
    other.add(reward=np.full(2, 3.0), rows=np.full((2, 3), 30.0))
    for name, values in memory.at(np.arange(4)).items():
        np.testing.assert_array_equal(other.at(np.arange(4))[name], values)
    np.testing.assert_array_equal(state["fields"]["reward"][:, 0], [0.0, 1.0, 2.0])  # a copy
