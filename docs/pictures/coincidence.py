"""Draws docs/images/coincidence.png: the coincidence factor of diversified households against Rusck's curve,
and the load of one, ten and a hundred of them. Run from the root: python docs/pictures/coincidence.py"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import matplotlib.pyplot as plt
import numpy as np

from cosim.core.arrays import FloatArray
from cosim.core.clock import Clock
from cosim.core.streams import Streams
from cosim.profiles.build import load_profiles
from cosim.profiles.calibrate import coincidence, rusck
from cosim.profiles.config import SimBenchLoad

IMAGE = Path(__file__).parent.parent / "images" / "coincidence.png"
SIZES = (1, 2, 5, 10, 20, 50, 100)
COLOURS = {0.1: "#0072B2", 0.15: "#D55E00", 0.25: "#009E73"}


def year(config: SimBenchLoad) -> tuple[Clock, FloatArray]:
    """A hundred households of 3,500 kWh over 2025 in quarter-hours."""
    clock = Clock(datetime(2025, 1, 1, tzinfo=ZoneInfo("Europe/Berlin")), 15, 365 * 96)
    loads = load_profiles(config, clock, np.full(100, 3500.0), Streams(1), Path())
    return clock, loads.power_kw(0, clock.periods)


def main() -> None:
    """Draw the picture."""
    figure, (curves, week) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    smooth = np.geomspace(1, 100, 200)
    for g, colour in COLOURS.items():
        clock, power = year(SimBenchLoad(coincidence=g))
        curves.plot(smooth, rusck(smooth, g), color=colour, lw=1.2)
        reached = [coincidence(power, size) for size in SIZES]
        curves.plot(SIZES, reached, "o", color=colour, ms=6, label=f"diversified, g = {g:g}")
        if g == 0.15:
            draw_week(week, clock, power)
    _, shared = year(SimBenchLoad(diversify=False))
    curves.plot(
        SIZES, [coincidence(shared, s) for s in SIZES], "s", color="0.5", ms=5, label="five shapes, shared"
    )
    curves.plot([], [], "k-", lw=1.2, label=r"Rusck: $g + (1-g)/\sqrt{n}$")
    curves.set(xscale="log", xlabel="households n", ylabel="coincidence factor", ylim=(0, 1.05))
    curves.set_xticks(SIZES, [str(size) for size in SIZES])
    curves.minorticks_off()
    curves.grid(alpha=0.3)
    curves.legend(frameon=False)
    IMAGE.parent.mkdir(exist_ok=True)
    figure.savefig(IMAGE, dpi=110)


def draw_week(axes: plt.Axes, clock: Clock, power: FloatArray) -> None:
    """Load per household of one, ten and a hundred households, from a Monday in winter."""
    first = 12 * 96  # 13 January 2025, a Monday
    ticks = slice(first, first + 4 * 96)
    days = np.arange(4 * 96) / 96
    for count, colour, width in ((1, "0.75", 0.8), (10, "#56B4E9", 1.0), (100, "#D55E00", 1.8)):
        label = f"{count} household" + ("s" if count > 1 else "")
        axes.plot(days, power[ticks, :count].mean(1), color=colour, lw=width, label=label)
    axes.set_xticks(np.arange(4) + 0.5, ["Mon", "Tue", "Wed", "Thu"])
    axes.set(xlabel="13 to 16 January 2025", ylabel="load per household [kW]", xlim=(0, 4))
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    assert clock.weekday[first] == 0


if __name__ == "__main__":
    main()
