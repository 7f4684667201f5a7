"""A run: the Mesa model whose `step` is one settlement period, and what is recorded of it."""

from cosim.simulation.model import Simulation
from cosim.simulation.runner import Outcome, Progress, run

__all__ = ["Outcome", "Progress", "Simulation", "run"]
