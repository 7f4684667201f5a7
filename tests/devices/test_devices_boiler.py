from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from cosim.devices.boiler import BoilerConfig


def test_gas_is_heat_over_efficiency(kit: Any) -> None:
    """20 kW for a quarter of an hour are 5 kWh, which take 5 / 0.8 = 6.25 kWh of gas."""
    site = kit.site(kit.clock(minutes=15))
    device = kit.device(kit.request("boiler", {"max_heat_kw": 20, "efficiency": 0.8}), "boiler", site)
    state, period = device.initial_state(), site.clock.period(3)
    ranges = device.ranges(state, period)
    assert ranges.low_kwh == pytest.approx([-5.0])
    assert ranges.base_kwh == ranges.high_kwh == 0.0
    assert ranges.minimum_kwh is None
    inputs = device.inputs(state, period)
    assert set(inputs) == {"gas"}
    assert inputs["gas"] * ranges.low_kwh == pytest.approx([6.25])
    assert device.commit(state, period, np.array([-2.5])) == {}


def test_parameters_are_drawn_for_each(kit: Any) -> None:
    settings = {"max_heat_kw": {"choice": [11, 24]}, "efficiency": {"uniform": [0.85, 0.98]}}
    request = kit.request("boiler", settings, prosumer=range(50))
    device = kit.device(request, "boiler", kit.site(kit.clock()))
    assert set(device.columns["max_heat_kw"]) == {11.0, 24.0}
    gas = device.inputs({}, kit.clock().period(0))["gas"]
    assert (gas >= -1.0 / 0.85).all() and (gas <= -1.0 / 0.98).all() and len(set(gas)) == 50


@pytest.mark.parametrize("settings", [{"efficiency": 1.2}, {"efficiency": 0.0}, {"max_heat_kw": -1}])
def test_what_cannot_be_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        BoilerConfig.model_validate(settings)
