"""Carriers of energy: electricity and heat are traded among prosumers, gas is bought from the utility."""

from __future__ import annotations

from typing import Literal

Carrier = Literal["electricity", "heat", "gas"]
TRADED: tuple[Carrier, ...] = ("electricity", "heat")
"""Carriers that have a market."""
