"""A scenario as text again, every default written out: what a run leaves behind, and what repeats it."""

from __future__ import annotations

import io

from ruamel.yaml import YAML

from cosim.scenario.schema import Scenario

_HEADER = "# The scenario of this run with every default written out; `cosim run` on this file repeats it.\n"


def resolved_text(scenario: Scenario) -> str:
    """YAML that loads as an equal scenario, from whatever folder.

    Paths stay as they were written; `folder` says where they start.
    """
    yaml = YAML(typ="rt")
    yaml.default_flow_style = False
    yaml.width = 110
    yaml.allow_unicode = True
    stream = io.StringIO()
    yaml.dump(scenario.model_dump(mode="json"), stream)
    return _HEADER + stream.getvalue()
