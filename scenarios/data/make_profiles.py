"""Writes the made-up measurements of own-data.yaml: twelve households and three PV plants over ten days in
June, half-hour means in kW. `python scenarios/data/make_profiles.py` writes the files again, and a test
compares. They show the format; they are no measurements.
"""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

HERE = Path(__file__).parent
ZONE = ZoneInfo("Europe/Berlin")
START = datetime(2025, 6, 9, tzinfo=ZONE).astimezone(UTC)
DAYS = 10
STEPS = DAYS * 48
HOUSEHOLDS = 12
PEAK_KW = 10.0


def main() -> None:
    """Write both files."""
    rng = np.random.default_rng(20250609)
    stamps = [(START + timedelta(minutes=30 * step)).astimezone(ZONE) for step in range(STEPS)]
    hour = np.array([stamp.hour + stamp.minute / 60 for stamp in stamps])
    weekend = np.array([stamp.weekday() >= 5 for stamp in stamps])
    _write(
        "village_load.csv",
        stamps,
        [f"house_{index:02d}" for index in range(HOUSEHOLDS)],
        _load(rng, hour, weekend),
    )
    _write("village_pv.csv", stamps, ["south", "east", "west"], _pv(rng, hour))


def _load(rng: np.random.Generator, hour: np.ndarray, weekend: np.ndarray) -> np.ndarray:
    """Standby, a morning and an evening bump, cooking now and then [kW], shape (steps, households)."""
    columns = []
    for _ in range(HOUSEHOLDS):
        morning, evening = rng.normal(7.0, 0.7), rng.normal(19.0, 1.0)
        morning_by_step = morning + 1.5 * weekend
        course = (
            rng.uniform(0.08, 0.18)
            + rng.uniform(0.2, 0.5) * np.exp(-(((hour - morning_by_step) / 1.2) ** 2))
            + rng.uniform(0.4, 0.9) * np.exp(-(((hour - evening) / 1.8) ** 2))
        )
        noise = rng.gamma(4.0, 0.25, STEPS)
        kettle = rng.uniform(0.5, 2.0, STEPS) * (rng.random(STEPS) < 0.04) * ((hour > 6) & (hour < 23))
        columns.append(course * noise + kettle)
    return np.column_stack(columns)


def _pv(rng: np.random.Generator, hour: np.ndarray) -> np.ndarray:
    """Bells around noon under a cloudiness that changes from day to day [kW], shape (steps, plants)."""
    clear = np.repeat(rng.uniform(0.35, 1.0, DAYS), 48)
    passing = np.clip(1.0 - rng.gamma(1.0, 0.12, STEPS) * (1.2 - clear), 0.1, 1.0)
    columns = []
    for noon, width, share in ((13.3, 3.6, 0.82), (10.8, 3.3, 0.68), (15.8, 3.3, 0.68)):
        bell = np.exp(-(((hour - noon) / width) ** 2))
        bell[(hour < 5) | (hour > 21.5)] = 0.0
        columns.append(PEAK_KW * share * bell * clear * passing)
    return np.column_stack(columns)


def _write(name: str, stamps: list[datetime], titles: list[str], values: np.ndarray) -> None:
    with (HERE / name).open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["time", *titles])
        for stamp, row in zip(stamps, values, strict=True):
            writer.writerow([stamp.isoformat(timespec="minutes"), *(f"{value:.3f}" for value in row)])


if __name__ == "__main__":
    main()
