"""From a syntax tree to findings: what flake8, ``naq-migrate`` and the codemod all call."""

from __future__ import annotations

import ast

from flake8_naq.findings import Finding
from flake8_naq.lifetimes import Failure, ModuleAnalysis, analyse
from flake8_naq.names.project import reaches_nats
from flake8_naq.rules import all_rules
from flake8_naq.settings import Settings, mentions_nats
from flake8_naq.tiers import tier_of

# The plugin's own finding, which has no tier.
NOT_ANALYSED = "01"


def lint(tree: ast.Module, filename: str, settings: Settings, text: str = "") -> list[Finding]:
    """Find everything that the rules find in one module, baseline and ``noqa`` left aside.

    Args:
        tree: The module's syntax tree.
        filename: Its path, which decides the tiers.
        settings: What the project configured.
        text: The module's source, which saves work; empty when it is not at hand.
    """
    return findings_of(analyse(tree, settings, filename, text), filename, settings)


def concerns_nats(text: str, filename: str, settings: Settings) -> bool:
    """Whether a file may hold a finding, by its text: it mentions NATS, or calls what reaches it."""
    return mentions_nats(text, settings) or reaches_nats(text, filename, settings)


def findings_of(analysis: ModuleAnalysis, filename: str, settings: Settings) -> list[Finding]:
    """The rules' findings in an analysed module, in the order of its lines."""
    findings = []
    failures = list(analysis.failures)
    for rule in all_rules():
        try:
            findings += [
                Finding(
                    problem.node.lineno,
                    problem.node.col_offset,
                    rule.number,
                    tier_of(filename, problem.qualname, settings),
                    problem.message,
                    problem.qualname,
                    problem.site,
                )
                for problem in rule.check(analysis)
            ]
        except Exception as error:  # noqa: BLE001  one rule's trouble is not the whole run's
            failures.append(Failure(analysis.tree, "", error))
    findings += [_not_analysed(failure) for failure in failures]
    return sorted(findings, key=lambda finding: (finding.line, finding.column, finding.code))


def _not_analysed(failure: Failure) -> Finding:
    error = failure.error
    return Finding(
        getattr(failure.scope, "lineno", 1),
        getattr(failure.scope, "col_offset", 0),
        NOT_ANALYSED,
        0,
        f"`{failure.qualname or 'the module'}` could not be analysed "
        f"({type(error).__name__}: {error}): please report it, with the function's text",
        failure.qualname,
    )
