"""The changelog names every rule, option and command, and none that does not exist."""

from __future__ import annotations

import re

import pytest
import typer.main

from flake8_naq.cli import _parser
from flake8_naq.rules import all_rules
from flake8_naq.settings import OPTIONS
from naq.cli.main import app
from recorder.phases import ROOT

CHANGELOG = " ".join((ROOT / "CHANGELOG.md").read_text(encoding="utf-8").split())

MIGRATE = re.findall(r"^    ([a-z-]+)\b", _parser().format_help(), re.MULTILINE)
RULES = [f"{rule.number} {rule.name}" for rule in all_rules()]
COMMANDS = {
    *(f"naq-migrate {command}" for command in MIGRATE),
    *(f"naq {command}" for command in typer.main.get_command(app).commands),  # type: ignore[attr-defined]
}
OPTION_NAMES = {option.name for option in OPTIONS}


@pytest.mark.parametrize("name", [*RULES, *sorted(OPTION_NAMES), *sorted(COMMANDS)])
def test_the_changelog_names_it(name: str) -> None:
    assert f"`{name}`" in CHANGELOG


def test_the_changelog_names_no_command_that_does_not_exist() -> None:
    named = set(re.findall(r"`(naq(?:-migrate)? [a-z][a-z-]*)", CHANGELOG))
    assert named <= COMMANDS


def test_the_changelog_names_no_option_that_does_not_exist() -> None:
    named = set(re.findall(r"`(naq-[a-z-]+)`", CHANGELOG))
    assert named <= OPTION_NAMES | {"naq-migrate"}
