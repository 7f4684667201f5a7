"""What goes into the recorder comes out of the tables, however it is cut into parts."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cosim.core.clock import Clock
from cosim.core.outputs import OutputsConfig
from cosim.errors import InputError
from cosim.results import join as joining
from cosim.results import recorder as recording
from cosim.results.join import read_part
from cosim.results.recorder import Members, Recorder
from cosim.results.tables import BUSES, STEPS, TABLES

RECORDED = ("steps", "prosumers", "trades", "buses", "branches", "violations")


def record(folder, clock, members, tables, **options):
    """Record the tables of all periods: tables(period, community number) -> {table: columns}."""
    recorder = Recorder(folder, clock, members, **options)
    for period in range(clock.periods):
        for number in range(len(members)):
            for table, columns in tables(period, number).items():
                recorder.add(table, period, columns, number)
    recorder.close()
    return recorder


def steps(period, **known):
    """A row of `steps`: required columns zero."""
    row = {column.name: 0.0 for column in STEPS.columns if not column.optional}
    return row | {"trades": 0, "violations": 0, "converged": True} | known


def only(**details):
    """Outputs with everything off but what is named."""
    return OutputsConfig(record=dict.fromkeys(RECORDED, "none") | details)


def test_rows_are_by_period_then_community_then_member(tmp_path, synthetic):
    clock = synthetic.clock(3)
    members = [Members("east", ("a", "b"), ("bus 0",)), Members("west", ("a",), ("bus 7", "bus 8"))]
    record(
        tmp_path,
        clock,
        members,
        lambda period, number: {
            "buses": {"vm_pu": np.full(len(members[number].buses), 1 + 0.01 * period + 0.001 * number)}
        },
    )
    frame = pd.read_parquet(tmp_path / "buses.parquet")
    assert frame["community"].tolist() == ["east", "west", "west"] * 3
    assert frame["bus"].tolist() == ["bus 0", "bus 7", "bus 8"] * 3
    assert frame["period"].tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    expected = [1.0, 1.001, 1.001, 1.01, 1.011, 1.011, 1.02, 1.021, 1.021]
    assert frame["vm_pu"].to_numpy() == pytest.approx(expected, rel=1e-7)
    assert frame["p_kw"].isna().all()


def test_trades_name_the_prosumers_of_their_own_community(tmp_path, synthetic):
    members = [Members("east", ("a", "b")), Members("west", ("b", "c"))]
    trade = {
        "round": np.array([0]),
        "buyer": np.array([1]),
        "seller": np.array([0]),
        "quantity_kwh": np.array([0.5]),
        "price_eur_per_kwh": np.array([0.2]),
    }
    record(tmp_path, synthetic.clock(2), members, lambda *_: {"trades": trade}, outputs=only(trades="period"))
    frame = pd.read_parquet(tmp_path / "trades.parquet")
    assert frame["buyer"].tolist() == ["b", "c", "b", "c"]
    assert frame["seller"].tolist() == ["a", "b", "a", "b"]
    assert frame["quantity_kwh"].sum() == 2.0


@pytest.mark.parametrize("slots", [1, 7, 96])
def test_joined_parts_equal_the_columns_written_directly(tmp_path, synthetic, monkeypatch, slots):
    monkeypatch.setattr(recording, "SLOTS", slots)
    monkeypatch.setattr(joining, "GROUP_ROWS", 40)
    clock, part = synthetic.clock(50), synthetic.members()
    rows = [synthetic.period_columns(period, part) for period in range(50)]
    record(tmp_path, clock, [part], lambda period, _: rows[period], extra={"prosumers": [synthetic.BATTERY]})
    for table in ("prosumers", "buses", "branches", "trades", "violations"):
        frame = pd.read_parquet(tmp_path / f"{table}.parquet")
        for name in rows[0][table]:
            direct = np.concatenate([np.asarray(row[table][name]) for row in rows])
            if name in ("buyer", "seller"):
                direct = np.array([part.prosumers[number] for number in direct])
            assert np.array_equal(frame[name].to_numpy(), direct.astype(frame[name].to_numpy().dtype)), name
        counts = [len(next(iter(row[table].values()))) for row in rows]
        assert frame["period"].tolist() == np.repeat(np.arange(50), counts).tolist()
    totals = pd.read_parquet(tmp_path / "steps.parquet")
    assert totals["cost_eur"].tolist() == [row["steps"]["cost_eur"] for row in rows]
    assert not (tmp_path / "parts").exists()


def test_row_groups_stay_small_however_long_the_run(tmp_path, synthetic, monkeypatch):
    monkeypatch.setattr(recording, "SLOTS", 10)
    monkeypatch.setattr(joining, "GROUP_ROWS", 100)
    part = Members("main", [f"house-{number}" for number in range(4)], ("bus 0",))
    record(tmp_path, synthetic.clock(960), [part], lambda *_: {"buses": {"vm_pu": np.ones(1)}})
    groups = pq.ParquetFile(tmp_path / "buses.parquet").metadata
    assert groups.num_rows == 960
    assert {groups.row_group(number).num_rows for number in range(groups.num_row_groups)} == {100, 60}


def test_parts_hold_fewer_periods_of_larger_communities(tmp_path, synthetic, monkeypatch):
    monkeypatch.setattr(recording, "PART_ROWS", 20)
    part = Members("main", ("a",), [f"bus {number}" for number in range(10)])
    recorder = Recorder(tmp_path, synthetic.clock(5), [part], only(buses="period"))
    for period in range(5):
        recorder.add("buses", period, {"vm_pu": np.ones(10)})
    recorder.flush()
    parts = sorted((tmp_path / "parts" / "buses").iterdir())
    assert [path.name for path in parts] == ["000000.arrow", "000001.arrow", "000002.arrow"]
    assert [len(read_part(path)) for path in parts] == [20, 20, 10]


def test_the_same_rows_give_the_same_bytes(tmp_path, synthetic):
    first = synthetic.make_run(tmp_path, name="first")
    second = synthetic.make_run(tmp_path, name="second")
    for table in RECORDED:
        assert (first / f"{table}.parquet").read_bytes() == (second / f"{table}.parquet").read_bytes(), table
    assert (first / "violations.csv").read_bytes() == (second / "violations.csv").read_bytes()


def test_times_are_utc_instants_across_a_clock_change(tmp_path):
    start = datetime(2016, 3, 27, tzinfo=ZoneInfo("Europe/Berlin"))
    clock = Clock(start, 60, 4)
    record(tmp_path, clock, [Members("main", ("a",))], lambda period, _: {"steps": steps(period)})
    time = pd.read_parquet(tmp_path / "steps.parquet")["time"]
    assert str(time.dt.tz) == "Europe/Berlin"
    assert time.dt.hour.tolist() == [0, 1, 3, 4]
    assert time.iloc[0].to_pydatetime().astimezone(UTC) == datetime(2016, 3, 26, 23, tzinfo=UTC)


def test_power_flows_at_their_own_rate_name_their_settlement_period(tmp_path, synthetic):
    clock, flows = synthetic.clock(2, 15), synthetic.clock(6, 5)
    recorder = Recorder(
        tmp_path, clock, [Members("main", ("a",), ("bus 0",))], only(buses="period"), network_clock=flows
    )
    for instant in range(6):
        recorder.add("buses", instant, {"vm_pu": np.array([1.0])})
    recorder.close()
    frame = pd.read_parquet(tmp_path / "buses.parquet")
    assert frame["period"].tolist() == [0, 0, 0, 1, 1, 1]
    assert frame["time"].dt.minute.tolist() == [0, 5, 10, 15, 20, 25]


def test_blocks_by_the_rule_of_each_column(tmp_path, synthetic):
    rows = [
        steps(
            period,
            p2p_kwh=volume,
            mean_price=price,
            last_price=price,
            vm_min_pu=low,
            vm_max_pu=1.0 + 0.01 * period,
            converged=period != 5,
            violations=period,
            retail_price=0.3,
        )
        for period, (volume, price, low) in enumerate(
            [(1.0, 0.1, 0.99), (0.0, np.nan, 0.97), (3.0, 0.2, np.nan), (0.0, np.nan, 0.98)]
            + [(0.0, np.nan, 1.0)] * 2
        )
    ]
    record(
        tmp_path,
        synthetic.clock(6),
        [Members("main", ("a",))],
        lambda period, _: {"steps": rows[period]},
        outputs=only(steps="hour"),
    )
    frame = pd.read_parquet(tmp_path / "steps.parquet")
    assert frame["period"].tolist() == [0, 4]
    assert frame["p2p_kwh"].tolist() == [4.0, 0.0]
    assert frame["mean_price"].iloc[0] == pytest.approx((1 * 0.1 + 3 * 0.2) / 4)
    assert np.isnan(frame["mean_price"].iloc[1])
    assert frame["retail_price"].tolist() == pytest.approx([0.3, 0.3])
    assert frame["vm_min_pu"].tolist() == pytest.approx([0.97, 1.0])
    assert frame["vm_max_pu"].tolist() == pytest.approx([1.03, 1.05])
    assert frame["converged"].tolist() == [True, False]
    assert frame["violations"].tolist() == [6, 9]


def test_blocks_of_voltages_keep_their_extremes(tmp_path, synthetic):
    vm = [np.array([1.0, 0.9]), np.array([1.2, np.nan]), np.array([1.1, 0.96])]
    record(
        tmp_path,
        synthetic.clock(3),
        [Members("main", ("a",), ("bus 0", "bus 1"))],
        lambda period, _: {"buses": {"vm_pu": vm[period]}},
        outputs=only(buses="day"),
    )
    frame = pd.read_parquet(tmp_path / "buses.parquet")
    assert frame["vm_pu"].tolist() == pytest.approx([1.1, 0.93])
    assert frame["vm_pu_min"].tolist() == pytest.approx([1.0, 0.9])
    assert frame["vm_pu_max"].tolist() == pytest.approx([1.2, 0.96])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(periods=st.integers(1, 40), slots=st.integers(1, 9), detail=st.sampled_from(["period", "hour", "day"]))
def test_energy_is_the_same_at_every_detail(tmp_path_factory, synthetic, periods, slots, detail):
    folder = tmp_path_factory.mktemp("run")
    energy = np.random.default_rng(periods).random(periods)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recording, "SLOTS", slots)
        record(
            folder,
            synthetic.clock(periods),
            [Members("main", ("a",))],
            lambda period, _: {"steps": steps(period, load_kwh=energy[period])},
            outputs=only(steps=detail),
        )
    frame = pd.read_parquet(folder / "steps.parquet")
    assert frame["load_kwh"].sum() == pytest.approx(energy.sum(), rel=1e-12)
    assert len(frame) == -(-periods // {"period": 1, "hour": 4, "day": 96}[detail])


def test_hours_need_steps_that_divide_them(tmp_path, synthetic):
    with pytest.raises(InputError, match="not a whole number of steps"):
        Recorder(tmp_path, synthetic.clock(2, 45), [Members("main", ("a",))], only(steps="hour"))


def test_nothing_is_written_of_what_is_not_recorded(tmp_path, synthetic):
    part = synthetic.members()
    record(
        tmp_path,
        synthetic.clock(5),
        [part],
        lambda period, _: synthetic.period_columns(period, part),
        outputs=only(steps="period"),
    )
    assert [path.name for path in tmp_path.iterdir()] == ["steps.parquet"]


def test_a_run_without_events_has_empty_tables(tmp_path, synthetic):
    record(tmp_path, synthetic.clock(1), [Members("main", ("a",))], lambda *_: {})
    for table in ("trades", "violations"):
        frame = pd.read_parquet(tmp_path / f"{table}.parquet")
        assert frame.empty
        assert {column.name for column in TABLES[table].columns} <= set(frame.columns)
    assert (tmp_path / "violations.csv").read_text().startswith('"time","period","community","kind"')


def test_whole_episodes_know_their_duration(tmp_path, synthetic):
    def broken(period, number):
        return {
            "violations": {
                "kind": np.array(["overvoltage"], dtype=object),
                "element": np.array([3]),
                "name": np.array(["bus 3"], dtype=object),
                "value": np.array([1.2]),
                "limit": np.array([1.1]),
                "excess": np.array([0.1]),
                "episode": np.array([0 if period < 3 or number else 1]),
                "lasted_h": np.array([0.25 * (period % 3 + 1 if not number else period + 1)]),
            }
        }

    members = [Members("east", ("a",)), Members("west", ("b",))]
    record(tmp_path, synthetic.clock(5), members, broken, outputs=only(violations="period"))
    frame = pd.read_parquet(tmp_path / "violations.parquet")
    east, west = frame[frame["community"] == "east"], frame[frame["community"] == "west"]
    assert east["duration_h"].tolist() == [0.75, 0.75, 0.75, 0.5, 0.5]
    assert west["duration_h"].tolist() == [1.25] * 5
    csv = pd.read_csv(tmp_path / "violations.csv")
    assert csv["name"].tolist() == ["bus 3"] * 10
    assert csv["time"].iloc[0] == "2016-06-06 00:00:00.000+0200"
    assert csv["duration_h"].tolist() == frame["duration_h"].tolist()


def test_every_field_carries_unit_and_explanation(made_run):
    for table in RECORDED:
        schema = pq.read_schema(made_run / f"{table}.parquet")
        for field in schema:
            assert field.metadata[b"about"], field.name
            assert b"unit" in field.metadata


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({}, "'vm_pu' is missing"),
        ({"vm_pu": np.ones(1), "vm_kv": np.ones(1)}, "unknown columns.*vm_kv"),
    ],
)
@pytest.mark.parametrize("detail", ["period", "hour"])
def test_columns_must_be_those_of_the_table(tmp_path, synthetic, columns, message, detail):
    part = Members("main", ("a",), ("bus 0",))
    recorder = Recorder(tmp_path, synthetic.clock(4), [part], only(buses=detail))
    with pytest.raises(ValueError, match=message):
        recorder.add("buses", 0, columns)


def test_event_columns_must_be_those_of_the_table(tmp_path, synthetic):
    recorder = Recorder(tmp_path, synthetic.clock(4), [Members("main", ("a",))])
    with pytest.raises(ValueError, match="missing or unknown"):
        recorder.add("trades", 0, {"buyer": np.array([0])})


def test_periods_come_in_order_and_once(tmp_path, synthetic):
    part = Members("main", ("a",), ("bus 0",))
    recorder = Recorder(tmp_path, synthetic.clock(4), [part])
    columns = {BUSES.columns[0].name: np.ones(1)}
    recorder.add("buses", 1, columns)
    with pytest.raises(ValueError, match="out of order"):
        recorder.add("buses", 0, columns)
    with pytest.raises(ValueError, match="twice"):
        recorder.add("buses", 1, columns)
    with pytest.raises(ValueError, match="after the end"):
        recorder.add("buses", 4, columns)


def test_a_community_that_is_left_out_is_noticed(tmp_path, synthetic):
    members = [Members("east", ("a",)), Members("west", ("b",))]
    recorder = Recorder(tmp_path, synthetic.clock(4), members)
    recorder.add("steps", 0, steps(0), 0)
    assert recorder.periods_done == 0
    with pytest.raises(ValueError, match="not recorded in every period"):
        recorder.close()
