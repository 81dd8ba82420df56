"""The findings that flake8 reports, one a line: for GitHub's log and for programs.

``github`` is GitHub's workflow command, an annotation beside the line.

``json-lines`` is one object a line::

    path, line, column    where the finding stands; line and column count from 1
    code                  "NAQ211"
    rule                  "connection-leak"
    level                 "error", "warning" or "note"
    function              dotted name of the enclosing function or class, "" at module level
    message               one sentence
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence

from flake8_naq.baseline import Baseline
from flake8_naq.findings import Finding
from flake8_naq.report.codes import Level, level_of, name_of
from flake8_naq.report.github import annotation
from flake8_naq.report.inspection import Inspection

_COMMANDS: dict[Level, str] = {"error": "error", "warning": "warning", "note": "notice"}


def lines(inspection: Inspection, baseline: Baseline | None, format_name: str) -> Iterator[str]:
    """One line for each finding that the baseline does not know."""
    line_of = FORMATS[format_name]
    for path, text, findings in _reported(inspection, baseline):
        for finding in findings:
            yield line_of(path, _column(text, finding), finding)


def github(path: str, column: int, finding: Finding) -> str:
    """The workflow command that annotates a finding's line."""
    code = finding.code
    return annotation(
        _COMMANDS[level_of(code)],
        finding.message,
        file=path,
        line=finding.line,
        col=column,
        title=f"{code} {name_of(code)}",
    )


def json_line(path: str, column: int, finding: Finding) -> str:
    """The object that the module's docstring describes."""
    code = finding.code
    fields = {
        "path": path,
        "line": finding.line,
        "column": column,
        "code": code,
        "rule": name_of(code),
        "level": level_of(code),
        "function": finding.qualname,
        "message": finding.message,
    }
    return json.dumps(fields, ensure_ascii=False)


FORMATS: dict[str, Callable[[str, int, Finding], str]] = {
    "github": github,
    "json-lines": json_line,
}


def _reported(
    inspection: Inspection, baseline: Baseline | None
) -> Iterator[tuple[str, Sequence[str], Sequence[Finding]]]:
    """Path, lines and findings of each file, stale entries of the baseline included."""
    reported = inspection.flake8.reported
    seen = set()
    for inspected in inspection:
        path, text = inspected.module.path, inspected.module.lines
        findings = inspected.findings
        if baseline:
            findings = baseline.new(path, findings, text)
        seen.add(path)
        yield path, text, reported(path, text, findings)
    for path in inspection.read if baseline else ():
        if path not in seen and baseline and baseline.covers(path):
            yield path, (), reported(path, (), baseline.new(path, (), ()))


def _column(text: Sequence[str], finding: Finding) -> int:
    line = text[finding.line - 1] if finding.line <= len(text) else ""
    return len(line.encode()[: finding.column].decode(errors="replace")) + 1
