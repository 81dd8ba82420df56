"""The pages of the rules: one, all of them, and as JSON."""

from __future__ import annotations

import json

import pytest

from flake8_naq.cli import main
from flake8_naq.rules import all_rules


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["explain", *arguments]) == 0
    return capsys.readouterr().out


def test_all_prints_every_page_once(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, "--all", "--format", "markdown")
    expected = [printed(capsys, rule.number, "--format=markdown") for rule in all_rules()]
    own = [printed(capsys, code, "--format=markdown") for code in ("NAQ001", "NAQ002")]
    assert text == "\n".join([*expected, *own])


def test_all_and_a_rule_are_one_too_many(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--all", "NAQ211"]) == 2
    assert capsys.readouterr().err == (
        "naq-migrate: explain takes a rule or --all, not both: NAQ211\n"
    )


@pytest.mark.parametrize("wanted", ["NAQ211", "11", "connection-leak", "naqx11"])
def test_a_rule_as_json_has_its_levels_and_its_examples(
    capsys: pytest.CaptureFixture[str], wanted: str
) -> None:
    (rule,) = (rule for rule in all_rules() if rule.number == "11")
    made = json.loads(printed(capsys, wanted, "--format=json"))
    assert (made["number"], made["name"], made["fix"]) == ("11", "connection-leak", rule.fix)
    assert made["codes"] == {"NAQ111": "error", "NAQ211": "error", "NAQ311": "warning"}
    assert [example["code"] for example in made["bad"]] == [bad.code for bad in rule.bad]
    findings = {line: rules.split() for line, rules in rule.bad[0].findings.items()}
    assert {int(line): rules for line, rules in made["bad"][0]["findings"].items()} == findings


@pytest.mark.parametrize("arguments", [["--all"], []])
def test_all_rules_as_json_are_a_list_that_ends_with_the_plugins_own(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    made = json.loads(printed(capsys, *arguments, "--format=json"))
    codes = [next(iter(rule["codes"])) for rule in made]
    assert codes == [*(f"NAQ1{rule.number}" for rule in all_rules()), "NAQ001", "NAQ002"]
    assert len({frozenset(rule) for rule in made}) == 1, "each has the same fields"


def test_a_plugins_own_code_is_found_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(printed(capsys, "stale-baseline-entry", "--format=json"))["codes"] == {
        "NAQ002": "error"
    }
