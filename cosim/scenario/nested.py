"""Parts of a scenario whose shape hangs on a name: a device's settings on its kind, a policy's parameters on
its class. It checks them with that class's own Config and keeps every problem with its place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from cosim.core.config import Config
from cosim.errors import UnknownNameError

INSIDE = "inside"
"""Error type that carries other errors: `ctx["errors"]` are pydantic's, locations relative to this one."""


def error(location: tuple[str | int, ...], kind: str, message: str, value: Any = None) -> dict[str, Any]:
    """An error in pydantic's form."""
    return {"type": kind, "loc": location, "msg": message, "input": value}


def raise_inside(errors: list[dict[str, Any]]) -> None:
    """Raise one error that carries all of `errors`; nothing if there is none.

    A validator of pydantic can raise one error at one place; the loader unfolds this one again.
    """
    if errors:
        summary = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in errors)
        raise PydanticCustomError(INSIDE, "{summary}", {"summary": summary, "errors": errors})


def unfold(errors: list[Any], at: tuple[str | int, ...] = ()) -> list[dict[str, Any]]:
    """Errors of pydantic with those inside others put next to them, at their full location."""
    flat: list[dict[str, Any]] = []
    for item in errors:
        location = (*at, *item["loc"])
        if item["type"] == INSIDE:
            flat += unfold(item["ctx"]["errors"], location)
        else:
            flat.append({**item, "loc": location})
    return flat


def validated(
    config: type[Config], value: Any, errors: list[dict[str, Any]], *at: str | int
) -> Config | None:
    """`value` as a `config`, or None with its errors added to `errors` at `at`."""
    if isinstance(value, Config) and not isinstance(value, config):
        value = value.model_dump()  # from Python: a device's own Config, without what the scenario adds
    try:
        return config.model_validate(value)
    except ValidationError as wrong:
        # Plug-ins are not in the schema, from which the valid keys are otherwise known.
        known = list(config.model_fields)
        errors += [
            {**item, "known": known} if len(item["loc"]) == len(at) + 1 else item
            for item in unfold(wrong.errors(include_url=False), at)
        ]
        return None


def by_name(
    value: Any, find: Callable[[str], type[Config]], errors: list[dict[str, Any]], *, optional: bool = False
) -> dict[str, Config | None]:
    """A mapping of names to settings, each checked by the Config that `find` gives for its name.

    Args:
        value: What the document says.
        find: Name -> Config; raises UnknownNameError.
        errors: Where errors go.
        optional: Whether a name may stand with nothing behind it.
    """
    if not isinstance(value, Mapping):
        errors.append(error((), "dict_type", "Input should be a valid dictionary", value))
        return {}
    checked: dict[str, Config | None] = {}
    for name, settings in value.items():
        try:
            config = find(str(name))
        except UnknownNameError as unknown:
            problem = unknown.problems[0]
            errors.append(error((name,), "unknown_name", f"{problem.message} ({problem.remedy})", name))
            continue
        if settings is None and optional:
            checked[name] = None
        else:
            item = validated(config, {} if settings is None else settings, errors, name)
            if item is not None:
                checked[name] = item
    return checked
