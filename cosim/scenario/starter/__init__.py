"""The scenario that `cosim init` starts from, as package data, and how it gets into a folder."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from cosim.errors import InputError, OutputError, Problem


def write_starter(folder: Path) -> list[Path]:
    """Write the starter scenario and the schema that editors complete from; the files.

    Raises:
        InputError: if one of the files exists; nothing is written then.
        OutputError: if they cannot be written.
    """
    from cosim.scenario.reference import schema_text

    text = resources.files(__package__).joinpath("scenario.yaml").read_text(encoding="utf-8")
    contents = {folder / "scenario.yaml": text, folder / "scenario.schema.json": schema_text()}
    there = [file for file in contents if file.exists()]
    if there:
        remedy = "nothing is overwritten: choose another folder"
        raise InputError([Problem("exists already", remedy, file=file) for file in there])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, content in contents.items():
            with file.open("x", encoding="utf-8") as stream:
                stream.write(content)
    except OSError as error:
        raise OutputError(f"{folder} cannot be written: {error.strerror}") from error
    return list(contents)
