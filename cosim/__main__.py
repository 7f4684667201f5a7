"""`python -m cosim`: the same as the command `cosim`."""

from cosim.cli import main

main()
