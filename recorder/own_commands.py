"""Runs the project's own commands as a user would: flake8 with the plugin, and naq-migrate."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

TIERS = {0: "plugin", 1: "high", 2: "medium", 3: "low"}

_FINDING = re.compile(r"(?P<path>.+?):(?P<line>\d+):(?P<column>\d+): (?P<code>NAQ\d+) (?P<text>.+)")


class FailedCommandError(RuntimeError):
    """A command of the project ended in a way that it should not."""


@dataclass(frozen=True, order=True)
class ReportedFinding:
    """One line of flake8's output.

    Args:
        path: as flake8 named it.
        line: counted from 1.
        column: counted from 1.
        code: for example ``NAQ203``.
        text: the message.
    """

    path: str
    line: int
    column: int
    code: str
    text: str

    @property
    def tier(self) -> str:
        """``high``, ``medium`` or ``low``."""
        return TIERS[int(self.code[3])]


@dataclass(frozen=True)
class Left:
    """A site that the codemod leaves as it is.

    Args:
        line: of the acquiring call.
        code: of the finding.
        place: the function's dotted name.
        reason: why.
    """

    line: int
    code: str
    place: str
    reason: str


def _run(
    command: list[str], cwd: Path, expected: tuple[int, ...]
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, encoding="utf-8", check=False
    )
    if done.returncode not in expected or "Traceback (most recent call last)" in done.stderr:
        raise FailedCommandError(
            f"`{' '.join(command)}` ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        )
    return done


def lint(path: Path, cwd: Path, select: str = "NAQ") -> list[ReportedFinding]:
    """Return flake8's findings on a path, in the order of the lines.

    Args:
        path: a file or folder, relative to ``cwd``.
        cwd: where flake8 runs.
        select: flake8's ``--select``.

    Raises:
        FailedCommandError: flake8 itself failed.
    """
    command = [sys.executable, "-m", "flake8", "--isolated", "--select", select, str(path)]
    output = _run(command, cwd, expected=(0, 1)).stdout
    return sorted(
        ReportedFinding(
            match["path"].removeprefix("./"),
            int(match["line"]),
            int(match["column"]),
            match["code"],
            match["text"],
        )
        for match in _FINDING.finditer(output)
    )


def migrate(path: Path, cwd: Path, *arguments: str) -> str:
    """Run ``naq-migrate fix`` on a path and return its standard output.

    Args:
        path: a file or folder, relative to ``cwd``.
        cwd: where the command runs.
        arguments: further options, for example ``--diff``.

    Raises:
        FailedCommandError: the command failed.
    """
    return _migrate(path, cwd, *arguments).stdout


def left(path: Path, cwd: Path) -> list[Left]:
    """Return the sites that ``naq-migrate fix --unsafe-fixes`` leaves as they are, and why.

    Args:
        path: a file or folder, relative to ``cwd``.
        cwd: where the command runs.

    Raises:
        FailedCommandError: the command failed.
    """
    printed = _migrate(path, cwd, "--check", "--unsafe-fixes", "--format", "json").stdout
    return [
        Left(result["line"], result["code"], result["function"], result["message"])
        for result in json.loads(printed)["results"]
        if result["kind"] == "left"
    ]


def _migrate(path: Path, cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    executable = Path(sysconfig.get_path("scripts")) / "naq-migrate"
    # 1 means "would change", and only these two options return it.
    expected = (0, 1) if {"--diff", "--check"} & set(arguments) else (0,)
    return _run([str(executable), "fix", *arguments, str(path)], cwd, expected)
