"""The list of commands, which is shown without importing them."""

from __future__ import annotations

import subprocess
import sys

import pytest
from typer.main import get_command

from naq.cli.commands import PLACES
from naq.cli.main import app

COMMANDS = get_command(app).commands  # type: ignore[attr-defined] # it is a group


@pytest.mark.parametrize("name", PLACES)
def test_the_summary_of_a_command_is_the_first_sentence_of_its_help(name: str) -> None:
    assert COMMANDS[name].get_short_help_str(1000) == PLACES[name].summary
    assert COMMANDS[name].name == name


def test_the_help_of_all_commands_imports_neither_nats_nor_rich() -> None:
    program = (
        "import sys; from naq.cli.main import app; app(['--help'], standalone_mode=False); "
        "assert not {'nats', 'rich', 'naq.worker'} & sys.modules.keys()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "scheduler" in done.stdout
