"""The pages of the command lines, generated from their own ``--help``."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

from recorder.markdown import fence

WIDTH = 84

# typer cuts the commands' summaries in the list of them; each has its own section anyway.
_LIST = re.compile(r"^\*\*Commands\*\*:\n\n(?:\* .*\n)+", re.MULTILINE)

_COMMAND = re.compile(r"^    (\w[\w-]*)", re.MULTILINE)


def naq_migrate() -> str:
    """Every command of ``naq-migrate``."""
    return _page("naq-migrate")


def naq() -> str:
    """Every command of ``naq``, as typer documents it."""
    command = [sys.executable, "-m", "typer", "naq.cli.main", "utils", "docs", "--name", "naq"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=True)
    return _LIST.sub("", done.stdout.partition("\n")[2])


def _page(program: str) -> str:
    """The program's help, and then each command's."""
    overview = _help(program)
    commands = _COMMAND.findall(overview.partition("\ncommands:\n")[2])
    sections = (
        f"## {command}\n\n{_shown(_help(program, command), program, command)}"
        for command in commands
    )
    return "\n".join([_shown(overview, program), *sections])


def _shown(text: str, *command: str) -> str:
    return fence("text", text, title=" ".join((*command, "--help")))


def _help(program: str, *command: str) -> str:
    executable = Path(sysconfig.get_path("scripts")) / program
    done = subprocess.run(
        [str(executable), *command, "--help"],
        env={**os.environ, "COLUMNS": str(WIDTH), "NO_COLOR": "1"},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    return done.stdout
