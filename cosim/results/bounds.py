"""What `cosim bound` leaves in a run's folder: bound.json and bound.parquet. What is in them is computed
elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cosim.results.arrow import published_file
from cosim.results.files import write_json
from cosim.results.tables import Column, field

if TYPE_CHECKING:
    import pandas as pd

FILE, PERIODS = "bound.json", "bound.parquet"
COLUMNS = (
    Column("time", "", "Start of the period.", "time"),
    Column("period", "", "Number of the period.", "int32"),
    Column("shadow_price", "EUR/kWh", "Price at which the trades of the optimum would clear."),
    Column("mean_price", "EUR/kWh", "Mean price of the run's trades; NaN without a trade."),
    Column("optimum_p2p_kwh", "kWh", "Traded in the optimum."),
    Column("p2p_kwh", "kWh", "Traded in the run."),
)
HEAT_COLUMNS = (
    Column("heat_shadow_price", "EUR/kWh", "The same of heat as delivered; with a market for heat alone."),
    Column("heat_mean_price", "EUR/kWh", "Mean price of the run's trades of heat; NaN without a trade."),
)


def write_bound(
    folder: Path, content: Mapping[str, Any], periods: pd.DataFrame, zone: str
) -> tuple[Path, Path]:
    """Write both files; those of an earlier call are replaced.

    Args:
        folder: The run's.
        content: Of bound.json.
        periods: Of bound.parquet.
        zone: Name of the time zone in which times are shown.

    Raises:
        OutputError: if one cannot be written.
    """
    import pyarrow as pa
    from pyarrow import parquet

    columns = [column for column in (*COLUMNS, *HEAT_COLUMNS) if column.name in periods]
    schema = pa.schema([field(column, zone) for column in columns], metadata={"cosim_table": "bound"})
    table = pa.Table.from_pandas(periods, schema=schema, preserve_index=False)
    with published_file(folder / PERIODS) as file:
        parquet.write_table(table, file, compression="zstd")
    write_json(folder / FILE, content)
    return folder / FILE, folder / PERIODS
