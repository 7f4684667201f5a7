"""The learning curve of a run: what learners save by day against the utility alone, and what their updates
measured. Frames in, figures out; which sections a page has is decided where the page is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cosim.report.figures import Curves, Figure, marked, numbers, panels
from cosim.results.read import Run

if TYPE_CHECKING:
    import pandas as pd

Part = tuple[str, str, str, Figure | None]
SAVING = "day.saving_eur"
PANELS = {
    "kl": "KL divergence: how far an update moved the policy",
    "entropy": "Entropy: how much it tries",
    "explained_variance": "Explained variance: 1 foresees all, 0 nothing",
    "policy_loss": "Loss of the policy",
    "value_loss": "Loss of the critic",
    "return_eur_per_day": "Return, EUR a day and prosumer",
}
"""Metrics that are drawn, where a policy has them, and what is written above each."""
_ABOUT = (
    "What the prosumers of each learner saved in 24 hours against the utility alone, on average. Sun and "
    "needs differ from day to day: cosim evaluate compares with the rule on the same days."
)


def parts(run: Run) -> list[Part]:
    """Sections of the report: identity, title, explanation and figure. None where nobody learns."""
    if not run.has("learning"):
        return []
    table = run.learning
    saving = _curves(table, SAVING)
    if not saving:
        return [("learning", "Learning curve", "The run was shorter than 24 hours.", None)]
    found: list[Part] = [("learning", "Learning curve", _ABOUT, marked(saving, "EUR a day"))]
    drawn = {title: _curves(table, metric) for metric, title in PANELS.items()}
    drawn = {title: curves for title, curves in drawn.items() if curves}
    if drawn:
        about = (
            f"By update, in the colours of the learning curve ({', '.join(saving)}); see docs/policies.md."
        )
        found.append(("updates", "What its updates measured", about, panels(drawn)))
    return found


def _curves(table: pd.DataFrame, metric: str) -> Curves:
    """Times and values of a metric by policy (and community, of several)."""
    several = table["community"].nunique() > 1
    curves = {}
    for (community, policy), own in table.groupby(["community", "policy"], observed=True):
        rows = own[own["metric"] == metric]
        if len(rows):
            time = [f"{moment:%Y-%m-%d %H:%M}" for moment in rows["time"].dt.tz_localize(None)]
            values = numbers(np.asarray(rows["value"], dtype=float))
            curves[f"{community}/{policy}" if several else str(policy)] = (time, values)
    return curves
