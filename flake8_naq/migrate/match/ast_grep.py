"""Finds the files worth a closer look: bytes first, then one run of ast-grep for all that are left."""

from __future__ import annotations

import json
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from flake8_naq.errors import CommandError, missing_extra
from flake8_naq.migrate.match.declared_helpers import DeclaredHelpers
from flake8_naq.migrate.match.rule_files import RuleFile
from flake8_naq.settings import Settings

# What one command line may hold, well below what systems allow.
_ARGUMENTS = 1_000_000
# ast-grep passes over longer files without a word.
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
    """Bytes of which a file has to hold one."""
    names = (*settings.connect_functions, *(helper.name for helper in helpers.openers))
    # `connect` is no word for NATS alone: a file that has it mentions nats-py, too.
    last = {name.rpartition(".")[2] for name in names} - {"connect"}
    return (b"nats", *(name.encode() for name in sorted(last)))


def suspicious(content: bytes, sought: Iterable[bytes]) -> bool:
    """Whether a file's bytes leave anything to look for."""
    return any(needle in content for needle in sought)


def unreadable_for_ast_grep(content: bytes) -> bool:
    """Whether ast-grep would pass over the file in silence."""
    if len(content) >= _LONGEST:
        return True
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return True
    return False


def matching(paths: Sequence[str], rules: str) -> set[str]:
    """The files in which a rule matches.

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
    # Whether a file is hidden or ignored was decided before.
    command += [
        f"--no-ignore={kind}" for kind in ("hidden", "dot", "exclude", "global", "parent", "vcs")
    ]
    for batch in _batches(paths):
        named = {str(Path(path).absolute()): path for path in batch}
        # Taken line by line: what it says of many files is long.
        with (
            tempfile.TemporaryFile() as said,
            subprocess.Popen([*command, *named], stdout=subprocess.PIPE, stderr=said) as process,
        ):
            assert process.stdout is not None
            for line in process.stdout:
                file = json.loads(line)["file"]
                found.add(named.get(file, file))
            code = process.wait()
            said.seek(0)
            lines = said.read().decode("utf-8", "replace").strip().splitlines()
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
