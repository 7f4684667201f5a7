"""Devices that none of the built-in ones is like: a tank whose pump draws electricity, a load on electricity
with a minimum below its maximum."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cosim.bidding.bidder import Bidder
from cosim.bidding.electricity import ElectricityBidder
from cosim.core.arrays import sum_by
from cosim.devices.base import Ranges
from cosim.devices.battery import Battery
from cosim.devices.boiler import Boiler
from cosim.devices.heat_store import HeatStore


@pytest.mark.parametrize("mode", ["reservation", "setpoint"])
@pytest.mark.parametrize("renamed", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_electricity_of_a_pump_is_bought(
    towns: Any, monkeypatch: pytest.MonkeyPatch, mode: Any, renamed: bool, seed: int
) -> None:
    """What devices for heat draw that are no sources is contracted like any other, not left to imbalance."""
    monkeypatch.setattr(HeatStore, "takes", ("electricity",))
    monkeypatch.setattr(HeatStore, "inputs", lambda *_: {"electricity": np.full(2, 0.1)})
    if renamed:  # one that gives heat and is no conversion
        monkeypatch.setattr(Boiler, "role", "generation")
    town, rng = towns.town(seed), np.random.default_rng(seed)
    fleet = town.fleet
    known = town.known(fleet.initial_state(), town.clock.period(0))
    bidder = towns.bidder(town, mode, towns.loop(seed))
    moved = 0.0
    for _ in range(5):
        agreed = towns.agreed(bidder, known, towns.action(bidder, rng), rng)
        dispatch = agreed.plan.dispatch
        store = dispatch.device_kwh["heat_store"]
        np.testing.assert_allclose(dispatch.electricity_kwh["heat_store"], 0.1 * store, rtol=0, atol=1e-12)
        drawn = np.zeros(7)
        for name, kwh in dispatch.electricity_kwh.items():
            drawn += sum_by(fleet.kinds[name].prosumer, kwh, 7)
        own = dispatch.electricity
        np.testing.assert_allclose(own.net_kwh, drawn, rtol=0, atol=1e-9)
        paired = own.bought_kwh - own.sold_kwh + own.import_kwh - own.export_kwh
        np.testing.assert_allclose(paired, drawn, rtol=0, atol=1e-9)
        assert not own.imbalance_kwh.any()
        again = bidder.delivered(agreed.plan, known)
        np.testing.assert_allclose(again.electricity.imbalance_kwh, 0.0, rtol=0, atol=1e-9)
        moved += float(np.abs(store).sum())
    assert moved > 0.1


def test_a_heat_pump_on_its_own_has_no_part_in_it(towns: Any) -> None:
    """Built-in sources draw by their curves; nothing is counted a second time."""
    assert not Bidder(towns.town(0).fleet, "reservation")._pumped


@pytest.mark.parametrize(
    ("action", "energy"), [(1.0, 10.0), (0.5, 5.0), (0.15, 2.0), (0.1, 2.0), (0.09, 0.0), (-1.0, 0.0)]
)
def test_a_setpoint_above_the_minimum_is_what_is_done(
    kit: Any, monkeypatch: pytest.MonkeyPatch, action: float, energy: float
) -> None:
    """Of a load of 2 to 10 kWh: a set-point is a share of 10, also once it is settled that it runs."""
    fleet = kit.fleet({"battery": [kit.request("battery", {"capacity_kwh": 4})]}, kit.site(kit.clock()), 1)
    nothing, most = np.zeros(1), np.full(1, 10.0)
    monkeypatch.setattr(Battery, "ranges", lambda *_: Ranges(nothing, nothing, most, np.full(1, 2.0)))
    bidder = Bidder(fleet, "setpoint")
    assert isinstance(bidder.electricity, ElectricityBidder)
    able = fleet.ranges(fleet.initial_state(), kit.clock().period(0))
    told, prices = np.array([[0.0, 0.0, action]]), kit.prices(1)
    ranges = bidder.electricity.switched(able, told, prices)
    bids = bidder.electricity.bids(ranges, told, prices, able=able)
    assert bids.base_kwh["battery"] == pytest.approx([energy])
