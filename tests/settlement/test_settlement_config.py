"""Tariff settings: every form is read, dumped and read again; every mistake is told."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from ruamel.yaml import YAML

from cosim.settlement.config import Carbon, Charge, Imbalance, Retail, TariffsConfig, Vat
from cosim.settlement.price_forms import DAY_MINUTES, WEEK_MINUTES, TimeOfUse, Window

EVENING = {"from": "17:00", "to": "21:00", "price": 0.18}


def mistakes(**tariff: Any) -> list[str]:
    """Messages for a `default` tariff with these keys in place of good ones."""
    with pytest.raises(ValidationError) as caught:
        TariffsConfig.model_validate({"default": {"retail": 0.3, "feed_in": 0.08, **tariff}})
    return [error["msg"] for error in caught.value.errors()]


def test_every_form_survives_a_round_trip() -> None:
    written = {
        "wholesale": {"file": "prices.csv", "zone": "UTC", "unit": "EUR/MWh"},
        "default": {"retail": 0.30, "feed_in": 0.08},
        "tou": {
            "retail": {
                "energy": {"windows": [{**EVENING, "days": "weekdays"}], "default": 0.1},
                "network": {"price": 0.05, "p2p": False},
                "levies": 0.02,
                "vat": {"share": 0.19, "p2p": False},
            },
            "feed_in": -0.01,
            "imbalance": {"short": {"windows": [EVENING], "default": 0.2}},
            "gas": {"file": "gas.csv"},
        },
        "carbon": {"price": 55},
    }
    config = TariffsConfig.model_validate(written)
    for mode in ("python", "json"):
        assert TariffsConfig.model_validate(config.model_dump(mode=mode)) == config
    dumped = config.model_dump(mode="json")["tou"]["retail"]["energy"]["windows"][0]
    assert dumped == {**EVENING, "days": ["mon", "tue", "wed", "thu", "fri"]}
    assert list(config.named()) == ["default", "tou"]


def test_shorthand_is_all_energy_and_charges_are_paid_by_trades_unless_told_otherwise() -> None:
    default = TariffsConfig.model_validate({"default": {"retail": 0.3, "feed_in": 0}}).default
    assert default.components() == Retail(energy=0.3)
    retail = Retail.model_validate({"energy": 0.1, "network": 0.05, "vat": 0.19})
    assert retail.charge("network") == Charge(price=0.05, p2p=True)
    assert retail.charge("levies") == Charge(price=0.0)
    assert retail.tax() == Vat(share=0.19, p2p=True)


def test_window_across_midnight_belongs_to_the_day_on_which_it_begins() -> None:
    window = Window.model_validate({"from": "22:00", "to": "06:00", "days": ["sun"], "price": 1})
    minutes = np.sort(window.minutes_of_week())
    monday = np.arange(6 * 60)
    sunday = np.arange(WEEK_MINUTES - 2 * 60, WEEK_MINUTES)
    np.testing.assert_array_equal(minutes, np.concatenate((monday, sunday)))


@pytest.mark.parametrize(("begin", "end"), [("00:00", "24:00"), ("05:30", "05:30")])
def test_window_that_ends_where_it_begins_is_a_whole_day(begin: str, end: str) -> None:
    window = Window.model_validate({"from": begin, "to": end, "price": 1})
    assert len(set(window.minutes_of_week().tolist())) == WEEK_MINUTES


def test_default_price_fills_what_windows_leave() -> None:
    week = TimeOfUse.model_validate({"windows": [{**EVENING, "days": "weekend"}], "default": 0.1}).week()
    hours = week.reshape(7, 24, 60)
    assert (hours[5:, 17:21] == 0.18).all()
    assert (week == 0.18).sum() == 2 * 4 * 60
    assert (week == 0.1).sum() == 7 * DAY_MINUTES - 2 * 4 * 60


def test_overlap_names_both_windows_and_the_time() -> None:
    windows = [
        {**EVENING, "days": "weekdays"},
        {"from": "20:00", "to": "22:00", "days": ["fri"], "price": 0.2},
    ]
    (message,) = mistakes(retail={"windows": windows, "default": 0.1})
    assert "windows 0 and 1 overlap (fri 20:00 to 21:00)" in message


def test_gap_without_default_names_the_time() -> None:
    windows = [{"from": "00:00", "to": "24:00", "days": "weekdays", "price": 0.2}]
    (message,) = mistakes(retail={"windows": windows})
    assert "no price for sat 00:00 to sun 24:00 (give `default`, or windows for those hours)" in message


@pytest.mark.parametrize(
    ("tariff", "expected"),
    [
        ({"retail": 30}, "prices are in EUR/kWh, not in cents"),
        ({"retail": True}, "true is not a number"),
        ({"feed_in": "cheap"}, "unable to parse string as a number"),
        ({"feed_in": {"prize": 1}}, "a price is a number, {windows: ..., default: ...} or {file: ...}"),
        ({"retail": {"energy": 0.1, "vat": 19}}, "19 percent is 0.19"),
        ({"retail": {"energy": 0.1, "netwrok": 0.1}}, "Extra inputs are not permitted"),
        ({"retail": {"network": 0.1}}, "Field required"),
        ({"retail": {"energy": 0.1, "network": {"p2p": False}}}, "Field required"),
        ({"retail": {"windows": []}}, "there is no window"),
        (
            {"retail": {"windows": [{**EVENING, "from": 1020}], "default": 0}},
            '(write for example "17:00", in quotes)',
        ),
        ({"retail": {"windows": [{**EVENING, "to": "24:15"}], "default": 0}}, "'24:15' is not a time of day"),
        ({"retail": {"windows": [{**EVENING, "days": "weekday"}], "default": 0}}, "did you mean 'weekdays'?"),
        ({"retail": {"windows": [{**EVENING, "days": []}], "default": 0}}, "no day is named"),
        ({"imbalance": {"short": 40}}, "prices are in EUR/kWh, not in cents"),
        ({"imbalance": 0.2}, "valid dictionary"),
        ({"imbalance": {"shrot": 0.2}}, "Extra inputs are not permitted"),
        ({"imbalance": {"long": {"prize": 1}}}, "a price is a number"),
        ({"gas": True}, "true is not a number"),
        ({"gas": {"windows": []}}, "there is no window"),
        ({"feed_in": {"file": "a.csv", "zone": "Europe/Berln"}}, "did you mean 'Europe/Berlin'?"),
    ],
)
def test_mistake_is_told(tariff: dict[str, Any], expected: str) -> None:
    assert any(expected in message for message in mistakes(**tariff)), mistakes(**tariff)


def test_misspelt_key_beside_tariffs_is_told() -> None:
    with pytest.raises(ValidationError, match="beside tariffs, only `wholesale` and `carbon` stand here"):
        TariffsConfig.model_validate({"default": {"retail": 0.3, "feed_in": 0.08}, "wholsale": 0.05})


@pytest.mark.parametrize(
    ("carbon", "expected"),
    [
        ({"price": -1}, "greater than or equal to 0"),
        ({"price": True}, "true is not a number"),
        ({"gas_kg_per_kwh": 201}, "less than or equal to 2"),
        ({"prize": 55}, "Extra inputs are not permitted"),
    ],
)
def test_mistake_in_carbon_is_told(carbon: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValidationError, match=expected):
        TariffsConfig.model_validate({"default": {"retail": 0.3, "feed_in": 0.08}, "carbon": carbon})


def test_default_is_required() -> None:
    with pytest.raises(ValidationError, match="default"):
        TariffsConfig.model_validate({"tou": {"retail": 0.3, "feed_in": 0.08}})


def test_schema_lets_further_names_in_and_carries_units() -> None:
    schema = TariffsConfig.model_json_schema()
    assert schema["additionalProperties"] == {"$ref": "#/$defs/TariffConfig"}
    assert schema["$defs"]["TariffConfig"]["properties"]["feed_in"]["unit"] == "EUR/kWh"
    assert "from" in schema["$defs"]["Window"]["properties"]


def test_forms_in_the_documentation_are_read() -> None:
    page = (Path(__file__).parents[2] / "docs" / "tariffs.md").read_text(encoding="utf-8")
    forms = re.findall(r"^- .*: `({.*})`", page, re.MULTILINE)
    assert len(forms) == 2
    for form in forms:
        price = YAML(typ="safe").load(form)
        config = TariffsConfig.model_validate({"default": {"retail": price, "feed_in": price}})
        assert config.default.feed_in == config.default.components().energy


def test_examples_in_the_documentation_are_read() -> None:
    page = (Path(__file__).parents[2] / "docs" / "tariffs.md").read_text(encoding="utf-8")
    blocks = [YAML(typ="safe").load(block) for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)]
    whole = [TariffsConfig.model_validate(block["tariffs"]) for block in blocks if "tariffs" in block]
    assert [config.default.gas for config in whole] == [0.11, None]
    assert whole[0].carbon.model_dump() == {**Carbon().model_dump(), "price": 55}
    (imbalance,) = (block["imbalance"] for block in blocks if "imbalance" in block)
    assert Imbalance.model_validate(imbalance) == Imbalance(short=0.25, long=0.02)
