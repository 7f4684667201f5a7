"""Ausgrid's "Solar home electricity data" as published: half-hours of 300 customers near Sydney, July 2010 to
June 2013, one row per customer, category and day.

Columns name the END of the half-hour: `0:30` is 00:00 to 00:30, the last, `0:00`, is 23:30 to 24:00. Values
are kWh per half-hour: GC general consumption, CL controlled load, GG gross generation. Times are those of the
clock on the wall in Sydney, summer time included: on the day when clocks go forward the two half-hours that
do not exist hold zero, and on the day when they go back the two that pass twice hold the sum of both passes
(seen in the published data of 2 October 2011 and 1 April 2012).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.cache import cached_arrays, file_stamp, key_of
from cosim.core.problems import Problems
from cosim.core.zones import UNREADABLE, utc_offsets
from cosim.errors import Problem, ProfileError
from cosim.profiles.config import AusgridLoad, AusgridPv
from cosim.profiles.csv_source import column_of_numbers, existing
from cosim.profiles.series import Series

if TYPE_CHECKING:
    import pyarrow as pa

ZONE = ZoneInfo("Australia/Sydney")
STEP_S = 1800
FIRST_LINE = 3
"""A title and a header come before the data."""
HALF_HOURS = tuple(f"{(k + 1) // 2 % 24}:{30 * ((k + 1) % 2):02d}" for k in range(48))
FIXED = ("Customer", "Generator Capacity", "Consumption Category", "date")
CATEGORIES = ("GC", "CL", "GG")


def read_consumption(config: AusgridLoad, folder: Path) -> Series:
    """General consumption of the customers (and controlled load) in kW.

    Raises:
        ProfileError: with all problems, by row.
    """
    path = existing(folder / config.file, (".csv",))

    def build() -> dict[str, NDArray[Any]]:
        parsed = _parse(path)
        chosen = _customers(config.customers, parsed["customer"], path)
        power = parsed["GC"][:, chosen]
        _require_whole(path, parsed["customer"][chosen], power, "general consumption (GC)")
        if config.controlled_load:
            power = power + np.nan_to_num(parsed["CL"][:, chosen])
        return _kept(parsed, chosen, power)

    return _cached(path, ("GC", config.customers, config.controlled_load), build)


def read_generation(config: AusgridPv, folder: Path) -> Series:
    """Gross generation of the customers per kWp of generator capacity, in kW.

    Raises:
        ProfileError: with all problems, by row.
    """
    path = existing(folder / config.file, (".csv",))

    def build() -> dict[str, NDArray[Any]]:
        parsed = _parse(path)
        chosen = _customers(config.customers, parsed["customer"], path)
        power, capacity = parsed["GG"][:, chosen], parsed["capacity_kw"][chosen]
        _require_whole(path, parsed["customer"][chosen], power, "generation (GG)")
        without = parsed["customer"][chosen][capacity <= 0]
        if len(without):
            raise ProfileError(
                [Problem(f"customer {c} has no generator capacity", file=path) for c in without]
            )
        return _kept(parsed, chosen, power / capacity)

    return _cached(path, ("GG", config.customers), build)


def _kept(parsed: dict[str, NDArray[Any]], chosen: IntArray, power_kw: FloatArray) -> dict[str, NDArray[Any]]:
    return {"power_kw": power_kw, "customer": parsed["customer"][chosen], "start_s": parsed["start_s"]}


def _cached(
    path: Path, selection: tuple[object, ...], build: Callable[[], dict[str, NDArray[Any]]]
) -> Series:
    found = cached_arrays(f"ausgrid-{key_of('ausgrid', 1, *file_stamp(path), *selection)}", build)
    names = tuple(str(number) for number in found["customer"].tolist())
    return Series(found["power_kw"], int(found["start_s"]), STEP_S, names, path)


def _require_whole(path: Path, customers: IntArray, power_kw: FloatArray, kind: str) -> None:
    """Every customer must have every day of the file."""
    missing = np.rint(np.isnan(power_kw).sum(0) / 48).astype(int)  # days of 46 to 50 half-hours
    total = round(len(power_kw) / 48)
    problems = Problems(path, first_line=FIRST_LINE)
    for customer, days in zip(customers.tolist(), missing.tolist(), strict=True):
        if days:
            problems.add(
                f"customer {customer} lacks {kind} on {days} of {total} days",
                "choose other `customers`",
            )
    problems.raise_if_any()


def _customers(wanted: str | int | tuple[int, ...], known: IntArray, path: Path) -> IntArray:
    """Positions of the customers to use."""
    if wanted == "all":
        return np.arange(len(known))
    if isinstance(wanted, int):
        if not 1 <= wanted <= len(known):
            raise ProfileError(Problem(f"{wanted} customers of {len(known)}", path="customers", file=path))
        return np.arange(wanted)
    position = {customer: index for index, customer in enumerate(known.tolist())}
    missing = [number for number in wanted if number not in position]
    if missing:
        numbers = f"{known.min()} to {known.max()}"
        raise ProfileError(
            [
                Problem(
                    f"no customer {number}", f"{len(known)} customers, {numbers}", path="customers", file=path
                )
                for number in missing[:20]
            ]
        )
    return np.array([position[int(number)] for number in wanted], dtype=np.int64)


def _parse(path: Path) -> dict[str, NDArray[Any]]:
    """Power of every customer and category on half-hours of UTC, NaN where the file has no row."""
    table = _table(path)
    problems = Problems(path, first_line=FIRST_LINE)
    customer = _whole_numbers(table["Customer"], "Customer", problems)
    capacity = _floats(table["Generator Capacity"], "Generator Capacity", problems)
    category = np.array([str(text).strip() for text in table["Consumption Category"].to_pylist()])
    problems.rows(
        ~np.isin(category, CATEGORIES),
        lambda row: f"consumption category '{category[row]}' is not one of {', '.join(CATEGORIES)}",
    )
    day = _dates(table["date"], problems)
    energy = np.column_stack([_floats(table[name], name, problems) for name in HALF_HOURS])
    negative = np.asarray((energy < 0).any(1))
    problems.rows(
        negative, lambda row: f"negative energy {energy[row].min():g} kWh", "all values are positive"
    )
    _report_doubles(customer, category, day, problems)
    problems.raise_if_any()
    return _by_customer(customer, capacity, category, day, energy)


def _by_customer(
    customer: IntArray, capacity: FloatArray, category: NDArray[Any], day: IntArray, energy: FloatArray
) -> dict[str, NDArray[Any]]:
    numbers, column = np.unique(customer, return_inverse=True)
    first, last = int(day.min()), int(day.max())
    result: dict[str, NDArray[Any]] = {"customer": numbers}
    capacity_kw = np.zeros(len(numbers))
    capacity_kw[column[::-1]] = capacity[::-1]
    result["capacity_kw"] = capacity_kw
    start_s, slots, share = _half_hours(first, last)
    for name in CATEGORIES:
        rows = category == name
        local = np.full((last - first + 1, 48, len(numbers)), np.nan)
        local[day[rows] - first, :, column[rows]] = energy[rows]
        flat = local.reshape(-1, len(numbers))
        result[name] = flat[slots] * (share / 0.5)[:, None]
    result["start_s"] = np.array(start_s)
    return result


def _half_hours(first: int, last: int) -> tuple[int, IntArray, FloatArray]:
    """Start of the first half-hour [s UTC]; for every half-hour of UTC the published half-hour that holds it
    and its share: 1, or one half where clocks go back and the published value is the sum of both passes."""
    guess = np.arange(first * 86400 - 86400, (last + 2) * 86400, STEP_S)
    wall = guess + utc_offsets(guess, ZONE)
    inside = (wall >= first * 86400) & (wall < (last + 1) * 86400)
    slots = (wall[inside] - first * 86400) // STEP_S
    passes = np.bincount(slots, minlength=(last - first + 1) * 48)
    return int(guess[inside][0]), slots, 1.0 / passes[slots]


def _table(path: Path) -> pa.Table:
    import pyarrow as pa
    import pyarrow.csv as arrow_csv

    needed = [*FIXED, *HALF_HOURS]
    try:
        with path.open(encoding="utf-8-sig") as stream:
            stream.readline()
            header = [name.strip() for name in stream.readline().rstrip("\r\n").split(",")]
        missing = [name for name in needed if name not in header]
        if missing:
            raise ProfileError(
                Problem(
                    f"not Ausgrid's layout: no column {missing[0]!r} in the second line",
                    "a title, then Customer,Generator Capacity,Postcode,Consumption Category,date,0:30,...",
                    file=path,
                    line=2,
                )
            )
        return arrow_csv.read_csv(
            path,
            read_options=arrow_csv.ReadOptions(column_names=header, skip_rows=2),
            convert_options=arrow_csv.ConvertOptions(
                include_columns=needed, column_types=dict.fromkeys(needed, pa.string())
            ),
        )
    except (pa.ArrowInvalid, UnicodeDecodeError, OSError) as error:
        raise ProfileError(Problem(f"cannot be read as CSV: {error}", file=path)) from error


def _floats(column: pa.ChunkedArray, name: str, problems: Problems) -> FloatArray:
    missing = "leave the whole row out if it was not metered"
    return np.nan_to_num(column_of_numbers(column, name, ".", problems, missing))


def _whole_numbers(column: pa.ChunkedArray, name: str, problems: Problems) -> IntArray:
    values = _floats(column, name, problems)
    problems.rows(values != np.rint(values), lambda row: f"{name}: {values[row]:g} is not a whole number")
    return np.rint(values).astype(np.int64)


def _dates(column: pa.ChunkedArray, problems: Problems) -> IntArray:
    """Days since 1970; `1/07/2012` (day first) and `1-Jul-10` both occur in the published files."""
    import pandas as pd

    texts = pd.Series(column.to_pylist(), dtype=str).str.strip()
    dates = pd.to_datetime(texts, format="%d/%m/%Y", errors="coerce")
    for other in ("%d-%b-%y", "%d-%b-%Y", "%d%b%Y"):
        dates = dates.fillna(pd.to_datetime(texts, format=other, errors="coerce"))
    days = dates.to_numpy(dtype="datetime64[D]", na_value=np.datetime64("NaT"))
    problems.rows(
        np.isnat(days),
        lambda row: f"cannot read the date {texts[row]!r}",
        "1/07/2012 (day first) or 1-Jul-10",
    )
    return np.where(np.isnat(days), UNREADABLE, days.astype(np.int64))


def _report_doubles(customer: IntArray, category: NDArray[Any], day: IntArray, problems: Problems) -> None:
    code = np.unique(category, return_inverse=True)[1]
    known = day != UNREADABLE
    key = (np.where(known, day, 0) * 4096 + code) * (int(customer.max(initial=0)) + 1) + customer
    _, first = np.unique(key, return_index=True)
    double = np.ones(len(key), dtype=bool)
    double[first] = False
    problems.rows(
        double & known,
        lambda row: f"a second row of customer {customer[row]}, {category[row]}, for the same date",
        "remove the double",
    )
