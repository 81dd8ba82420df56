"""Shared by rules 01 to 05: a connection falls under its highest pattern alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from flake8_naq.lifetimes import ModuleAnalysis, Site
from flake8_naq.patterns import Pattern, pattern_of
from flake8_naq.rules.rule import Problem


def reports(
    pattern: Pattern, message: Callable[[Site], str]
) -> Callable[[ModuleAnalysis], Iterator[Problem]]:
    """The check of one of these rules.

    Args:
        pattern: The rule's number.
        message: The message about a connection.
    """

    def check(analysis: ModuleAnalysis) -> Iterator[Problem]:
        for site in analysis.sites:
            if pattern_of(site) == pattern:
                yield Problem(site.call, message(site), site.qualname, site)

    return check
