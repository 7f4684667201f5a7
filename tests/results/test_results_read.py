"""Runs read back, and what is said of folders that are none."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from cosim.core.outputs import OutputsConfig
from cosim.errors import InputError, OutputError
from cosim.results.read import load


def test_tables_come_back_as_they_were_given(made_run, synthetic):
    run = load(made_run)
    part = synthetic.members()
    rows = [synthetic.period_columns(period, part) for period in range(96)]
    expected = np.concatenate([row["prosumers"]["cost_eur"] for row in rows])
    assert np.array_equal(run.prosumers["cost_eur"].to_numpy(), expected)
    assert run.prosumers["prosumer"].iloc[:4].tolist() == ["house-0", "house-1", "house-2", "house-3"]
    assert isinstance(run.prosumers["prosumer"].dtype, pd.CategoricalDtype)
    assert run.steps["time"].iloc[0] == pd.Timestamp("2016-06-06", tz="Europe/Berlin")
    assert len(run.trades) == sum(len(row["trades"]["buyer"]) for row in rows) > 0
    assert run.name == "made-up"
    assert run.hours("buses") == 0.25
    assert run.summary["periods"] == 96


def test_totals_are_the_sums_over_the_run(made_run):
    run = load(made_run)
    sums = run.prosumers.groupby("prosumer", observed=True)[["cost_eur", "load_kwh", "battery_kwh"]].sum()
    totals = run.prosumer_totals.set_index("prosumer")
    assert totals["cost_eur"].to_numpy() == pytest.approx(sums["cost_eur"].to_numpy(), rel=1e-12)
    assert totals["load_kwh"].to_numpy() == pytest.approx(sums["load_kwh"].to_numpy(), rel=1e-12)
    assert (totals["saving_eur"] > 0).all()
    assert not totals["worse_off"].any()


def test_some_columns_can_be_read_alone(made_run):
    frame = load(made_run).table("buses", columns=["bus", "vm_pu"])
    assert list(frame.columns) == ["bus", "vm_pu"]


def test_a_folder_that_is_no_run_is_told_with_a_run_nearby(made_run, tmp_path):
    with pytest.raises(InputError, match=r"is no run.*did you mean .*made-up\?"):
        load(made_run.parent)
    with pytest.raises(InputError, match=r"is no run.*did you mean .*made-up\?"):
        load(made_run.parent / "mode-up")
    with pytest.raises(InputError, match="name the folder that cosim run printed"):
        load(tmp_path)
    with pytest.raises(InputError, match="is no run"):
        load(made_run / "manifest.json")


@pytest.mark.parametrize("text", ["{", "[]", '{"name": 1}'])
def test_a_damaged_manifest_is_told(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(OutputError, match=r"manifest\.json"):
        load(tmp_path)


def test_a_run_of_a_newer_cosim_is_told(made_run, tmp_path):
    manifest = json.loads((made_run / "manifest.json").read_text())
    manifest |= {"format": 2, "versions": {"cosim": "9.1"}}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(OutputError, match=r"written by cosim 9\.1, in format 2.*up to format 1"):
        load(tmp_path)


def test_tables_that_do_not_exist_or_were_not_recorded_are_told(tmp_path, synthetic):
    outputs = OutputsConfig(record={"trades": "none"})
    run = load(synthetic.make_run(tmp_path, periods=4, outputs=outputs))
    assert not run.has("trades")
    assert run.has("steps")
    with pytest.raises(OutputError, match="its record is none"):
        _ = run.trades
    with pytest.raises(OutputError, match=r"no table 'step' \(there are steps, "):
        run.table("step")


def test_damaged_files_are_told(made_run, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(made_run, folder)
    (folder / "steps.parquet").write_bytes(b"PAR1 nothing of the kind")
    (folder / "summary.json").write_text("{")
    run = load(folder)
    with pytest.raises(OutputError, match=r"steps\.parquet cannot be read"):
        _ = run.steps
    with pytest.raises(OutputError, match=r"summary\.json cannot be read"):
        _ = run.summary
