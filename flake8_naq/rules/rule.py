"""The definition of a rule, and the discovery of all rules."""

from __future__ import annotations

import ast
import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from flake8_naq.lifetimes import ModuleAnalysis, Site


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem from a rule's check.

    Attributes:
        node: The finding stands where this node starts.
        message: One sentence: the connection, the line of the problem, the fix.
        qualname: Dotted name of the enclosing function or class.
        site: The connection it is about, when it is about one.
    """

    node: ast.expr | ast.stmt | ast.arg
    message: str
    qualname: str = ""
    site: Site | None = None


@dataclass(frozen=True, slots=True)
class Example:
    """A whole module, small enough to read at a glance, that shows the rule.

    Attributes:
        title: A phrase about its content.
        code: The module.
        findings: Line to the numbers of the rules that report there, separated by spaces; all of
            them, of every rule.
        fixed: The output of ``naq-migrate fix``, for all rules; None when it changes nothing.
        unsafe: Whether ``fixed`` needs ``--unsafe-fixes``.
        left_alone: For bad examples only: True if ``fixed`` is missing on purpose, because
            ``naq-migrate fix --unsafe-fixes`` changes nothing.
    """

    title: str
    code: str
    findings: Mapping[int, str] = field(default_factory=dict)
    fixed: str | None = None
    unsafe: bool = False
    left_alone: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        number: Two digits, those in the name of its file; its codes are ``NAQ``, the tier's digit,
            this number.
        name: Its name in kebab case.
        summary: One sentence about the code that it flags.
        why: One or two paragraphs of Markdown: what goes wrong, and what to do instead.
        bad: Examples that it reports.
        good: Examples that nothing reports.
        misses: Examples that it ought to report and does not; their `findings` are its current
            ones.
        fix: Whether a safe or an unsafe fix takes away a finding of this rule, None when no fix
            does.
        check: Finds the problems of a module.
        defect: Whether the program misbehaves there; otherwise it works and needs migration.
    """

    number: str
    name: str
    summary: str
    why: str
    bad: tuple[Example, ...]
    good: tuple[Example, ...]
    check: Callable[[ModuleAnalysis], Iterator[Problem]]
    misses: tuple[Example, ...] = ()
    fix: Literal["safe", "unsafe"] | None = None
    defect: bool = False


@cache
def all_rules() -> tuple[Rule, ...]:
    """The ``RULE`` of every module here whose name begins with ``naq``, by number."""
    package = importlib.import_module("flake8_naq.rules")
    modules = (
        importlib.import_module(f"{package.__name__}.{module.name}")
        for module in pkgutil.iter_modules(package.__path__)
        if module.name.startswith("naq")
    )
    return tuple(sorted((module.RULE for module in modules), key=lambda rule: rule.number))


def rule_of(code: str) -> Rule:
    """The rule behind a code such as ``NAQ203``, or behind its number alone.

    Raises:
        LookupError: There is no such rule.
    """
    number = code.upper().removeprefix("NAQ")[-2:]
    for rule in all_rules():
        if rule.number == number:
            return rule
    raise LookupError(f"there is no rule {code}")
