from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from cosim.devices.electric_heater import ElectricHeaterConfig


def test_heat_is_electricity_times_efficiency(kit: Any) -> None:
    """6 kW for half an hour are 3 kWh of electricity and 2.97 kWh of heat."""
    site = kit.site(kit.clock(minutes=30))
    device = kit.device(kit.request("electric_heater", {}), "electric_heater", site)
    state, period = device.initial_state(), site.clock.period(0)
    ranges = device.ranges(state, period)
    assert ranges.low_kwh == pytest.approx([-2.97])
    assert ranges.base_kwh == ranges.high_kwh == 0.0
    inputs = device.inputs(state, period)
    assert set(inputs) == {"electricity"}
    assert inputs["electricity"] * ranges.low_kwh == pytest.approx([3.0])


@pytest.mark.parametrize("settings", [{"efficiency": 1.01}, {"efficiency": 0.0}, {"max_kw": -1}])
def test_what_cannot_be_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ElectricHeaterConfig.model_validate(settings)
