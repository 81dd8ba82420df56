"""The pages of the command lines, made from what their own ``--help`` says."""

from __future__ import annotations

import os
import subprocess
import sysconfig
from pathlib import Path

from flake8_naq.cli import COMMANDS
from recorder.reference.markdown import fence

WIDTH = 84


def naq_migrate() -> str:
    """Every command of ``naq-migrate``."""
    return "\n".join(f"## {name}\n\n{_help('naq-migrate', name)}" for name in COMMANDS)


def _help(program: str, *command: str) -> str:
    executable = Path(sysconfig.get_path("scripts")) / program
    done = subprocess.run(
        [str(executable), *command, "--help"],
        env={**os.environ, "COLUMNS": str(WIDTH), "NO_COLOR": "1"},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    return fence("text", done.stdout, title=" ".join((program, *command, "--help")))
