"""The tables of settings: naq's ``Config`` and the linter's options."""

from __future__ import annotations

import dataclasses
import inspect

import griffe

from flake8_naq.settings import OPTIONS
from naq.config import Config
from recorder.markdown import table

_KINDS = {
    "names": "names of functions, dotted or bare",
    "globs": "path globs",
    "path": "a file, from the configuration's folder",
}


def options() -> str:
    """The options that the linter adds to flake8's."""
    rows = [
        [f"`{option.name}`", _KINDS[option.kind], option.help]
        for option in sorted(OPTIONS, key=lambda option: option.name)
    ]
    return table(["Option", "Takes", "Meaning"], rows)


def settings() -> str:
    """Every setting of ``Config``, with its variable, its default and its meaning."""
    meanings = _meanings()
    rows = [
        [
            f"`{field.name}`<br>`NAQ_{field.name.upper()}`",
            _default(field.default),
            meanings[field.name],
        ]
        for field in dataclasses.fields(Config)
    ]
    return table(["Setting and variable", "Default", "Meaning"], rows)


def _meanings() -> dict[str, str]:
    """The description of each argument of ``Config``, from its docstring."""
    text = griffe.Docstring(inspect.cleandoc(Config.__doc__ or ""))
    return {
        argument.name: " ".join(argument.description.split()).replace("``", "`")
        for section in text.parse("google", warnings=False)
        if section.kind is griffe.DocstringSectionKind.parameters
        for argument in section.value
    }


def _default(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, tuple):
        return ", ".join(f"`{part}`" for part in value)
    if isinstance(value, float):
        return f"`{value:g}`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"
