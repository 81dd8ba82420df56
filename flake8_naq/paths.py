"""The files that a command reads: those of flake8, without those that git ignores."""

from __future__ import annotations

import argparse
import logging
import os
import subprocess
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import groupby
from pathlib import Path

from flake8.discover_files import expand_paths
from flake8.utils import fnmatch, matches_filename

_LOG = logging.getLogger(__name__)
STDIN = "-"
# In a commit hook git's variables name a repository; for a nested one they must go.
_ENVIRONMENT = {
    name: value
    for name, value in os.environ.items()
    if name not in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE")
}


def python_files(paths: Sequence[str], options: argparse.Namespace) -> list[str]:
    """Expand paths to the files to read, each once, in the order of the paths.

    Args:
        paths: Files, folders, ``-`` for standard input; the working directory when empty. A file
            named here is taken even when git ignores it, and even when it is missing: reading it
            reports that.
        options: What flake8 parsed: `exclude`, `extend_exclude` and `filename` decide as there.

    Returns:
        Paths as flake8 would print them, but without a leading ``./``.
    """
    found: dict[str, None] = {}
    explicit = explicit_files(paths)
    for path in paths or ["."]:
        files = expand_paths(
            paths=[path],
            stdin_display_name=options.stdin_display_name,
            filename_patterns=options.filename,
            exclude=(*options.exclude, *options.extend_exclude),
        )
        # File systems list folders in any order; a report must not depend on it.
        ordered = sorted(files, key=lambda file: Path(file).parts)
        found |= dict.fromkeys(file.removeprefix("./") for file in ordered)
    ignored = _git_ignored(file for file in found if file not in explicit)
    return [file for file in found if file not in ignored]


def is_read(path: str, options: argparse.Namespace) -> bool:
    """Whether flake8 reads a file that it comes upon in a folder, by the file's path alone.

    Args:
        path: Relative to the working directory; nothing needs to stand there.
        options: What flake8 parsed.
    """
    return bool(fnmatch(path, options.filename)) and not _excluded(
        path, (*options.exclude, *options.extend_exclude)
    )


@cache
def _excluded(path: str, patterns: tuple[str, ...]) -> bool:
    folder = path.rpartition("/")[0]
    if folder and _excluded(folder, patterns):
        return True
    return matches_filename(path, patterns, '"%(path)s" has %(whether)sbeen excluded', _LOG)


def explicit_files(paths: Sequence[str]) -> set[str]:
    """Those of the paths that name a file, spelled as `python_files` gives them."""
    return {path.removeprefix("./") for path in paths if not Path(path).is_dir()}


def _git_ignored(files: Iterable[str]) -> set[str]:
    """Those of the files that git ignores; none where there is no git or no repository."""
    places = [(_repository(Path(file).absolute().parent), file) for file in files]
    ignored: set[str] = set()
    for repository, group in groupby(sorted(places, key=str), key=lambda place: place[0]):
        if repository is not None:
            ignored |= _ignored_in(repository, [file for _, file in group])
    return ignored


def _ignored_in(repository: Path, files: list[str]) -> set[str]:
    names = {_real(file).relative_to(repository).as_posix(): file for file in files}
    try:
        done = subprocess.run(
            ["git", "check-ignore", "-z", "--stdin"],
            cwd=repository,
            env=_ENVIRONMENT,
            input="\0".join(names).encode("utf-8", "surrogateescape"),
            capture_output=True,
            check=False,
        )
    except FileNotFoundError:
        return set()
    output = done.stdout.decode("utf-8", "surrogateescape")
    return {names[name] for name in output.split("\0") if name in names}


def _real(file: str) -> Path:
    """The file's path without symbolic links, which git does not follow; a last one stays."""
    return _real_folder(Path(file).absolute().parent) / Path(file).name


@cache
def _real_folder(folder: Path) -> Path:
    return folder.resolve()


@cache
def _repository(folder: Path) -> Path | None:
    """The innermost repository around a folder."""
    real = _real_folder(folder)
    return next((place for place in (real, *real.parents) if (place / ".git").exists()), None)
