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
    "KL divergence: how far an update moved the policy": ("kl",),
    "Entropy: how much it tries": ("entropy",),
    "Explained variance: 1 foresees all, 0 nothing": ("explained_variance",),
    "Loss of the policy": ("policy_loss",),
    "Loss of the critic": ("value_loss", "q_loss", "critic_loss"),
    "Return of the last decision, EUR a day and prosumer": ("return_eur_per_day",),
}
"""What is written above each small figure, and the metrics, of which the first that there is is drawn."""
_ABOUT = (
    "What the prosumers of each learner saved in 24 hours against the utility alone, on average; what is "
    "stored counts. Sun and needs differ from day to day: cosim evaluate compares with the rule on the same "
    "days."
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
    drawn = {title: _curves(table, *metrics) for title, metrics in PANELS.items()}
    drawn = {title: curves for title, curves in drawn.items() if curves}
    if drawn:
        about = (
            f"By update, in the colours of the learning curve ({', '.join(saving)}); see docs/policies.md."
        )
        found.append(("updates", "What its updates measured", about, panels(drawn)))
    return found


def _curves(table: pd.DataFrame, *metrics: str) -> Curves:
    """Times and values of the first of these metrics that there is, by policy (and community, of several)."""
    several = table["community"].nunique() > 1
    curves = {}
    for (community, policy), own in table.groupby(["community", "policy"], observed=True):
        given = [metric for metric in metrics if (own["metric"] == metric).any()]
        if given:
            rows = own[own["metric"] == given[0]]
            time = [f"{moment:%Y-%m-%d %H:%M}" for moment in rows["time"].dt.tz_localize(None)]
            values = numbers(np.asarray(rows["value"], dtype=float))
            curves[f"{community}/{policy}" if several else str(policy)] = (time, values)
    return curves
