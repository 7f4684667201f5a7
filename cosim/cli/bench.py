"""The command that measures speed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cosim.cli.base import WIDE, put, reported


def bench(
    name: Annotated[str, typer.Argument(help="What to measure: simulation, market or network.")],
    json_: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Also write the rows as JSON.")
    ] = None,
) -> None:
    """Measure speed on this machine: a table, and its JSON."""
    with reported():
        from cosim.benchmarks import measure

        rows = measure(name)
        if json_ is not None:
            import json

            json_.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
        import pandas as pd

        from cosim.results.show import frame

        table = pd.DataFrame(rows)
        if table.shape[1] > WIDE:  # many figures of few cases read better side by side
            table = table.set_index(table.columns[0]).T.rename_axis("figure").reset_index()
        put(frame(table, f"cosim bench {name}"))
