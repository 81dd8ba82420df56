"""The playground's Python: the answers of linter, codemod and graph on one text, as JSON.

It runs in the browser under pyodide, whose files are in memory. It takes the same steps as the
command line and knows nothing of JavaScript but one function, which searches a text with ast-grep.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from flake8_naq.flake8_config import Flake8, add_options
from flake8_naq.lifetimes.flow_graph import flow_graphs
from flake8_naq.linter import lint
from flake8_naq.migrate.batch import candidates, fix_files
from flake8_naq.migrate.command import diff
from flake8_naq.migrate.fixer import Options
from flake8_naq.migrate.outcome import FileOutcome
from flake8_naq.migrate.output import describe, reports_of
from flake8_naq.modules import Module, ReadError, module_of

# The keys of a rule that ast-grep's library takes; the others are for its program.
_LIBRARY_KEYS = ("rule", "constraints", "utils")


class Session:
    """Answers for one text after another.

    Args:
        finds: Whether ast-grep finds a match in a text; its second argument is a rule as JSON.
    """

    def __init__(self, finds: Callable[[str, str], bool]) -> None:
        parser = argparse.ArgumentParser()
        add_options(parser)
        self._flake8 = Flake8.configured(parser.parse_args(["--isolated"]))
        self._finds = finds

    def analyse(self, source: str, filename: str) -> str:
        """The linter's findings, or the error that keeps it from reading the text."""
        try:
            module = _module(source, filename)
            tree = module.parse()
        except ReadError as error:
            return json.dumps({"error": str(error), "findings": []})
        found = lint(tree, filename, self._flake8.settings, module.text)
        reported = self._flake8.reported(filename, module.lines, found)
        findings = [
            {
                "line": finding.line,
                "column": _column(module.lines, finding.line, finding.column),
                "code": finding.code,
                "message": finding.message,
            }
            for finding in reported
        ]
        return json.dumps({"findings": findings})

    def fix(self, source: str, filename: str, unsafe: bool) -> str:
        """The text after `naq-migrate fix`, the diff, and the messages."""
        Path(filename).parent.mkdir(parents=True, exist_ok=True)
        Path(filename).write_bytes(source.encode())
        options = Options(unsafe=unsafe, settings=self._flake8.settings, flake8=self._flake8)
        found, failures = candidates([filename], frozenset([filename]), options, self._search)
        outcomes = [*failures, *fix_files(found, options, jobs=1, given=[filename])]
        return json.dumps(_answer(source, outcomes))

    def graph(self, source: str, filename: str) -> str:
        """The control-flow graph of each function that opens a connection."""
        try:
            tree = _module(source, filename).parse()
        except ReadError:
            return json.dumps([])
        graphs = flow_graphs(tree, self._flake8.settings, filename)
        return json.dumps([asdict(graph) for graph in graphs])

    def _search(self, paths: Sequence[str], rules: str) -> set[str]:
        """Search files with ast-grep's library in place of its program."""
        wanted = [
            json.dumps({key: rule[key] for key in _LIBRARY_KEYS if key in rule})
            for rule in yaml.safe_load_all(rules)
        ]
        texts = {path: Path(path).read_text(encoding="utf-8") for path in paths}
        return {
            path for path, text in texts.items() if any(self._finds(text, rule) for rule in wanted)
        }


def _module(source: str, filename: str) -> Module:
    return module_of(filename, source.encode())


def _column(lines: Sequence[str], line: int, column: int) -> int:
    """A column in characters, from the tree's column in bytes of UTF-8."""
    return len(lines[line - 1].encode()[:column].decode(errors="ignore"))


def _answer(source: str, outcomes: Sequence[FileOutcome]) -> dict[str, Any]:
    if not outcomes:
        return {"text": source, "diff": "", "messages": [], "rewritten": 0}
    (outcome,) = outcomes
    if outcome.document is None:
        return {"error": f"{outcome.path}: {outcome.error}"}
    changed = diff(outcome.path, outcome.document.text, outcome.text) if outcome.changed else ""
    return {
        "text": outcome.text,
        "diff": changed,
        "messages": [describe(outcome.path, report) for report in reports_of(outcome)],
        "rewritten": len(outcome.rewritten),
    }
