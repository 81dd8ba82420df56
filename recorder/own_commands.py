"""Runs the project's own commands as a user would: flake8 with the plugin, and naq-migrate."""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TIERS = {0: "plugin", 1: "high", 2: "medium", 3: "low"}

_READ = (0, 1, 2)
"""Exit codes of a command that has read a project: 1 "would change", 2 a file is no Python."""

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
    # 1 means "would change", and only these two options return it.
    expected = (0, 1) if {"--diff", "--check"} & set(arguments) else (0,)
    return _run([str(_executable()), "fix", *arguments, str(path)], cwd, expected)


def _executable() -> Path:
    return Path(sysconfig.get_path("scripts")) / "naq-migrate"


@dataclass(frozen=True)
class Answer:
    """A command's answer on a whole project.

    Args:
        document: its JSON.
        seconds: CPU time, of its processes together.
    """

    document: Any
    seconds: float


def inventory(cwd: Path, *arguments: str) -> Answer:
    """Run ``naq-migrate inventory`` on a folder, without its configuration.

    Args:
        cwd: the folder.
        arguments: further options, for example ``--extend-exclude``.
    """
    return _answer(cwd, "inventory", "--format", "json", *arguments)


def fix_report(cwd: Path, *arguments: str) -> Answer:
    """Run ``naq-migrate fix --check`` on a folder, without its configuration.

    Args:
        cwd: the folder.
        arguments: further options, for example ``--unsafe-fixes``.
    """
    return _answer(cwd, "fix", "--check", "--format", "json", *arguments)


def _answer(cwd: Path, *arguments: str) -> Answer:
    spent = _children_seconds()
    done = _run([str(_executable()), *arguments, "--isolated", "."], cwd, _READ)
    seconds = _children_seconds() - spent
    return Answer(json.loads(done.stdout), round(seconds, 2))


def _children_seconds() -> float:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime
