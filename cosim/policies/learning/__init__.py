"""Policies that learn while the simulation runs: mean-field reinforcement learning and its baselines. One
file a family, to be read from top to bottom; what the families share (inputs, networks, sharing) has files
of its own. Nothing here knows a market, a device or a grid. torch is imported when a learner is made, not
before."""
