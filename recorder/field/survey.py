"""Runs linter and codemod on the pinned commit of each project; keeps positions and figures, no code."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import Any

from recorder.field.projects import Project
from recorder.own_commands import fix_report, inventory

EXCLUDED = ("site-packages", ".venv", "venv", "node_modules")
"""Folders with the code of others."""

OPTIONS = ("--disable-noqa", "--extend-exclude", ",".join(EXCLUDED))

SITE_RULES = ("01", "02", "03", "04", "05")
"""Each hand-managed connection falls under exactly one of these."""


ROOT_MARKS = ("pyproject.toml", "setup.cfg", "tox.ini")


class CloneError(RuntimeError):
    """A project's clone is missing, or lacks the pinned commit."""


def clone_of(project: Project, folders: Sequence[Path]) -> Path:
    """Find a project's clone: ``OWNER/REPOSITORY`` below one of the folders.

    Raises:
        CloneError: none of them has it.
    """
    for folder in folders:
        if (folder / project.name).is_dir():
            return folder / project.name
    raise CloneError(f"{project.name}: no clone in {', '.join(map(str, folders))}")


@contextmanager
def checkout(project: Project, clone: Path) -> Iterator[Path]:
    """The Python files of the pinned commit, in a temporary folder.

    Raises:
        CloneError: the clone does not have the commit, or not all of its Python files.
    """
    with tempfile.TemporaryDirectory(prefix="naq-field-") as name:
        # One name for all: a folder's name is one of the words that decide a tier.
        place = Path(name) / "project"
        # Imports are resolved up to the folder of the repository.
        (place / ".git").mkdir(parents=True)
        for path, content in _python_files(project, clone):
            file = place / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        yield place


def _python_files(project: Project, clone: Path) -> Iterator[tuple[str, bytes]]:
    """Python files, and the files that mark the root of a package."""
    listing = _git(project, clone, "ls-tree", "-rz", project.commit).split(b"\0")
    for entry in filter(None, listing):
        about, _, path = entry.decode("utf-8", "surrogateescape").partition("\t")
        mode, _, blob = about.split()
        if mode.startswith("100") and (path.endswith(".py") or PurePath(path).name in ROOT_MARKS):
            yield path, _git(project, clone, "cat-file", "blob", blob)


def _git(project: Project, clone: Path, *arguments: str) -> bytes:
    done = subprocess.run(["git", "-C", str(clone), *arguments], capture_output=True, check=False)
    if done.returncode:
        raise CloneError(f"{project.name}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def survey(project: Project, clone: Path) -> dict[str, Any]:
    """What linter and codemod make of one project.

    Returns:
        ``files``, ``unreadable`` (files that connect and do not
        parse), ``managed`` and ``elsewhere`` (connections in a context
        manager, and owned outside of the function), ``sites`` (the hand-managed connections),
        ``seconds`` (CPU time of ``lint`` and ``fix``).

    Raises:
        CloneError: the clone does not have the commit.
        CommandError: a command failed.
    """
    with checkout(project, clone) as place:
        found = inventory(place, *OPTIONS)
        fixed = fix_report(place, *OPTIONS, "--unsafe-fixes")
    connections = found.document["connections"]
    return {
        "name": project.name,
        "commit": project.commit,
        "branch": project.branch,
        "files": found.document["files"],
        "unreadable": len(fixed.document["errors"]),
        "managed": found.document["managed"],
        "elsewhere": sum(one["shape"] is None for one in connections),
        "sites": sites(connections, fixed.document["results"]),
        "seconds": {"lint": found.seconds, "fix": fixed.seconds},
    }


Place = tuple[str, int]
"""Path and line. Not the rule: where one of two connections is rewritten, the other is alone."""


def sites(connections: list[dict[str, Any]], results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The hand-managed connections, each with its outcome.

    Args:
        connections: of the inventory.
        results: of the codemod, with ``--unsafe-fixes``.
    """
    rewritten: set[Place] = set()
    reasons: defaultdict[Place, set[str]] = defaultdict(set)
    for result in results:
        if not _of_a_site(result):
            continue
        if result["kind"] == "rewritten":
            rewritten.add(_place(result))
        elif result["kind"] in ("unsafe", "left"):
            reasons[_place(result)].add(without_code(result["message"]))
    return [
        {
            "path": one["path"],
            "line": one["line"],
            "rule": one["shape"]["rule"],
            "closing": one["closing"],
            "leak": _has(one, "11"),
            "wrong_close": _has(one, "12"),
            "outcome": _outcome(_place(one), rewritten, reasons),
            "why": sorted(reasons[_place(one)]) or _silent(_place(one) in rewritten),
        }
        for one in connections
        if one["shape"] is not None
    ]


def _of_a_site(result: dict[str, Any]) -> bool:
    return result["code"][4:] in SITE_RULES


def _place(found: dict[str, Any]) -> Place:
    return found["path"], found["line"]


def _has(connection: dict[str, Any], rule: str) -> bool:
    return any(finding["code"].endswith(rule) for finding in connection["findings"])


def _outcome(place: Place, rewritten: set[Place], reasons: Mapping[Place, set[str]]) -> str:
    if place not in rewritten:
        return "refused"
    return "unsafe" if reasons[place] else "safe"


def _silent(rewritten: bool) -> list[str]:
    return [] if rewritten else ["no report names this line"]


def without_code(message: str) -> str:
    """A reason of the codemod without the code and the numbers that it quotes."""
    quoted = re.sub(r"`[^`]*`", "…", message)
    return re.sub(r"\d+", "N", quoted.partition("`")[0])
