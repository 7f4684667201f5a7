"""What the page of results says, and that only its generated parts change."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cosim.benchmarks.learning import page
from cosim.benchmarks.learning.cases import Extent, Variant
from cosim.benchmarks.learning.quality import best_of, best_rule
from cosim.benchmarks.learning.scale import Scaled
from cosim.errors import OutputError
from cosim.studies.contenders import Contender
from cosim.studies.measured import Fallen, Key
from cosim.studies.measures import Interval, interval
from cosim.studies.study import Study
from cosim.studies.summary import Row, Summary
from cosim.studies.windows import windows_of

SHARES = {
    "utility-only": [0.0, 0.0],
    "price-taker": [0.60, 0.70],
    "community-planner": [0.9, 0.8],
    "mf-ppo, federated": [0.70, 0.80],
    "mf-ppo, none": [0.50, 0.90],
}
EXTENT = Extent(seeds=2, cases=("reference-100",), biddings=("reservation",), best=2, passes=1)


@pytest.fixture
def summary() -> Summary:
    """Two seeds, shares by hand, against the price taker."""
    contenders = [Contender(name, name.partition(",")[0]) for name in SHARES]
    study = Study({"name": "x"}, windows_of(2016), tuple(contenders), (1, 2))
    rows = []
    for one in contenders:
        difference: Interval | None = None
        if one.name != "price-taker":
            pairs = zip(SHARES[one.name], SHARES["price-taker"], strict=True)
            difference = interval([mine - other for mine, other in pairs])
        key = Key("share_captured", "stochastic")
        rows.append(Row(one.name, one.bidding, key, interval(SHARES[one.name]), difference))
    return Summary(study, "price-taker", tuple(rows), {}, {}, {}, ("relaxed: x",))


def test_the_best_are_found_without_the_central_planner(summary: Summary) -> None:
    assert best_rule(summary, EXTENT, "reservation") == "price-taker"
    assert [one.name for one in best_of(summary, EXTENT)] == ["mf-ppo, federated", "price-taker"]
    assert best_rule(summary, EXTENT, "setpoint") is None


def test_the_best_go_to_other_sizes_as_they_are_by_default(summary: Summary) -> None:
    """A learner with prudence that captures more than the others is not among them."""
    *others, second, _ = summary.study.contenders
    asked = replace(second, parameters={"prudence": 5.0})
    contenders = (*others, asked, *summary.study.contenders[-1:])
    found = replace(summary, study=replace(summary.study, contenders=contenders))
    assert [one.name for one in best_of(found, EXTENT)] == ["mf-ppo, none", "price-taker"]


def test_who_is_better_is_told_from_who_may_be(summary: Summary) -> None:
    text = page.quality({"reference-100": lambda against: summary}, EXTENT)
    assert "### reference-100, bidding by reservation" in text
    assert "| mf-ppo, federated | 0.750 [0.115, 1.385] | **+0.100 [+0.100, +0.100]** |" in text
    assert "Best rule without central knowledge: `price-taker`." in text
    assert "Above: `mf-ppo, federated`. Below: `utility-only`." in text
    assert "Not told apart: `community-planner`; `mf-ppo, none`." in text
    assert "Optimum of reference-100: relaxed: x." in text
    known = replace(summary, alone=interval([0.1, 0.2]))
    text = page.quality({"reference-100": lambda against: known}, EXTENT)
    assert (
        "reference-100: each prosumer optimised by itself in hindsight, without trade, captures 0.150 ["
        in text
    )


def test_who_fell_back_to_a_rule_is_told_below_the_table(summary: Summary) -> None:
    fallen = {"mf-ppo-federated_reservation": {2: Fallen(("community/default",), 0)}}
    fallen["price-taker_reservation"] = {1: Fallen((), 2), 2: Fallen((), 1)}
    text = page.quality({"reference-100": lambda against: replace(summary, fallen=fallen)}, EXTENT)
    said = "`mf-ppo, federated` fell back to its rule in training, seed 2: it is judged with that rule."
    assert f"\n\n{said}\n\nBest rule" in text
    said = "`price-taker` had prosumers fall back to a rule when they learned on alone, seeds 1 (2 of them)"
    assert f"|\n\n{said}" in text
    assert "fall back" not in page.quality({"reference-100": lambda against: summary}, EXTENT)


def test_sizes_that_were_not_run_say_why() -> None:
    rows = [
        {
            "prosumers": n,
            "act_s_per_day": 0.01,
            "learn_s_per_day": 0.001 * n**2,
            "learn_us_per_prosumer_period": 1.0,
            "parameters": 1000 * n,
            "critic_width": 4 * n,
            "peak_mb": 600.0,
        }
        for n in (10, 100)
    ]
    text = page.scale([Scaled(Variant("maddpg", "none"), tuple(rows), {1000: "memory grew as n^2.00"})])
    assert "| maddpg, none | 100 | 0.010 | 10.000 | 1.0 | 100,000 | 400 | 600 |" in text
    assert "| maddpg, none | 1,000 | not run: memory grew as n^2.00 | - | - | - | - | - |" in text
    assert "| maddpg, none | 10 | 100 | n^2.00 | n^1.00 | n^1.00 |" in text


def test_only_what_is_between_its_markers_changes(tmp_path: Path) -> None:
    file = tmp_path / "results.md"
    page.write(file, {"scale": "one"})
    first = file.read_text().replace("# Results", "Prose before.\n\n# Results")
    file.write_text(first + "Prose after.\n")
    page.write(file, {"scale": "two", "quality": "three"})
    text = file.read_text()
    assert text.startswith("Prose before.") and text.endswith("Prose after.\n")
    assert "one" not in text.replace("none", "") and text.index("three") < text.index("two")
    again = text
    page.write(file, {"scale": "two", "quality": "three"})
    assert file.read_text() == again


def test_a_page_without_a_place_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "results.md"
    file.write_text("<!-- scale: generated -->\n")
    with pytest.raises(OutputError, match="has no place for 'scale'"):
        page.write(file, {"scale": "x"})
    assert file.read_text() == "<!-- scale: generated -->\n"


def test_the_page_of_the_documentation_has_a_place_for_everything() -> None:
    text = (Path(__file__).parents[2] / "docs" / "results.md").read_text(encoding="utf-8")
    for name in page.SECTIONS:
        assert text.count(f"<!-- {name}: generated -->") == text.count(f"<!-- {name}: end -->") == 1


def test_the_origin_names_command_seeds_and_machine() -> None:
    command = ["cosim", "bench", "learning", "--output", "a b"]
    text = page.origin(command, EXTENT, "quality")
    assert text.startswith("`cosim bench learning --output 'a b'`: seeds 1 to 2; 1 x 119 days of training")
    assert "torch" in text and "cores" in text


def test_the_origin_of_scale_says_over_what_seconds_were_measured() -> None:
    text = page.origin(["cosim", "bench", "learning"], EXTENT, "scale")
    assert text.startswith(
        f"`cosim bench learning`: seed 1; mean of {EXTENT.scale_days} days after "
        f"{EXTENT.warm_up_days} to warm up. cosim "
    )
