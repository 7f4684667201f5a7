"""The frame of an HTML page that opens without a network: style, script, plotly.js, sections and tables. What
is on a page is decided where the page is made."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from importlib.util import find_spec
from pathlib import Path

from cosim.errors import OutputError
from cosim.report.figures import Figure

_STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #2b2f36; background: #f3f4f6; margin: 0; }
main { max-width: 1180px; margin: 0 auto; padding: 28px 20px 60px; }
h1 { margin: 0; font-size: 26px; } h2 { margin: 0 0 2px; font-size: 17px; }
.about, .note { color: #6a7079; margin: 0 0 10px; } .about { font-size: 13px; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(230px, 1fr)); gap: 12px;
  margin: 20px 0; }
.card, section { background: white; border: 1px solid #e3e5e9; border-radius: 8px; padding: 14px 18px; }
.card b { display: block; font-size: 22px; font-variant-numeric: tabular-nums; }
.card span { display: block; font-size: 13px; color: #6a7079; }
section { margin: 14px 0; overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 4px 14px 4px 0; border-bottom: 1px solid #eceef1; }
td { white-space: pre; }
th:first-child, td:first-child { text-align: left; } th { color: #6a7079; font-weight: 500; }
.bad { color: #c8403b; }
"""
_SCRIPT = """
for (const [id, figure] of Object.entries(JSON.parse(document.getElementById("figures").textContent))) {
  const config = {responsive: true, displaylogo: false, displayModeBar: "hover"};
  Plotly.newPlot(id, figure.data, figure.layout, config);
}
"""


def document(title: str, body: Sequence[str], drawn: Mapping[str, Figure]) -> str:
    """A whole page.

    Args:
        title: Of the window.
        body: Its parts, HTML.
        drawn: Identity of an element in the body -> the figure that is drawn there.

    Raises:
        OutputError: if plotly is not installed.
    """
    data = json.dumps(drawn, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"{''.join(body)}</main>\n"
        f'<script type="application/json" id="figures">{data}</script>\n'
        f"<script>{_plotly()}</script>\n<script>{_SCRIPT}</script>\n</body>\n</html>\n"
    )


def _plotly() -> str:
    """plotly.js, from the installed package."""
    spec = find_spec("plotly")
    places = list(spec.submodule_search_locations or ()) if spec else []
    for place in places:
        path = Path(place) / "package_data" / "plotly.min.js"
        if path.exists():
            return path.read_text(encoding="utf-8")
    raise OutputError("the report needs plotly, which is not installed (pip install plotly)")


def section(title: str, about: str, content: str) -> str:
    """A titled part of a page; `content` is HTML."""
    return f'<section><h2>{escape(title)}</h2><p class="about">{escape(about)}</p>{content}</section>\n'


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of texts; a line break in one is a line break there."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"
