from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cosim.core.records import Elements, Violations
from cosim.network.episodes import Episodes
from cosim.network.limits import KINDS

ELEMENTS = Elements(
    bus=np.array(["a", "b", "c"], dtype=object),
    line=np.array(["ab", "bc"], dtype=object),
    trafo=np.array(["t"], dtype=object),
)
NAMES = {"line_overload": ELEMENTS.line, "transformer_overload": ELEMENTS.trafo}

Row = tuple[str, int]
DIVERGED: list[Row] = [("diverged", -1)]
LOW: Row = ("undervoltage", 1)


def violations(rows: list[Row]) -> Violations:
    some = np.ones(len(rows))
    return Violations(
        kind=np.array([row[0] for row in rows], dtype=object),
        element=np.array([row[1] for row in rows], dtype=np.int64),
        name=np.array(
            ["" if row[1] < 0 else NAMES.get(row[0], ELEMENTS.bus)[row[1]] for row in rows], dtype=object
        ),
        value=some,
        limit=some,
        excess=some,
    )


def run(*steps: list[Row]) -> tuple[list[list[int]], list[list[float]]]:
    """Ids, and hours so far, of every row of every step of a quarter of an hour."""
    tracker = Episodes(ELEMENTS, 15)
    found = [tracker.add(violations(rows)) for rows in steps]
    return [ids.tolist() for ids, _ in found], [lasted.tolist() for _, lasted in found]


def test_steps_in_a_row_are_one_episode() -> None:
    ids, lasted = run([LOW], [LOW], [LOW], [], [LOW], [])
    assert ids == [[0], [0], [0], [], [1], []]
    assert lasted == [[0.25], [0.5], [0.75], [], [0.25], []]


def test_elements_and_kinds_have_episodes_of_their_own() -> None:
    high: Row = ("overvoltage", 1)
    line: Row = ("line_overload", 1)
    ids, lasted = run([LOW, line], [LOW, high, line], [("undervoltage", 2), line])
    assert ids == [[0, 1], [0, 2, 1], [3, 1]]
    assert lasted == [[0.25, 0.25], [0.5, 0.25, 0.5], [0.25, 0.75]]


def test_a_diverged_step_neither_ends_an_episode_nor_counts_into_it() -> None:
    ids, lasted = run([LOW], DIVERGED, DIVERGED, [LOW], [])
    assert ids == [[0], [1], [1], [0], []]
    assert lasted == [[0.25], [0.25], [0.5], [0.5], []]


def test_an_episode_that_is_gone_after_a_diverged_step_ended_before_it() -> None:
    ids, lasted = run([LOW], DIVERGED, [], [LOW], [])
    assert ids == [[0], [1], [], [2], []]
    assert lasted[3] == [0.25]


def test_a_run_that_begins_diverged() -> None:
    ids, lasted = run(DIVERGED, [LOW], DIVERGED, DIVERGED, [])
    assert ids == [[0], [1], [2], [2], []]
    assert lasted == [[0.25], [0.25], [0.25], [0.5], []]


def test_no_violations_no_rows() -> None:
    assert run([], []) == ([[], []], [[], []])


def test_what_was_returned_does_not_change_later() -> None:
    tracker = Episodes(ELEMENTS, 60)
    ids, lasted = tracker.add(violations([LOW]))
    for rows in ([LOW], [], [LOW]):
        tracker.add(violations(rows))
    assert (ids.tolist(), lasted.tolist()) == ([0], [1.0])


keys: list[Row] = [("undervoltage", 0), ("overvoltage", 0), ("undervoltage", 2), ("line_overload", 1)]
a_step = st.one_of(st.just("diverged"), st.sets(st.sampled_from([*keys, ("transformer_overload", 0)])))


@given(steps=st.lists(a_step, max_size=25))
def test_as_a_plain_reading_of_the_definition(steps: list[str | set[Row]]) -> None:
    rows = [
        DIVERGED if isinstance(step, str) else sorted(step, key=lambda key: (KINDS.index(key[0]), key[1]))
        for step in steps
    ]
    ids, lasted = run(*rows)
    episodes: list[list[int]] = []  # the steps of each episode, in the order in which they begin
    latest: dict[Row, int] = {}  # the last episode of each element and kind
    for number, row in enumerate(rows):
        for position, key in enumerate(row):
            goes_on = key in latest and all(
                key[0] != "diverged" and rows[between] is DIVERGED
                for between in range(episodes[latest[key]][-1] + 1, number)
            )
            if not goes_on:
                latest[key] = len(episodes)
                episodes.append([])
            episodes[latest[key]].append(number)
            assert ids[number][position] == latest[key]
            assert lasted[number][position] == 0.25 * len(episodes[latest[key]])
