"""Every rule's examples are its tests."""

from __future__ import annotations

import ast
from collections import defaultdict

import pytest

from flake8_naq.linter import lint
from flake8_naq.rules import Example, Rule, all_rules
from flake8_naq.settings import Settings

RULES = all_rules()


def found_in(example: Example) -> dict[int, str]:
    numbers = defaultdict(list)
    for finding in lint(ast.parse(example.code), "example.py", Settings()):
        numbers[finding.line].append(finding.rule)
    return {line: " ".join(sorted(rules)) for line, rules in numbers.items()}


def cases(kind: str) -> list[object]:
    return [
        pytest.param(example, id=f"{rule.number}-{example.title}")
        for rule in RULES
        for example in getattr(rule, kind)
    ]


@pytest.mark.parametrize("example", cases("good"))
def test_a_good_example_has_no_finding(example: Example) -> None:
    assert found_in(example) == {}


@pytest.mark.parametrize("example", cases("bad"))
def test_a_bad_example_has_exactly_the_findings_it_lists(example: Example) -> None:
    assert found_in(example) == dict(example.findings)


@pytest.mark.parametrize("example", cases("misses"))
def test_a_known_miss_is_still_missed(example: Example) -> None:
    assert found_in(example) == dict(example.findings)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.number)
def test_a_rule_shows_itself_in_its_bad_examples(rule: Rule) -> None:
    assert rule.bad
    assert rule.good
    for example in rule.bad:
        assert any(rule.number in numbers.split() for numbers in example.findings.values())


@pytest.mark.parametrize("example", [*cases("good"), *cases("bad"), *cases("misses")])
def test_the_source_saves_work_and_changes_no_finding(example: Example) -> None:
    tree = ast.parse(example.code)
    with_source, without = (
        [(finding.line, finding.code, finding.message) for finding in found]
        for found in (
            lint(tree, "example.py", Settings(), example.code),
            lint(tree, "example.py", Settings()),
        )
    )
    assert with_source == without
