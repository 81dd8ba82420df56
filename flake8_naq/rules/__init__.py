"""One file a rule: name, summary, why, examples, known misses, the check.

A rule is found by walking this package; its message, its page, its tests and its entry in every
report come from its file.
"""

from flake8_naq.rules.rule import Example, Problem, Rule, all_rules, rule_of

__all__ = ["Example", "Problem", "Rule", "all_rules", "rule_of"]
