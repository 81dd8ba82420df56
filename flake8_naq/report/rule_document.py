"""A rule as JSON.

An object::

    number, name     "11", "connection-leak"
    codes            {"NAQ111": "error", ...}: each code with its level, which reports to machines use
    summary, why     one sentence; Markdown
    fix              "safe", "unsafe" or null
    bad, good        examples: {"title", "code", "findings": {"5": ["01", "11"]}, "fixed": code or null}
    misses           examples that the rule does not report yet
"""

from __future__ import annotations

from collections.abc import Iterable

from flake8_naq.report.codes import PLUGIN_RULES, level_of
from flake8_naq.report.connections import TIERS
from flake8_naq.rules import Example, Rule


def document(rule: Rule) -> dict[str, object]:
    """The object of a rule."""
    return {
        "number": rule.number,
        "name": rule.name,
        "codes": _levels(f"NAQ{tier}{rule.number}" for tier in TIERS),
        "summary": rule.summary,
        "why": rule.why.strip(),
        "fix": rule.fix,
        "bad": [_example(example) for example in rule.bad],
        "good": [_example(example) for example in rule.good],
        "misses": [_example(example) for example in rule.misses],
    }


def own_document(number: str, why: str) -> dict[str, object]:
    """The object of one of the plugin's own codes, which have no examples."""
    name, summary = PLUGIN_RULES[number]
    return {
        "number": number,
        "name": name,
        "codes": _levels([f"NAQ0{number}"]),
        "summary": summary,
        "why": why,
        "fix": None,
        "bad": [],
        "good": [],
        "misses": [],
    }


def _levels(codes: Iterable[str]) -> dict[str, str]:
    return {code: level_of(code) for code in codes}


def _example(example: Example) -> dict[str, object]:
    return {
        "title": example.title,
        "code": example.code,
        "findings": {str(line): rules.split() for line, rules in example.findings.items()},
        "fixed": example.fixed,
        "unsafe": example.unsafe,
        "left_alone": example.left_alone,
    }
