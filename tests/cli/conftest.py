"""What tests of the command line share: the command itself, and a small scenario whose prosumers learn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cosim import cli

SMALL = """\
name: small
horizon: {start: 2016-06-15 18:00, duration: 5 hours, step_minutes: 60}
tariffs: {default: {retail: 0.30, feed_in: 0.08}}
groups:
  - name: homes
    count: 4
    devices:
      pv: {peak_kw: 8}
      battery: {capacity_kwh: 6}
policies:
  default:
    kind: mf-ppo
    parameters:
      hidden: 8
      epochs: 2
      decide_hours: 1
      update_hours: 2
outputs: {report: false}
"""


@pytest.fixture
def cosim() -> Callable[..., Result]:
    runner = CliRunner()
    return lambda *arguments: runner.invoke(cli.app, [str(argument) for argument in arguments])


@pytest.fixture(scope="session")
def small_text() -> str:
    """A scenario of four prosumers and five hours, of which mf-ppo learns in the last three."""
    return SMALL


@pytest.fixture
def small(small_text: str, tmp_path: Path) -> Path:
    """That scenario's file, in a folder of its own."""
    path = tmp_path / "small.yaml"
    path.write_text(small_text)
    return path
