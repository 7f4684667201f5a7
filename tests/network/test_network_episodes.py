from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cosim.core.records import Elements, Violations
from cosim.network.episodes import Episodes, EpisodeTable
from cosim.network.limits import KINDS

ELEMENTS = Elements(
    bus=np.array(["a", "b", "c"], dtype=object),
    line=np.array(["ab", "bc"], dtype=object),
    trafo=np.array(["t"], dtype=object),
    bus_fed=np.ones(3, dtype=bool),
)
NAMES = {"line_overload": ELEMENTS.line, "transformer_overload": ELEMENTS.trafo}

Row = tuple[str, int, float]
DIVERGED: list[Row] = [("diverged", -1, float("nan"))]


def violations(rows: list[Row]) -> Violations:
    excess = np.array([row[2] for row in rows], dtype=float)
    return Violations(
        kind=np.array([row[0] for row in rows], dtype=object),
        element=np.array([row[1] for row in rows], dtype=np.int64),
        name=np.array(
            ["" if row[1] < 0 else NAMES.get(row[0], ELEMENTS.bus)[row[1]] for row in rows], dtype=object
        ),
        value=1.0 + excess,
        limit=np.ones(len(rows)),
        excess=excess,
    )


def run(*steps: list[Row]) -> tuple[list[list[int]], EpisodeTable]:
    tracker = Episodes(ELEMENTS, 15)
    ids = [tracker.add(violations(rows)).tolist() for rows in steps]
    return ids, tracker.table()


LOW: Row = ("undervoltage", 1, 0.02)


def test_steps_in_a_row_are_one_episode() -> None:
    ids, table = run([LOW], [("undervoltage", 1, 0.05)], [LOW], [], [LOW], [])
    assert ids == [[0], [0], [0], [], [1], []]
    assert table.duration_min.tolist() == [45.0, 15.0]
    assert table.start_step.tolist() == [0, 4]
    assert table.name.tolist() == ["b", "b"]
    np.testing.assert_allclose(table.worst_value, [1.05, 1.02])
    assert table.uncertain_end.tolist() == [False, False]


def test_elements_and_kinds_have_episodes_of_their_own() -> None:
    high: Row = ("overvoltage", 1, 0.1)
    line: Row = ("line_overload", 1, 10.0)
    ids, table = run([LOW, line], [LOW, high, line], [("undervoltage", 2, 0.1), line])
    assert ids == [[0, 1], [0, 2, 1], [3, 1]]
    assert table.kind.tolist() == ["undervoltage", "line_overload", "overvoltage", "undervoltage"]
    assert table.name.tolist() == ["b", "bc", "b", "c"]
    assert table.steps.tolist() == [2, 3, 1, 1]


def test_a_diverged_step_does_not_end_an_episode_that_goes_on() -> None:
    ids, table = run([LOW], DIVERGED, DIVERGED, [LOW], [])
    assert ids == [[0], [1], [1], [0], []]
    assert table.steps.tolist() == [2, 2]
    assert table.duration_min.tolist() == [30.0, 30.0]
    assert table.unknown_min.tolist() == [30.0, 0.0]
    assert table.uncertain_end.tolist() == [False, False]


def test_an_end_behind_a_diverged_step_is_uncertain() -> None:
    ids, table = run([LOW], DIVERGED, [], [LOW], [])
    assert ids == [[0], [1], [], [2], []]
    assert table.unknown_min.tolist() == [0.0, 0.0, 0.0]
    assert table.uncertain_end.tolist() == [True, False, False]


def test_the_end_of_the_run_is_uncertain() -> None:
    assert run([], [LOW])[1].uncertain_end.tolist() == [True]
    assert run([LOW], DIVERGED)[1].uncertain_end.tolist() == [True, True]


def test_a_run_that_begins_diverged() -> None:
    ids, table = run(DIVERGED, [LOW], DIVERGED, DIVERGED, [])
    assert ids == [[0], [1], [2], [2], []]
    assert table.kind.tolist() == ["diverged", "undervoltage", "diverged"]
    assert table.uncertain_end.tolist() == [False, True, False]


def test_no_violations_no_rows() -> None:
    assert len(run([], [])[1]) == 0


def test_the_table_grows() -> None:
    tracker = Episodes(ELEMENTS, 5)
    for step in range(5000):
        tracker.add(violations([LOW] if step % 2 else []))
    assert len(tracker.table()) == 2500
    assert set(tracker.table().duration_min) == {5.0}


keys = [("undervoltage", 0), ("overvoltage", 0), ("undervoltage", 2), ("line_overload", 1)]
a_step = st.one_of(
    st.just("diverged"),
    st.dictionaries(st.sampled_from([*keys, ("transformer_overload", 0)]), st.floats(0.001, 50)),
)


@given(steps=st.lists(a_step, max_size=25))
def test_as_a_plain_reading_of_the_definition(steps: list[str | dict[tuple[str, int], float]]) -> None:
    rows = [
        DIVERGED
        if isinstance(step, str)
        else [(*key, step[key]) for key in sorted(step, key=lambda key: (KINDS.index(key[0]), key[1]))]
        for step in steps
    ]
    ids, table = run(*rows)
    seen: dict[tuple[str, int], list[list[int]]] = {}
    for number, row in enumerate(rows):
        for (kind, element, _), episode in zip(row, ids[number], strict=True):
            known = seen.setdefault((kind, element), [])
            gap = range(known[-1][-1] + 1, number) if known else None
            bridged = gap is not None and (
                len(gap) == 0 or (kind != "diverged" and all(rows[k] is DIVERGED for k in gap))
            )
            if bridged:
                known[-1].append(number)
            else:
                known.append([number])
            assert table.start_step[episode] == known[-1][0]
    flat = sorted((group[0], key, group) for key, groups in seen.items() for group in groups)
    assert len(table) == len(flat)
    assert table.start_step.tolist() == sorted(table.start_step)
    for start, (kind, element), group in flat:
        (row_number,) = np.flatnonzero(
            (table.start_step == start) & (table.kind == kind) & (table.element == element)
        )
        assert table.steps[row_number] == len(group)
        assert table.unknown_min[row_number] == 15 * (group[-1] - group[0] + 1 - len(group))
        after = group[-1] + 1
        uncertain = after == len(rows) or (kind != "diverged" and rows[after] is DIVERGED)
        assert table.uncertain_end[row_number] == uncertain
        if kind != "diverged":
            worst = max(e for k in group for (a, b, e) in rows[k] if (a, b) == (kind, element))
            assert table.worst_excess[row_number] == worst
