"""Name and level of a code, for every report that a machine reads."""

from __future__ import annotations

from typing import Literal

from flake8_naq.rules import Rule, all_rules
from flake8_naq.tiers import HIGH, LOW, MEDIUM

Level = Literal["error", "warning", "note"]

# The plugin's own codes have no rule's file.
PLUGIN_RULES = {
    "01": ("not-analysed", "A function could not be analysed."),
    "02": ("stale-baseline-entry", "The baseline has a finding that is gone."),
}
_LEVELS: dict[int, Level] = {HIGH: "error", MEDIUM: "warning", LOW: "note"}
_DEFECT_LEVELS: dict[int, Level] = {HIGH: "error", MEDIUM: "error", LOW: "warning"}


def rule_behind(code: str) -> Rule | None:
    """The rule of a code such as ``NAQ211``, None for the plugin's own codes."""
    number = code[-2:]
    if code[3] == "0":
        return None
    return next((rule for rule in all_rules() if rule.number == number), None)


def name_of(code: str) -> str:
    """The name of a code's rule."""
    rule = rule_behind(code)
    return rule.name if rule else PLUGIN_RULES[code[-2:]][0]


def level_of(code: str) -> Level:
    """How urgent a code is, by its tier and by whether its rule finds a defect."""
    rule = rule_behind(code)
    if rule is None:
        return "error"
    return (_DEFECT_LEVELS if rule.defect else _LEVELS)[int(code[3])]
