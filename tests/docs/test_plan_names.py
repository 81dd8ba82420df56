"""The page of the plan's names: names marked as working do, and every replacement exists."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from typing import Any

import pytest

from recorder.phases import ROOT

PAGE = (ROOT / "docs" / "naq" / "plan-names.md").read_text(encoding="utf-8")
AS_WRITTEN, IN_ANOTHER_WAY = PAGE.split("## In another way")

WRITTEN = re.findall(r"^\| `(naq[^`]*)` \|$", AS_WRITTEN, re.MULTILINE)
ROWS = [
    tuple(cell.strip() for cell in line.strip("|\n").split("|"))
    for line in IN_ANOTHER_WAY.splitlines()
    if line.startswith("| ") and not line.startswith(("|---", "| in the plan"))
]
HERE = [(row[0], name) for row in ROWS for name in re.findall(r"`([^`]+)`", row[1])]
GONE = [row[0].strip("`") for row in ROWS if re.fullmatch(r"`(naq|nats)(\.\w+)+`", row[0])]


def find(dotted: str) -> Any:
    """Return what a dotted name names."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:length]))
        except ImportError:
            continue
        for part in parts[length:]:
            found = getattr(found, part)
        return found
    raise ImportError(dotted)


@pytest.mark.parametrize("written", WRITTEN)
def test_a_name_of_the_plan_works_as_written(written: str) -> None:
    call = ast.parse(written, mode="eval").body
    assert isinstance(call, ast.Call)
    parameters = inspect.signature(find(ast.unparse(call.func))).parameters
    names = [name for name in parameters if name != "self"]
    required = [ast.unparse(argument) for argument in call.args]
    assert names[: len(required)] == required
    for keyword in call.keywords:
        assert keyword.arg
        assert parameters[keyword.arg].default == ast.literal_eval(keyword.value)


@pytest.mark.parametrize(("plan", "here"), HERE)
def test_what_takes_the_place_of_a_name_exists(plan: str, here: str) -> None:
    if here.endswith(".py"):
        assert (ROOT / here).is_file()
    elif here.startswith(("naq", "nats")):
        find(here.partition("(")[0])


@pytest.mark.parametrize("name", GONE)
def test_a_name_that_is_said_to_be_elsewhere_is_not_here(name: str) -> None:
    with pytest.raises((ImportError, AttributeError)):
        find(name)


def test_every_departure_has_a_reason() -> None:
    assert len(ROWS) >= 20
    assert all(len(row) == 3 and row[2] for row in ROWS)
