"""A run's folder: never over something that is there, never half-written and looking whole."""

from __future__ import annotations

import errno
import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cosim.results.writer as writing
from cosim.errors import InputError, OutputError
from cosim.results.files import TEMPORARY, published, write_json, write_text
from cosim.results.read import load
from cosim.results.writer import folder_name, make_folder


def status(folder: Path) -> dict:
    return json.loads((folder / "manifest.json").read_text())


def full(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


@given(st.text(max_size=200))
def test_no_name_leaves_the_output_folder(name):
    plain = folder_name(name)
    assert re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*", plain)
    assert (Path("outputs") / plain).resolve().parent == Path("outputs").resolve()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("../../etc", "etc"),
        ("/etc/passwd", "etc-passwd"),
        ("winter, week 1", "winter-week-1"),
        ("..", "run"),
        ("C:\\temp", "C-temp"),
        ("a\x00b", "a-b"),
    ],
)
def test_names_become_plain_folder_names(name, expected):
    assert folder_name(name) == expected


def test_folders_are_named_by_scenario_and_time(tmp_path):
    path = make_folder("quickstart", root=tmp_path / "outputs")
    assert re.fullmatch(r"quickstart-\d{8}-\d{6}", path.name)
    assert path.is_dir()


def test_two_runs_of_one_second_get_two_folders(tmp_path, monkeypatch):
    class Stopped(writing.datetime):
        @classmethod
        def now(cls, tz=None):
            return cls(2026, 1, 2, 3, 4, 5)

    monkeypatch.setattr(writing, "datetime", Stopped)
    names = [make_folder("a", root=tmp_path).name for _ in range(3)]
    assert names == ["a-20260102-030405", "a-20260102-030405-2", "a-20260102-030405-3"]


def test_an_existing_folder_is_refused_and_left_alone(tmp_path):
    (tmp_path / "old.txt").write_text("precious")
    with pytest.raises(InputError, match=r"exists and is not empty \(nothing is ever overwritten") as caught:
        make_folder("a", tmp_path)
    assert caught.value.exit_code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["old.txt"]


def test_an_empty_folder_may_be_used_and_a_file_may_not(tmp_path):
    assert make_folder("a", tmp_path) == tmp_path
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file"):
        make_folder("a", tmp_path / "file")
    with pytest.raises(OutputError, match="could not be written"):
        make_folder("a", tmp_path / "file" / "below")
    with pytest.raises(OutputError, match="could not be written"):
        make_folder("a", root=tmp_path / "file")


def test_a_whole_run_is_complete(made_run):
    content = status(made_run)
    assert content["status"] == "complete"
    assert content["periods_done"] == content["horizon"]["periods"] == 96
    assert content["seconds"] == {"trade": 0.5}
    assert content["versions"]["numpy"]
    assert content["machine"]["cores"] >= 1
    assert not list(made_run.rglob(f"*{TEMPORARY}"))
    assert sorted(path.name for path in made_run.iterdir()) == [
        "branches.parquet",
        "buses.parquet",
        "manifest.json",
        "prosumer_totals.parquet",
        "prosumers.parquet",
        "scenario.yaml",
        "steps.parquet",
        "summary.json",
        "trades.parquet",
        "violations.csv",
        "violations.parquet",
    ]


def test_an_interrupted_run_says_so_and_keeps_what_it_has(tmp_path, synthetic):
    with pytest.raises(KeyboardInterrupt):
        synthetic.make_run(tmp_path, periods=300, stop_at=150, error=KeyboardInterrupt())
    folder = tmp_path / "made-up"
    content = status(folder)
    assert content["status"] == "interrupted"
    assert content["periods_done"] == 151
    assert not list(folder.glob("*.parquet"))
    assert not (folder / "summary.json").exists()
    with pytest.raises(OutputError, match=r"interrupted after 151 of 300 periods.*partial=True"):
        load(folder)
    run = load(folder, partial=True)
    assert run.steps["period"].tolist() == list(range(151))
    assert len(run.prosumers) == 151 * 4
    assert run.hours("steps") == 0.25
    assert run.summary == {}


def test_a_failed_run_says_why(tmp_path, synthetic):
    with pytest.raises(ZeroDivisionError):
        synthetic.make_run(tmp_path, stop_at=5, error=ZeroDivisionError("the policy divided by zero"))
    assert status(tmp_path / "made-up")["status"] == "failed"
    with pytest.raises(OutputError, match="failed after 6 of 96 periods: the policy divided by zero"):
        load(tmp_path / "made-up")


def test_a_run_that_is_not_completed_is_failed(tmp_path):
    manifest = writing.manifests.begun("a", 1, "")
    with writing.RunFolder(make_folder("a", tmp_path / "a"), manifest, ""):
        assert status(tmp_path / "a")["status"] == "running"
        with pytest.raises(OutputError, match="still running, or was killed"):
            load(tmp_path / "a")
    assert status(tmp_path / "a")["status"] == "failed"


def test_a_full_disk_while_recording(tmp_path, synthetic, monkeypatch):
    monkeypatch.setattr(pa.ipc, "new_file", full)
    with pytest.raises(OutputError, match=r"the disk is full: .* could not be written, .* MB are left"):
        synthetic.make_run(tmp_path, periods=200)
    folder = tmp_path / "made-up"
    assert status(folder)["status"] == "failed"
    assert "disk is full" in status(folder)["message"]
    assert not list(folder.rglob("*.parquet"))
    assert not list(folder.rglob(f"*{TEMPORARY}"))


def test_two_processes_that_write_one_file_do_not_disturb_each_other(tmp_path, monkeypatch):
    path = tmp_path / "study.json"
    with published(path) as first:
        first.write_text("first")
        monkeypatch.setattr("os.getpid", lambda: 1)
        write_text(path, "second")
        assert path.read_text() == "second"
    assert path.read_text() == "first" and list(tmp_path.iterdir()) == [path]


def test_a_full_disk_while_joining_keeps_the_parts(tmp_path, synthetic, monkeypatch):
    monkeypatch.setattr(pq.ParquetWriter, "write_table", full)
    with pytest.raises(OutputError, match="the disk is full"):
        synthetic.make_run(tmp_path)
    folder = tmp_path / "made-up"
    assert status(folder)["status"] == "failed"
    assert not list(folder.glob("*.parquet*"))
    assert len(load(folder, partial=True).steps) == 96


def test_a_disk_too_full_for_the_manifest_never_leaves_a_complete_run(tmp_path, monkeypatch):
    manifest = writing.manifests.begun("a", 1, "")
    folder = writing.RunFolder(make_folder("a", tmp_path / "a"), manifest, "")
    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OutputError, match="the disk is full"), folder:
        folder.complete({})
    assert status(tmp_path / "a")["status"] == "failed"  # in the space of the old one


def test_a_run_that_cannot_be_begun_has_failed(tmp_path, monkeypatch):
    real = Path.write_text

    def sometimes(path, text, **options):
        return full() if path.name.startswith("scenario.yaml") else real(path, text, **options)

    monkeypatch.setattr(Path, "write_text", sometimes)
    with pytest.raises(OutputError, match="the disk is full"):
        writing.RunFolder(make_folder("a", tmp_path / "a"), writing.manifests.begun("a", 1, ""), "")
    assert status(tmp_path / "a")["status"] == "failed"
    assert "scenario.yaml" in status(tmp_path / "a")["message"]


def test_a_path_through_a_file_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="a part of its path is a file"):
        make_folder("a", tmp_path / "file" / "below")


def test_a_manifest_that_cannot_be_written_at_all_still_says_running(tmp_path, monkeypatch):
    manifest = writing.manifests.begun("a", 1, "")
    folder = writing.RunFolder(make_folder("a", tmp_path / "a"), manifest, "")
    with monkeypatch.context() as patch, pytest.raises(ZeroDivisionError) as caught, folder:
        patch.setattr(Path, "write_text", full)
        patch.setattr(Path, "open", full)
        raise ZeroDivisionError
    assert "manifest.json" in caught.value.__notes__[0]
    assert status(tmp_path / "a")["status"] == "running"


def test_no_part_follows_one_that_is_missing(tmp_path, synthetic, monkeypatch):
    real, calls = pa.ipc.new_file, []

    def sometimes(file, schema, **options):
        calls.append(schema.metadata[b"cosim_table"])
        return full() if calls.count(b"steps") == 2 else real(file, schema, **options)

    monkeypatch.setattr(pa.ipc, "new_file", sometimes)
    with pytest.raises(OutputError, match="the disk is full"):
        synthetic.make_run(tmp_path, periods=500)
    run = load(tmp_path / "made-up", partial=True)
    assert run.steps["period"].tolist() == list(range(96))


def test_what_cannot_be_finished_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(ZeroDivisionError), published(path) as temporary:
        temporary.write_text("half of the n")
        raise ZeroDivisionError
    assert path.read_text() == "old"
    assert [found.name for found in tmp_path.iterdir()] == ["a.txt"]


def test_a_folder_that_vanished_is_named(tmp_path):
    with pytest.raises(OutputError, match="its folder was removed"):
        write_text(tmp_path / "gone" / "a.txt", "")


@pytest.mark.parametrize(
    ("code", "words"),
    [(errno.EDQUOT, "quota"), (errno.EROFS, "no permission"), (errno.EIO, "could not be written")],
)
def test_other_troubles_are_worded(tmp_path, monkeypatch, code, words):
    def trouble(*_, **__):
        raise OSError(code, "trouble")

    monkeypatch.setattr(Path, "write_text", trouble)
    with pytest.raises(OutputError, match=words):
        write_text(tmp_path / "a.txt", "")


def test_json_has_no_nan_and_no_numpy(tmp_path):
    import numpy as np

    content = {
        "a": np.float64("nan"),
        "b": [np.int64(1), float("inf")],
        3: (np.array([1.5, np.nan]), Path("x")),
    }
    write_json(tmp_path / "a.json", content)
    found = json.loads((tmp_path / "a.json").read_text())
    assert found == {"a": None, "b": [1, None], "3": [[1.5, None], "x"]}
