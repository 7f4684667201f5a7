"""Names of grids that a scenario can ask for, without importing pandapower or simbench (3 s). Tests hold the
tables here to what is installed."""

from __future__ import annotations

import difflib
from itertools import product

from cosim.errors import NetworkError, Problem

_SIMBENCH = (
    "LV-rural1-",
    "LV-rural2-",
    "LV-rural3-",
    "LV-semiurb4-",
    "LV-semiurb5-",
    "LV-urban6-",
    "MV-rural-",
    "MV-semiurb-",
    "MV-urban-",
    "MV-comm-",
    "MVLV-rural-all",
    "MVLV-rural-1.108",
    "MVLV-rural-2.107",
    "MVLV-rural-4.101",
    "MVLV-semiurb-all",
    "MVLV-semiurb-3.202",
    "MVLV-semiurb-4.201",
    "MVLV-semiurb-5.220",
    "MVLV-urban-all",
    "MVLV-urban-5.303",
    "MVLV-urban-6.305",
    "MVLV-urban-6.309",
    "MVLV-comm-all",
    "MVLV-comm-3.403",
    "MVLV-comm-4.416",
    "MVLV-comm-5.401",
)
"""Low- and medium-voltage grids of SimBench (Meinecke et al., Energies 13(12):3290, 2020)."""

PANDAPOWER_NETWORKS = (
    "create_cigre_network_lv",
    "create_cigre_network_mv",
    "create_dickert_lv_network",
    "create_kerber_dorfnetz",
    "create_kerber_landnetz_freileitung_1",
    "create_kerber_landnetz_freileitung_2",
    "create_kerber_landnetz_kabel_1",
    "create_kerber_landnetz_kabel_2",
    "create_kerber_vorstadtnetz_kabel_1",
    "create_kerber_vorstadtnetz_kabel_2",
    "create_synthetic_voltage_control_lv_network",
    "ieee_european_lv_asymmetric",
    "kb_extrem_dorfnetz",
    "kb_extrem_dorfnetz_trafo",
    "kb_extrem_landnetz_freileitung",
    "kb_extrem_landnetz_freileitung_trafo",
    "kb_extrem_landnetz_kabel",
    "kb_extrem_landnetz_kabel_trafo",
    "kb_extrem_vorstadtnetz_1",
    "kb_extrem_vorstadtnetz_2",
    "kb_extrem_vorstadtnetz_trafo_1",
    "kb_extrem_vorstadtnetz_trafo_2",
    "lv_schutterwald",
    "mv_oberrhein",
    "case33bw",
    "simple_four_bus_system",
    "simple_mv_open_ring_net",
)
"""Functions of pandapower.networks whose grids cosim can represent: distribution, no voltage-controlled
generators, no transformers of three windings."""


def simbench_codes() -> list[str]:
    """Codes of the low- and medium-voltage grids: today's (0) and two future scenarios (1, 2), with the
    switches as elements (`sw`) or not (`no_sw`)."""
    return [
        f"1-{grid}-{scenario}-{switches}"
        for switches, grid, scenario in product(("sw", "no_sw"), _SIMBENCH, (0, 1, 2))
    ]


def names(source: str | None = None) -> list[str]:
    """What `NetworkConfig.name` can be for a source ("simbench" or "pandapower"), or for both."""
    known = {"simbench": simbench_codes(), "pandapower": list(PANDAPOWER_NETWORKS)}
    return known[source] if source is not None else known["simbench"] + known["pandapower"]


def check_name(source: str, name: str) -> None:
    """Pass if the source has a grid of that name.

    Raises:
        NetworkError: if not; the message names the nearest, from the other source if it is there.
    """
    if name in names(source):
        return
    other = "pandapower" if source == "simbench" else "simbench"
    if name in names(other):
        remedy = f"write source: {other}"
    else:
        close = difflib.get_close_matches(name, names(source), n=1, cutoff=0.5)
        remedy = f"did you mean {close[0]!r}?" if close else "`cosim list networks` shows all"
    what = "SimBench code of a low- or medium-voltage grid" if source == "simbench" else "pandapower network"
    raise NetworkError(Problem(f"{name!r} is no {what} that cosim can read", remedy, path="name"))
