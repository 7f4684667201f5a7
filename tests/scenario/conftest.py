"""A small good scenario, as text, and a way to put a text into a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

GOOD = """\
name: small
seed: 1
horizon:
  start: 2016-06-15 00:00
  duration: 1 day
  step_minutes: 60
network:
  name: 1-LV-rural2--0-sw
tariffs:
  default:
    retail: 0.30
    feed_in: 0.08
groups:
  - name: households
    count: 20
    devices:
      pv: {share: 0.5, peak_kw: {uniform: [4, 10]}}
      battery: {share: 0.5, of: pv, capacity_kwh: 8}
policies:
  default: zero-intelligence
"""


@pytest.fixture
def good() -> str:
    return GOOD


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def to_file(text: str, name: str = "scenario.yaml") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return to_file
