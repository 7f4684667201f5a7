"""A run: the Mesa model whose `step` is one settlement period, and what is recorded of it."""
