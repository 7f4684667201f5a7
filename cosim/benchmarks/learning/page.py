"""The page of results: what was found as Markdown tables, put between markers of a page whose prose stays. It
words what came out, whoever wins."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import cosim
from cosim.benchmarks.learning.cases import Extent
from cosim.benchmarks.learning.quality import best_rule
from cosim.benchmarks.learning.scale import SEED as SCALE_SEED
from cosim.benchmarks.learning.scale import Scaled, exponent
from cosim.errors import OutputError
from cosim.results.files import write_text
from cosim.results.manifest import machine, versions
from cosim.results.show import number
from cosim.studies.contenders import Contender
from cosim.studies.measured import BEST_SHARE, SHARE, STOCHASTIC, Key
from cosim.studies.summary import Row, Summary
from cosim.studies.tables import alone_text, fallen_texts, interval_text

SECTIONS = ("quality", "prudence", "ablation", "size", "scale")
"""Generated parts of the page, in this order."""
COLUMNS: tuple[tuple[str, Key, int], ...] = (
    ("cost EUR/day", Key("cost_eur_per_day", STOCHASTIC), 2),
    ("share captured", SHARE, 3),
    ("best actions", BEST_SHARE, 3),
    ("P2P kWh/day", Key("p2p_kwh_per_day", STOCHASTIC), 1),
    ("regret EUR/day", Key("regret_eur_per_day", STOCHASTIC), 2),
    ("Gini of savings", Key("gini_of_savings", STOCHASTIC), 3),
    ("exploitability EUR/day", Key("exploitability_eur_per_day", STOCHASTIC), 4),
    ("unserved kWh/day", Key("unserved_kwh_per_day", STOCHASTIC), 2),
    ("first 5 days %", Key("first_days_percent"), 2),
    ("worst day %", Key("worst_day_percent"), 2),
)
"""Of the tables of quality; docs/evaluate.md has the formulas."""
SHORT = COLUMNS[:4]
"""Of the tables of ablations and sizes."""
COURSE: tuple[tuple[str, Key, int], ...] = (
    *COLUMNS[1:3],
    ("training EUR/day", Key("training_eur_per_day"), 2),
    *COLUMNS[-2:],
    ("worst day EUR", Key("worst_day_eur"), 1),
    ("dear days", Key("dear_days"), 1),
)
"""Of the table of what learning costs on its way."""


def quality(summaries: Mapping[str, Callable[[str | None], Summary]], extent: Extent) -> str:
    """The reference cases: for each and each bidding mode a table and what it says of rules and learners.

    Args:
        summaries: Case -> its summary, against the policy of that name.
        extent: What was done.
    """
    parts = []
    for name, summary_against in summaries.items():
        for bidding in extent.biddings_on(name):
            rule = best_rule(summary_against(None), extent, bidding)
            summary = summary_against(rule)
            parts.append(f"### {name}, bidding by {bidding}\n\n{_table(summary, bidding, COLUMNS)}")
            parts.append(_verdict(summary, bidding, rule))
        summary = summary_against(None)
        parts += [f"{name}: {text[0].lower()}{text[1:]}" for text in alone_text(summary)]
        parts += [f"Optimum of {name}: {'; '.join(summary.notes)}."] if summary.notes else []
    return "\n\n".join(parts)


def ablation(summaries: Mapping[str, Summary], extent: Extent) -> str:
    """Learners and what is taken from them, each compared with itself as it is.

    Args:
        summaries: Name of a learner as it is -> the summary against it.
        extent: What was done.
    """
    parts = []
    for plain, summary in summaries.items():
        kind = next(one.kind for one in summary.study.contenders if one.name == plain)
        own = [one for one in summary.study.contenders if one.kind == kind]
        parts.append(f"### {kind}\n\n{_table(summary, extent.biddings[0], SHORT, own)}")
    return "\n\n".join(parts)


def prudence(summary: Summary, extent: Extent) -> str:
    """What learning costs on its way, with and without prudence."""
    return _table(summary, extent.biddings[0], COURSE)


def size(summaries: Mapping[int, Summary], extent: Extent) -> str:
    """The best policies with other numbers of prosumers."""
    return "\n\n".join(
        f"### {prosumers} prosumers\n\n{_table(summary, extent.biddings[0], SHORT)}"
        for prosumers, summary in summaries.items()
    )


def scale(found: Sequence[Scaled]) -> str:
    """Seconds and sizes, a row for each learner and number of prosumers."""
    head = ["policy", "prosumers", "acting s/day", "learning s/day", "learning µs/prosumer and period"]
    head += ["parameters", "critic width", "peak MB"]
    lines: list[list[str]] = []
    for one in found:
        for row in one.rows:
            width = "-" if row["critic_width"] is None else f"{row['critic_width']:,}"
            cells = [one.variant.name, f"{row['prosumers']:,}"]
            cells += [number(row[name], 3) for name in ("act_s_per_day", "learn_s_per_day")]
            cells += [number(row["learn_us_per_prosumer_period"], 1), f"{row['parameters']:,}", width]
            lines.append([*cells, number(row["peak_mb"], 0)])
        lines += [
            [one.variant.name, f"{prosumers:,}", f"not run: {reason}", *["-"] * (len(head) - 3)]
            for prosumers, reason in one.missing.items()
        ]
    return "\n\n".join([_markdown(head, lines), *_growth(found)])


def _growth(found: Sequence[Scaled]) -> list[str]:
    """How each learner grew between its two largest sizes; nothing where none has two."""
    head = ("policy", "from", "to", "learning time", "parameters", "critic width")
    lines = []
    for one in found:
        if len(one.rows) > 1:
            powers = [exponent(one.rows, name) for name in ("learn_s_per_day", "parameters", "critic_width")]
            texts = ["-" if power is None else f"n^{power:.2f}" for power in powers]
            sizes = [f"{row['prosumers']:,}" for row in one.rows[-2:]]
            lines.append([one.variant.name, *sizes, *texts])
    return ["Growth between the two largest sizes:", _markdown(head, lines)] if lines else []


def _table(
    summary: Summary,
    bidding: str,
    columns: Sequence[tuple[str, Key, int]],
    contenders: Sequence[Contender] | None = None,
) -> str:
    """A row a policy, and below who fell back to a rule; a column without any figure is left out."""
    shown = [one for one in contenders or summary.study.contenders if one.bidding == bidding]
    shown = [one for one in shown if summary.row(one, SHARE) is not None]
    used = [column for column in columns if any(summary.row(one, column[1]) for one in shown)]
    head = ["policy", *(title for title, _, _ in used)]
    lines = []
    for one in shown:
        rows = [(summary.row(one, key), decimals) for _, key, decimals in used]
        cells = ["-" if row is None else interval_text(row.over_seeds, digits) for row, digits in rows]
        lines.append([one.name, *cells, _difference(summary.row(one, SHARE))])
    table = _markdown([*head, f"share less {summary.against}"], lines)
    fallen = [f"`{one.name}` {text}." for one in shown for text in fallen_texts(summary, one)]
    return "\n\n".join([table, *fallen])


def _difference(row: Row | None) -> str:
    """The paired difference of a measure; bold where it is not by chance."""
    if row is None or row.difference is None:
        return "-"
    text = interval_text(row.difference, 3, sign=True)
    return f"**{text}**" if row.difference.excludes_zero else text


def _verdict(summary: Summary, bidding: str, rule: str | None) -> str:
    """Who is better and who is worse than the best rule, as far as seeds can tell."""
    if rule is None:
        return "No rule was judged."
    found: dict[str, list[str]] = {"Above": [], "Below": [], "Not told apart": []}
    for one in summary.study.contenders:
        row = summary.row(one, SHARE) if one.bidding == bidding else None
        if row is not None and row.difference is not None:
            sure, more = row.difference.excludes_zero, row.difference.mean > 0.0
            found["Not told apart" if not sure else "Above" if more else "Below"].append(f"`{one.name}`")
    first = f"Best rule without central knowledge: `{rule}`."
    if len(summary.study.seeds) == 1:
        return f"{first} One seed: what differs may be chance."
    texts = [f"{words}: {'; '.join(names) or 'none'}." for words, names in found.items()]
    return f"{first} Share captured, paired over seeds, 95 %: {' '.join(texts)}"


def _markdown(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows)


def origin(command: Sequence[str], extent: Extent, section: str) -> str:
    """What was called, how much was done for a section, on what machine."""
    on, used = machine(), versions()
    done = (
        f"seed {SCALE_SEED}; mean of {extent.scale_days} days after {extent.warm_up_days} to warm up"
        if section == "scale"
        else f"seeds 1 to {extent.seeds}; {extent.passes} x {extent.train_days:g} days of training, "
        f"four windows of {extent.test_days:g} days"
    )
    software = f"cosim {cosim.__version__}, torch {used['torch']}, numpy {used['numpy']}"
    hardware = f"{on['processor']}, {on['cores']} cores, {on['memory_gb']} GB"
    return f"`{shlex.join(command)}`: {done}. {software}; {hardware}."


def blank() -> str:
    """A page with a place for each section."""
    places = "\n\n".join(f"{_begin(name)}\n{_end(name)}" for name in SECTIONS)
    return f"# Results of `cosim bench learning`\n\n{places}\n"


def write(path: Path, sections: Mapping[str, str]) -> None:
    """Put sections into their places of a page; what is around them, and other sections, stay.

    Raises:
        OutputError: if the page has no place for one, or cannot be read or written.
    """
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else blank()
    except OSError as error:
        raise OutputError(f"{path} cannot be read: {error}") from error
    for name, content in sections.items():
        before, found, rest = text.partition(_begin(name))
        _, closed, after = rest.partition(_end(name))
        if not (found and closed):
            raise OutputError(f"{path} has no place for {name!r}: it lacks {_begin(name)} or {_end(name)}")
        text = f"{before}{found}\n\n{content}\n\n{closed}{after}"
    write_text(path, text)


def _begin(name: str) -> str:
    return f"<!-- {name}: generated -->"


def _end(name: str) -> str:
    return f"<!-- {name}: end -->"
