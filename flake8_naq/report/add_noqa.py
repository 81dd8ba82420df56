"""``naq-migrate add-noqa``: silence the findings of today, each on its line."""

from __future__ import annotations

import argparse
import ast
import io
import re
import sys
import tokenize
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flake8_naq.baseline import STALE_ENTRY, Baseline
from flake8_naq.errors import CommandError
from flake8_naq.files.documents import document, read_bytes
from flake8_naq.files.replacing import replace
from flake8_naq.files.source_text import SourceError
from flake8_naq.findings import Finding
from flake8_naq.flake8_config import Flake8, add_options
from flake8_naq.modules import ReadError, module_of
from flake8_naq.paths import STDIN
from flake8_naq.report.console import progress
from flake8_naq.report.inspection import Inspected, Inspection, known_findings
from flake8_naq.report.summary import counted

if TYPE_CHECKING:
    from argparse import _SubParsersAction

_NOQA = re.compile(r"# noqa:\s?(?P<codes>[A-Z]+[0-9]+(?:[,\s]+[A-Z]+[0-9]+)*)", re.IGNORECASE)
_SHADOWED = "a string on its line holds `# noqa`, and flake8 reads no comment after that"


def add_parser(subparsers: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the others."""
    parser = subparsers.add_parser(
        "add-noqa",
        help="silence today's findings with comments",
        description="Add a `# noqa` comment with its code to the line of each finding that flake8 "
        "reports. Findings in the baseline get no comment.",
        epilog="Exit codes: 0 done, or nothing to do; 1 findings are left; 2 wrong usage, or a "
        "file that cannot be read or written.",
    )
    parser.add_argument(
        "paths", nargs="*", metavar="PATH", help="files and folders, the working directory if none"
    )
    add_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the comments.

    Raises:
        CommandError: An option cannot be used.
    """
    if STDIN in arguments.paths:
        raise CommandError("add-noqa writes files: it cannot take standard input")
    flake8 = Flake8.configured(arguments)
    if flake8.options.disable_noqa:
        raise CommandError("add-noqa has no effect where `disable-noqa` is set")
    inspection = Inspection(flake8, arguments.paths, progress)
    tally = _Tally(flake8, known_findings(flake8))
    for inspected in inspection:
        tally.take(inspected)
    print(f"{counted(tally.silenced, 'finding')} silenced in {counted(tally.files, 'file')}")
    if tally.failed or inspection.unreadable:
        return 2
    return 1 if tally.left else 0


@dataclass
class _Tally:
    """Silences file by file, and keeps count."""

    flake8: Flake8
    baseline: Baseline | None
    silenced: int = 0
    files: int = 0
    left: int = 0
    failed: bool = False

    def take(self, inspected: Inspected) -> None:
        """Silence the findings of one file; one that cannot be written does not stop the others."""
        path = inspected.module.path
        findings = _to_silence(inspected, self.baseline, self.flake8)
        if not findings:
            return
        try:
            refused = _silence_file(inspected, findings, self.flake8)
        except (OSError, ReadError, SourceError) as error:
            self.failed = True
            reason = getattr(error, "strerror", None) or str(error)
            print(f"naq-migrate: {path}: {reason[:1].lower()}{reason[1:]}", file=sys.stderr)
            return
        for finding in refused:
            print(f"{path}:{finding.line}: {finding.code} left: {_SHADOWED}", file=sys.stderr)
        self.left += len(refused)
        self.silenced += len(findings) - len(refused)
        self.files += len(findings) > len(refused)


def _to_silence(inspected: Inspected, baseline: Baseline | None, flake8: Flake8) -> list[Finding]:
    path, lines = inspected.module.path, inspected.module.lines
    found = inspected.findings
    if baseline:
        found = baseline.new(path, found, lines)
    reported = flake8.reported(path, lines, found)
    return [one for one in reported if one.tier or one.rule != STALE_ENTRY]


def _silence_file(
    inspected: Inspected, findings: Sequence[Finding], flake8: Flake8
) -> list[Finding]:
    """Write one file; return the findings that no comment can silence."""
    path = inspected.module.path
    content = read_bytes(path)
    if module_of(path, content).lines != inspected.module.lines:
        raise ReadError("changed while it was read; run the command again")
    opened = document(path, content)
    text, refused = silence(opened.text, path, findings, flake8)
    if text != opened.text:
        replace(path, opened.codec.encode(text))
    return refused


def silence(
    text: str, path: str, findings: Sequence[Finding], flake8: Flake8
) -> tuple[str, list[Finding]]:
    """Add comments to a module.

    Args:
        text: The module, line endings as they stand.
        path: Its path.
        findings: The findings to silence.
        flake8: Checks whether a comment silences a finding.

    Returns:
        The new text, and the findings that no comment can silence.
    """
    lines = io.StringIO(text, newline="").readlines()
    ends, comments = _ends_and_comments(_normalized(lines))
    rows = [next(end for end in ends if end >= finding.line) for finding in findings]
    codes: dict[int, set[str]] = {}
    for finding, row in zip(findings, rows, strict=True):
        codes.setdefault(row, set()).add(finding.code)
    edited = _edited(lines, codes, comments)
    if left := flake8.reported(path, _normalized(edited), findings):
        refused = {row for finding, row in zip(findings, rows, strict=True) if finding in left}
        codes = {row: found for row, found in codes.items() if row not in refused}
        edited = _edited(lines, codes, comments)
    if _tree(edited) != _tree(lines):
        raise SourceError("a comment would change the code: please report it")
    return "".join(edited), [
        finding for finding, row in zip(findings, rows, strict=True) if row not in codes
    ]


def _ends_and_comments(lines: Sequence[str]) -> tuple[list[int], dict[int, int]]:
    """The lines that can take a comment, and the column of each existing comment.

    A line that ends inside a string or with a backslash takes none: flake8 reads the comment on
    the next line that does.
    """
    ends, comments = [], {}
    for token in tokenize.generate_tokens(iter(lines).__next__):
        if token.type in (tokenize.NL, tokenize.NEWLINE):
            ends.append(token.start[0])
        elif token.type == tokenize.COMMENT:
            comments[token.start[0]] = token.start[1]
    return ends, comments


def _edited(
    lines: Sequence[str], codes: Mapping[int, Set[str]], comments: Mapping[int, int]
) -> list[str]:
    return [
        _with_codes(line, sorted(codes[number]), comments.get(number, len(line)))
        if number in codes
        else line
        for number, line in enumerate(lines, 1)
    ]


def _with_codes(line: str, codes: Sequence[str], comment: int) -> str:
    """A line with these codes in its comment, which starts at a column."""
    found = _NOQA.search(line, comment)
    if found:
        separator = "," if re.search(r",\S", found["codes"]) else ", "
        end = found.end("codes")
        return line[:end] + "".join(f"{separator}{code}" for code in codes) + line[end:]
    content = line.rstrip("\r\n")
    end_of_line = line[len(content) :]
    return f"{content.rstrip()}  # noqa: {', '.join(codes)}{end_of_line}"


def _normalized(lines: Sequence[str]) -> list[str]:
    """The lines as flake8 reads them: each ends with a newline alone."""
    return [re.sub(r"\r\n?\Z", "\n", line) for line in lines]


def _tree(lines: Sequence[str]) -> str:
    return ast.dump(ast.parse("".join(_normalized(lines))), include_attributes=True)
