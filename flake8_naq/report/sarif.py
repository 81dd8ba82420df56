"""The findings as SARIF 2.1.0, which code scanning services show beside the code.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from flake8_naq import __version__, address
from flake8_naq.baseline import Baseline, Entry
from flake8_naq.findings import Finding
from flake8_naq.report import rule_page
from flake8_naq.report.codes import PLUGIN_RULES, level_of, rule_behind
from flake8_naq.report.connections import TIERS
from flake8_naq.report.inspection import Inspected

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)


@dataclass
class Results:
    """Gathers the findings that flake8 reports.

    Attributes:
        baseline: Findings that it knows are marked as suppressed.
        root: Paths below this folder are given relative to it.
    """

    baseline: Baseline | None
    root: Path
    _results: list[dict[str, Any]] = field(default_factory=list)

    def add(self, inspected: Inspected) -> None:
        """Take in the findings of one module."""
        path, lines = inspected.module.path, inspected.module.lines
        new = Counter(map(id, inspected.reported))
        if self.baseline:
            new = Counter(map(id, self.baseline.new(path, inspected.reported, lines)))
        self._results += [
            self._result(path, lines, found, known=not new[id(found)])
            for found in inspected.reported
        ]

    def log(self) -> dict[str, Any]:
        """The whole SARIF log: one run, with the rules of its findings."""
        ids = sorted({result["ruleId"] for result in self._results})
        for result in self._results:
            result["ruleIndex"] = ids.index(result["ruleId"])
        return {
            "$schema": SCHEMA,
            "version": "2.1.0",
            "runs": [
                {
                    "tool": {"driver": _driver(ids)},
                    "columnKind": "unicodeCodePoints",
                    "results": self._results,
                }
            ],
        }

    def _result(
        self, path: str, lines: Sequence[str], finding: Finding, known: bool
    ) -> dict[str, Any]:
        line = lines[finding.line - 1] if finding.line <= len(lines) else ""
        column = len(line.encode()[: finding.column].decode(errors="replace"))
        result: dict[str, Any] = {
            "ruleId": finding.code,
            "level": level_of(finding.code),
            "message": {"text": finding.message},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": self._uri(path)},
                        "region": {
                            "startLine": finding.line,
                            "startColumn": column + 1,
                            "snippet": {"text": line.rstrip("\n")},
                        },
                    },
                    "logicalLocations": [
                        {"fullyQualifiedName": finding.qualname, "kind": "function"}
                    ]
                    if finding.qualname
                    else [],
                }
            ],
            "partialFingerprints": {"naqBaselineEntry/v1": _fingerprint(finding, lines)},
        }
        if known:
            result["suppressions"] = [
                {"kind": "external", "justification": "known to the baseline"}
            ]
        return result

    def _uri(self, path: str) -> str:
        absolute = (self.root / path).absolute()
        if absolute.is_relative_to(self.root):
            return quote(os.fsencode(absolute.relative_to(self.root).as_posix()))
        return absolute.as_uri()


def _fingerprint(finding: Finding, lines: Sequence[str]) -> str:
    """A hash of the finding's baseline entry, which stays the same when the code moves."""
    entry = Entry.of(finding, lines)
    text = "\0".join((entry.rule, entry.function, entry.line))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _driver(codes: Sequence[str]) -> dict[str, Any]:
    driver = {
        "name": "flake8-naq",
        "semanticVersion": __version__,
        "rules": [_descriptor(code) for code in codes],
    }
    hosted = address.site()
    return driver | ({"informationUri": hosted} if hosted else {})


def _descriptor(code: str) -> dict[str, Any]:
    rule = rule_behind(code)
    if rule is None:
        name, summary = PLUGIN_RULES[code[-2:]]
        return {"id": code, "name": name, "shortDescription": {"text": summary}}
    page = rule_page.markdown(rule)
    uri = address.rule_page(rule.number)
    return {
        "id": code,
        "name": rule.name,
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": rule.why.strip()},
        "help": {"text": page, "markdown": page},
        "defaultConfiguration": {"level": level_of(code)},
        "properties": {
            "tags": ["nats", f"{TIERS[int(code[3])]}-priority"],
            "precision": "high",
        },
    } | ({"helpUri": uri} if uri else {})
