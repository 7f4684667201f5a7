"""Event files of TensorBoard: what is learnt, as curves in a browser. The package tensorboard is an extra;
this is the only place that knows it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from cosim.errors import InputError, Problem


def require_tensorboard() -> None:
    """Make sure that event files can be written.

    Raises:
        InputError: if the package is not there, with the command that installs it.
    """
    if find_spec("tensorboard") is None:
        raise InputError(
            Problem(
                "event files need the package tensorboard, which is not installed",
                "pip install 'cosim[tensorboard]', or write false",
                path="outputs.tensorboard",
            )
        )


class EventFiles:
    """Curves in a folder; `tensorboard --logdir FOLDER` shows them. Closed, it takes no more.

    Args:
        folder: Made if it is not there.
    """

    def __init__(self, folder: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(folder))

    def add(self, name: str, value: float, period: int) -> None:
        """A point of a curve; what stands before the first `/` of its name puts curves together."""
        self._writer.add_scalar(name, value, period)

    def close(self) -> None:
        """Write what is left."""
        self._writer.close()
