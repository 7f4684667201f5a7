"""docs/outputs.md is what the schemas say."""

from __future__ import annotations

from pathlib import Path

from cosim.results.document import page
from cosim.results.tables import TABLES, TOTALS

PAGE = Path(__file__).parents[2] / "docs" / "outputs.md"


def test_the_page_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == page(), (
        "run: python -m cosim.results.document > docs/outputs.md"
    )


def test_units_end_the_names_of_energies_and_money():
    for table in (*TABLES.values(), TOTALS):
        for column in table.columns:
            assert column.about.endswith("."), column.name
            expected = {"kWh": "_kwh", "EUR": "_eur", "kW": "_kw", "pu": "_pu", "percent": "_percent"}
            if column.unit in expected:
                assert column.name.endswith(expected[column.unit]), column.name
