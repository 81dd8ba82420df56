"""The rules' pages match the existing fixes."""

from __future__ import annotations

import ast

import pytest

from flake8_naq.linter import lint
from flake8_naq.rules import Rule, all_rules
from flake8_naq.settings import Settings
from recorder.phases import ROOT
from recorder.reference.rules import fix, page, source


def reported(rule: Rule, code: str) -> bool:
    found = lint(ast.parse(code), "example.py", Settings())
    return any(finding.code.endswith(rule.number) for finding in found)


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.number)
def test_a_rule_promises_the_fix_that_the_codemod_has(rule: Rule) -> None:
    fixed = {
        safety
        for safety in ("safe", "unsafe")
        for example in rule.bad
        if not reported(rule, fix(example.code, unsafe=safety == "unsafe"))
    }
    assert rule.fix == next((safety for safety in ("safe", "unsafe") if safety in fixed), None)


@pytest.mark.parametrize("rule", [r for r in all_rules() if r.fix], ids=lambda rule: rule.number)
def test_a_fix_is_shown_as_a_diff(rule: Rule) -> None:
    assert "naq-migrate fix --diff" in page(rule)


@pytest.mark.parametrize("number", ["13", "14", "22", "23"])
def test_what_stays_reported_is_shown_without_a_fix(number: str) -> None:
    (rule,) = (rule for rule in all_rules() if rule.number == number)
    assert "--diff" not in page(rule)


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.number)
def test_a_page_is_edited_in_the_file_that_holds_its_rule(rule: Rule) -> None:
    assert f'name="{rule.name}"' in (ROOT / source(rule)).read_text(encoding="utf-8")
