"""Finds the files worth parsing: a search of their bytes, then one run of ast-grep over the rest."""

from __future__ import annotations

import json
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeAlias

from flake8_naq.errors import CommandError, missing_extra
from flake8_naq.migrate.match.declared_helpers import DeclaredHelpers
from flake8_naq.migrate.match.rule_files import RuleFile
from flake8_naq.settings import Settings

# A run of ast-grep: the files to search and the rules as one YAML stream, to the files with a match.
Search: TypeAlias = Callable[[Sequence[str], str], set[str]]

# The length of one command line, well below the limits of systems.
_ARGUMENTS = 1_000_000
# ast-grep silently skips longer files.
_LONGEST = 3_000_000
_CONFIGURED = """\
id: configured
language: python
severity: hint
message: A connection may be acquired here.
rule:
  kind: identifier
  regex: ^({names})$
"""


def executable() -> str:
    """The path of ast-grep, as its wheel installs it.

    Raises:
        CommandError: It is not installed.
    """
    found = shutil.which("ast-grep", path=sysconfig.get_path("scripts")) or shutil.which("ast-grep")
    if found is None:
        raise missing_extra("fix", "ast-grep")
    return found


def rules_for(rules: Iterable[RuleFile], settings: Settings) -> str:
    """The rules of a run as one YAML stream, with one for the functions that are configured."""
    texts = [file.text for file in rules]
    names = {name.rpartition(".")[2] for name in settings.connect_functions}
    if names:
        texts.append(_CONFIGURED.format(names="|".join(sorted(names))))
    return "\n---\n".join(texts)


def needles(settings: Settings, helpers: DeclaredHelpers) -> tuple[bytes, ...]:
    """Byte strings; a file needs at least one of them."""
    names = (*settings.connect_functions, *(helper.name for helper in helpers.openers))
    # Other libraries have a `connect` too, so the file must also mention nats-py.
    last = {name.rpartition(".")[2] for name in names} - {"connect"}
    return (b"nats", *(name.encode() for name in sorted(last)))


def suspicious(content: bytes, sought: Iterable[bytes]) -> bool:
    """Whether a file's bytes mention anything to search for."""
    return any(needle in content for needle in sought)


def unreadable_for_ast_grep(content: bytes) -> bool:
    """Whether ast-grep silently skips the file."""
    if len(content) >= _LONGEST:
        return True
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return True
    return False


def matching(paths: Sequence[str], rules: str) -> set[str]:
    """The files in which a rule matches, by ast-grep's program.

    Args:
        paths: The files to search.
        rules: The rules, as one YAML stream.

    Raises:
        CommandError: ast-grep is missing, or failed.
    """
    if not paths:
        return set()
    found: set[str] = set()
    command = [executable(), "scan", "--inline-rules", rules, "--json=stream"]
    # The caller has already left out hidden and ignored files.
    command += [
        f"--no-ignore={kind}" for kind in ("hidden", "dot", "exclude", "global", "parent", "vcs")
    ]
    for batch in _batches(paths):
        named = {str(Path(path).absolute()): path for path in batch}
        # Read line by line: the output for many files is long.
        with (
            tempfile.TemporaryFile() as errors,
            subprocess.Popen([*command, *named], stdout=subprocess.PIPE, stderr=errors) as process,
        ):
            assert process.stdout is not None
            for line in process.stdout:
                file = json.loads(line)["file"]
                found.add(named.get(file, file))
            code = process.wait()
            errors.seek(0)
            lines = errors.read().decode("utf-8", "replace").strip().splitlines()
        if code not in (0, 1):
            raise CommandError(f"ast-grep failed: {lines[0] if lines else code}")
    return found


def _batches(paths: Sequence[str]) -> Iterable[list[str]]:
    batch: list[str] = []
    length = 0
    for path in paths:
        batch.append(path)
        length += len(path) + 200
        if length > _ARGUMENTS:
            yield batch
            batch, length = [], 0
    if batch:
        yield batch
