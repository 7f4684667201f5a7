"""What a run records and how finely: a part of the scenario that the results room obeys. It knows nothing of
files."""

from __future__ import annotations

from typing import Literal

from cosim.core.config import Config, setting
from cosim.errors import InputError, Problem

Detail = Literal["period", "hour", "day", "none"]
"""`hour` and `day` are blocks of 60 minutes and 24 hours, counted from the start of the run."""

BLOCK_MINUTES: dict[str, int] = {"hour": 60, "day": 24 * 60}
"""Length of the blocks [min]."""


class RecordConfig(Config):
    """How finely each table is recorded."""

    steps: Detail = setting("period", about="Totals of the community.")
    prosumers: Detail = setting("period", about="What each prosumer used, traded and paid.")
    buses: Detail = setting("period", about="Voltage at each bus.")
    branches: Detail = setting("period", about="Loading of each line and transformer.")
    trades: Literal["period", "none"] = setting("period", about="Every single trade, or none of them.")
    violations: Literal["period", "none"] = setting("period", about="Every broken limit, or none of them.")
    learning: Literal["period", "none"] = setting(
        "period", about="What each update of a learning policy measured, and savings by day, or nothing."
    )
    actions: Literal["day", "none"] = setting(
        "day", about="What learning policies do at which hour: mean and spread, once a day, or nothing."
    )


class OutputsConfig(Config):
    """What a run leaves behind."""

    record: RecordConfig = setting(
        RecordConfig, about="Per table: `period` (everything), `hour` or `day` (aggregated), or `none`."
    )
    report: bool = setting(True, about="Whether report.html is written at the end.")
    tensorboard: bool = setting(
        False,
        about="Whether what is learnt also goes into event files, for `tensorboard --logdir RUN/tensorboard` "
        "(needs `pip install cosim[tensorboard]`).",
    )


def periods_per_block(detail: Detail, step_minutes: int) -> int:
    """Steps that one recorded row covers; 0 for `none`.

    Raises:
        InputError: if the block is not a whole number of steps.
    """
    if detail == "none":
        return 0
    if detail == "period":
        return 1
    minutes = BLOCK_MINUTES[detail]
    if minutes % step_minutes:
        raise InputError(
            Problem(
                f"steps of {step_minutes} minutes cannot be recorded by {detail}: {minutes} minutes are not "
                "a whole number of steps",
                "write period, or choose a step that divides it",
                path="outputs.record",
            )
        )
    return minutes // step_minutes
