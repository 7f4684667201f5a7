"""The cache: built once, rebuilt when damaged, done without when it cannot be written."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cosim.core.cache import cache_folder, cached_arrays, file_stamp, key_of, write_whole


class Builder:
    """Counts how often it had to work."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> Mapping[str, np.ndarray[Any, Any]]:
        self.calls += 1
        return {"values": np.arange(6.0).reshape(2, 3), "names": np.array(["a", "longer"])}


def test_the_folder_follows_the_users_setting(cache_home: Path) -> None:
    assert cache_folder() == cache_home / "cosim"


def test_built_once_and_equal_the_second_time(cache_home: Path) -> None:
    build = Builder()
    first, second = (cached_arrays("x-1", build) for _ in range(2))
    assert build.calls == 1
    assert np.array_equal(first["values"], second["values"]) and second["names"].tolist() == ["a", "longer"]
    assert [path.name for path in (cache_home / "cosim").iterdir()] == ["x-1.npz"]


@pytest.mark.parametrize("damage", [lambda raw: raw[:-30], lambda raw: b"", lambda raw: b"no archive at all"])
def test_a_damaged_file_is_built_again(cache_home: Path, damage: Any) -> None:
    build = Builder()
    cached_arrays("x-1", build)
    path = cache_home / "cosim" / "x-1.npz"
    path.write_bytes(damage(path.read_bytes()))
    assert cached_arrays("x-1", build)["values"].shape == (2, 3)
    assert build.calls == 2
    cached_arrays("x-1", build)
    assert build.calls == 2


def test_a_flipped_byte_is_noticed(cache_home: Path) -> None:
    build = Builder()
    cached_arrays("x-1", build)
    path = cache_home / "cosim" / "x-1.npz"
    raw = bytearray(path.read_bytes())
    raw[raw.find(np.float64(5.0).tobytes())] ^= 0xFF
    path.write_bytes(bytes(raw))
    assert cached_arrays("x-1", build)["values"][1, 2] == 5.0
    assert build.calls == 2


def test_a_cache_that_cannot_be_written_is_warned_of_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way of the folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    build = Builder()
    with caplog.at_level(logging.WARNING):
        assert cached_arrays("x-1", build)["values"].shape == (2, 3)
        assert cached_arrays("x-2", build)["values"].shape == (2, 3)
    assert build.calls == 2
    assert len(caplog.records) == 1 and "without a cache" in caplog.text


def test_what_fails_while_building_is_the_callers(cache_home: Path) -> None:
    def build() -> dict[str, Any]:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        cached_arrays("x-1", build)
    assert not (cache_home / "cosim").exists()


def test_objects_are_refused(cache_home: Path) -> None:
    with pytest.raises(TypeError, match="object arrays"):
        cached_arrays("x-1", lambda: {"values": np.array([{}], dtype=object)})
    assert list((cache_home / "cosim").iterdir()) == []


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "folder" / "table.bin"

    def fails(part: Path) -> None:
        part.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_whole(target, fails)
    assert list(target.parent.iterdir()) == []
    write_whole(target, lambda part: part.write_text("whole"))
    assert target.read_text() == "whole"


def test_keys_depend_on_every_part_and_its_place(tmp_path: Path) -> None:
    keys = {key_of("a", "b"), key_of("b", "a"), key_of("ab"), key_of("a", "b", 1), key_of("a", 1.0)}
    assert len(keys) == 5 and key_of("a", "b") == key_of("a", "b")
    path = tmp_path / "f"
    path.write_text("1")
    before = file_stamp(path)
    path.write_text("12")
    assert file_stamp(path) != before
