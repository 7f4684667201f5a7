"""`python -m cosim`: the same as the command `cosim`."""

from cosim.cli import main

if __name__ == "__main__":  # not in the processes that `cosim compare` starts
    main()
