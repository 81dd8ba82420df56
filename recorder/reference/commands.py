"""The pages of the command lines, made from what their own ``--help`` says."""

from __future__ import annotations

import os
import re
import subprocess
import sysconfig
from pathlib import Path

from recorder.reference.markdown import fence

WIDTH = 84

_COMMAND = re.compile(r"^    (\w[\w-]*)", re.MULTILINE)


def naq_migrate() -> str:
    """Every command of ``naq-migrate``."""
    return _page("naq-migrate")


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
