"""Writes village.json, a low-voltage grid of our own: a transformer and four feeders of a village. Run it by
`python networks/make_village.py`. The test suite holds the file to this script."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "village.json"

# Four-core PVC cables with aluminium conductors (NAYY, 0.6/1 kV); figures as in pandapower's standard types,
# ratings for laying in the ground.
CABLES = {
    "NAYY 4x150": {"r_ohm_per_km": 0.208, "x_ohm_per_km": 0.080, "c_nf_per_km": 261.0, "max_i_ka": 0.270},
    "NAYY 4x50": {"r_ohm_per_km": 0.642, "x_ohm_per_km": 0.083, "c_nf_per_km": 210.0, "max_i_ka": 0.142},
}
# Oil transformer of 400 kVA, 20/0.4 kV, Dyn5; losses of class C0 Ck of EN 50464-1: 610 W idle and 4,600 W at
# rated load.
TRANSFORMER = {
    "sn_mva": 0.4,
    "vn_hv_kv": 20.0,
    "vn_lv_kv": 0.4,
    "vk_percent": 4.0,
    "vkr_percent": 1.15,
    "pfe_kw": 0.61,
    "i0_percent": 0.19,
    "shift_degree": 150.0,
    "tap_side": "hv",
    "tap_neutral": 0,
    "tap_min": -2,
    "tap_max": 2,
    "tap_step_percent": 2.5,
    "tap_pos": 0,
    "tap_changer_type": "Ratio",
}
FEEDERS = {
    # street: houses, distance between two of them [km], kind of cable, kW of a house
    "Mill Lane": (9, 0.038, "NAYY 4x150", 4.0),
    "Church Street": (8, 0.032, "NAYY 4x150", 4.0),
    "Station Road": (8, 0.045, "NAYY 4x150", 4.0),
    "Farm Track": (6, 0.060, "NAYY 4x150", 5.0),
}
BRANCHES = {
    # side street: where it leaves, houses, distance [km], cable, kW of a house
    "Orchard Close": ("Mill Lane 4", 3, 0.030, "NAYY 4x50", 3.0),
    "School Court": ("Church Street 5", 3, 0.025, "NAYY 4x50", 3.0),
}
COS_PHI_TAN = 0.3287  # tan of the angle of a power factor of 0.95


def build() -> Any:
    """The pandapower net."""
    import pandapower

    net = pandapower.create_empty_network(name="cosim village", f_hz=50.0, add_stdtypes=False)
    supply = _bus(net, "Medium voltage", 20.0, (0.95, 1.05), (0, 0))
    station = _bus(net, "Station", 0.4, (0.9, 1.1), (0, 0))
    pandapower.create_ext_grid(net, supply, vm_pu=1.02, name="Grid above")
    pandapower.create_transformer_from_parameters(
        net, supply, station, name="Village transformer", max_loading_percent=100.0, **TRANSFORMER
    )
    places = {"Station": (station, 0, 0)}
    directions = ((1, 0), (0, 1), (-1, 0), (0, -1))
    for (street, (houses, km, cable, kw)), way in zip(FEEDERS.items(), directions, strict=True):
        _street(net, places, street, "Station", (houses, km, cable, kw), way)
    for (street, (start, houses, km, cable, kw)), way in zip(BRANCHES.items(), ((0, 1), (1, 0)), strict=True):
        _street(net, places, street, start, (houses, km, cable, kw), way)
    pandapower.create_sgen(
        net, places["Farm Track 6"][0], p_mw=0.030, q_mvar=0.0, name="Barn roof", type="PV"
    )
    return net


def _bus(net: Any, name: str, vn_kv: float, band: tuple[float, float], place: tuple[int, int]) -> int:
    import pandapower

    index: int = pandapower.create_bus(
        net, vn_kv=vn_kv, name=name, min_vm_pu=band[0], max_vm_pu=band[1], geodata=place
    )
    return index


def _street(
    net: Any,
    places: dict[str, tuple[int, int, int]],
    street: str,
    start: str,
    plan: tuple[int, float, str, float],
    way: tuple[int, int],
) -> None:
    """Houses one after the other along a cable, each with a load."""
    import pandapower

    houses, km, cable, kw = plan
    before, x, y = places[start]
    for number in range(1, houses + 1):
        name = f"{street} {number}"
        x, y = x + round(1e3 * km) * way[0], y + round(1e3 * km) * way[1]
        bus = _bus(net, name, 0.4, (0.9, 1.1), (x, y))
        pandapower.create_line_from_parameters(
            net,
            before,
            bus,
            length_km=km,
            name=f"{street} cable {number}",
            type="cs",
            max_loading_percent=100.0,
            **CABLES[cable],
        )
        pandapower.create_load(
            net, bus, p_mw=kw * 1e-3, q_mvar=round(kw * 1e-3 * COS_PHI_TAN, 6), name=f"{name} load"
        )
        places[name] = (bus, x, y)
        before = bus


def main() -> None:
    """Write the file."""
    import pandapower

    with warnings.catch_warnings():
        # pandapower fills its tables by pandas calls that will change
        warnings.simplefilter("ignore", FutureWarning)
        pandapower.to_json(build(), str(FILE))


if __name__ == "__main__":
    main()
