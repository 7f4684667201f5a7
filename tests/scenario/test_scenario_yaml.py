"""Plain YAML with line numbers: values, places, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.errors import ScenarioError
from cosim.scenario import yaml_file
from cosim.scenario.yaml_file import dotted, parse, parse_value, read


def problem_of(text: str) -> tuple[str, int | None]:
    with pytest.raises(ScenarioError) as caught:
        parse(text)
    (problem,) = caught.value.problems
    return str(problem), problem.line


def test_values_are_those_of_yaml_1_2() -> None:
    document = parse(
        "a: 1\nb: 1.5\nc: yes\nd: true\ne: ~\nf: 2016-06-06 00:00\ng: '7'\nh: 0x1f\ni: 1e3\nj: 12:30\n"
    )
    assert document.data == {
        "a": 1,
        "b": 1.5,
        "c": "yes",
        "d": True,
        "e": None,
        "f": "2016-06-06 00:00",
        "g": "7",
        "h": 31,
        "i": 1000.0,
        "j": "12:30",
    }


def test_every_key_and_item_has_its_line() -> None:
    document = parse("a:\n  b: 1\n  c:\n    - x\n    - y: 2\n")
    assert document.lines[("a", "c", 1, "y")] == 5
    assert document.lines[("a", "c", 0)] == 4
    assert document.lines[("a", "b")] == 2


def test_a_missing_key_is_placed_at_what_is_around_it() -> None:
    document = parse("a:\n  b: 1\n", Path("x.yaml"))
    assert document.line(("a", "missing")) == 1


def test_anchors_and_merges_are_followed() -> None:
    document = parse("base: &base {x: 1, y: 2}\nmine:\n  <<: *base\n  y: 3\n")
    assert document.data["mine"] == {"x": 1, "y": 3}


def test_all_repeated_keys_are_reported() -> None:
    with pytest.raises(ScenarioError) as caught:
        parse("a: 1\nb: 2\na: 3\nb: 4\n")
    assert [(problem.line, problem.remedy) for problem in caught.value.problems] == [
        (3, "first in line 1"),
        (4, "first in line 2"),
    ]


@pytest.mark.parametrize(
    ("text", "words", "line"),
    [
        ("a:\n\tb: 1\n", "tab", 2),
        ("a:\n\t- b\n", "tab", 2),
        ("a: b: c\n", "colon", 1),
        ("a: 1\n b: 2\n", "", 2),
        ("a: [1, 2\n", "not YAML", 2),
        ("a: 1\n---\nb: 2\n", "second document", 2),
        ("a: *nowhere\n", "alias", 1),
        ("a: !!python/object/apply:os.system [ls]\n", "tag", 1),
        ("a: !custom 3\n", "tag", 1),
        ("- 1\n- 2\n", "no keys", 1),
        ("just text\n", "no keys", 1),
        ("", "empty", None),
        ("# a comment\n", "empty", None),
        ("? [1, 2]\n: 3\n", "plain text", 1),
        ("a: &a [*a]\n", "deeply", 1),
    ],
)
def test_what_is_refused_and_where(text: str, words: str, line: int | None) -> None:
    message, found = problem_of(text)
    assert words in message
    assert found == line


def test_control_characters_are_refused() -> None:
    assert "not YAML" in problem_of("a: \x00\n")[0]


def test_alias_bomb_is_stopped_quickly() -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    for level in range(1, 12):
        bomb += f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n"
    assert "aliases" in problem_of(bomb)[0]


def test_deep_nesting_is_no_crash() -> None:
    assert "deep" in problem_of("a: " + "[" * 5000 + "]" * 5000)[0]


def test_files_that_cannot_be_read_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "scenario.yaml").write_text("a: 1\n")
    (tmp_path / "latin.yaml").write_bytes("a: K\xe4se\n".encode("latin-1"))
    (tmp_path / "large.yaml").write_bytes(b"#" * (yaml_file.MOST_BYTES + 1))
    for name, words in [
        ("scenarios.yaml", "did you mean 'scenario.yaml'?"),
        ("latin.yaml", "UTF-8"),
        ("large.yaml", "larger"),
        (".", "folder"),
    ]:
        with pytest.raises(ScenarioError, match=words.replace("?", r"\?")):
            read(tmp_path / name)


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    file = tmp_path / "bom.yaml"
    file.write_bytes(b"\xef\xbb\xbfname: x\n")
    assert read(file).data == {"name": "x"}


@pytest.mark.parametrize(
    ("text", "value"),
    [("3", 3), ("0.5", 0.5), ("true", True), ("[1, 2]", [1, 2]), ("{a: 1}", {"a": 1}), ("x y", "x y")],
)
def test_values_of_overrides(text: str, value: object) -> None:
    assert parse_value(text) == value


def test_locations_in_words() -> None:
    assert dotted(("groups", 0, "devices", "pv")) == "groups[0].devices.pv"


@given(st.text(max_size=200))
def test_any_text_is_a_document_or_a_scenario_error(text: str) -> None:
    try:
        assert isinstance(parse(text).data, dict)
    except ScenarioError as error:
        assert error.problems
