"""Files of what policies learnt, written whole or not at all. What is in them is the policies' affair."""

from __future__ import annotations

from pathlib import Path

from cosim.errors import OutputError
from cosim.policies.learning.checkpoint import ENDING, Checkpoint, write
from cosim.results.files import explain, published
from cosim.results.writer import folder_name


def weights_file(label: str) -> str:
    """Name of the file for a label; it cannot lead elsewhere."""
    return f"{folder_name(label)}{ENDING}"


def write_weights(path: Path, checkpoint: Checkpoint) -> None:
    """Write what a policy learnt, as a learner's parameter `weights` takes it; the folder is made if need be.

    Raises:
        OutputError: if it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(explain(error, path)) from error
    with published(path) as temporary, temporary.open("wb") as file:
        write(checkpoint, file)
