"""``naq-migrate explain``: the page of a rule."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from flake8_naq.errors import CommandError
from flake8_naq.report import rule_document, rule_page
from flake8_naq.report.codes import PLUGIN_RULES
from flake8_naq.report.console import console
from flake8_naq.rules import Rule, all_rules

if TYPE_CHECKING:
    from argparse import _SubParsersAction

_CODE = re.compile(r"(?:NAQ)?([0-3X]?)(\d\d)", re.IGNORECASE)

# The plugin's own codes have no rule's file.
_PLUGIN_PAGES = {
    "01": """\
# NAQ001 not-analysed

A function could not be analysed: a fault of the linter, not of the function. The rest of the file
was checked. Please report the function; until then, `# noqa: NAQ001` on its line silences it.
""",
    "02": """\
# NAQ002 stale-baseline-entry

The baseline (option `naq-baseline`) has a finding that is no longer there.
`naq-migrate baseline --prune` removes the entry: nothing can hide behind an old one.
Where flake8 selects single tiers, select `NAQ0` beside them to see it.
""",
}


def add_parser(subparsers: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the others."""
    parser = subparsers.add_parser(
        "explain", help="print the page of a rule", description="Print the page of a rule."
    )
    parser.add_argument(
        "rule", nargs="?", help="a code (NAQ211), a number (11) or a name (connection-leak)"
    )
    parser.add_argument("--all", action="store_true", help="print the pages of all rules")
    parser.add_argument(
        "--format",
        choices=("text", "markdown", "json"),
        default="text",
        help="default: text; JSON holds each rule with its examples",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the page of one rule, of all rules, or the list of all.

    Raises:
        CommandError: There is no such rule, or both a rule and ``--all`` are given.
    """
    if arguments.all and arguments.rule is not None:
        raise CommandError(f"explain takes a rule or --all, not both: {arguments.rule}")
    if arguments.format == "json":
        print(json.dumps(_document(arguments.rule), indent=2, ensure_ascii=False))
        return 0
    if arguments.all:
        text = "\n".join(_pages())
    else:
        text = _list() if arguments.rule is None else page_of(arguments.rule)
    if arguments.format == "markdown":
        print(text, end="")
    else:
        screen = console("explain")
        from rich.markdown import Markdown

        screen.print(Markdown(text))
    return 0


def _pages() -> Iterator[str]:
    yield from (rule_page.markdown(rule) for rule in all_rules())
    yield from _PLUGIN_PAGES.values()


def page_of(wanted: str) -> str:
    """The Markdown of a rule that the user names by code, number or name.

    Raises:
        CommandError: There is no such rule.
    """
    found = _find(wanted)
    return rule_page.markdown(found) if isinstance(found, Rule) else _PLUGIN_PAGES[found]


def _find(wanted: str) -> Rule | str:
    """A rule, or the number of one of the plugin's own codes."""
    code = _CODE.fullmatch(wanted)
    own = code is not None and code[1] == "0"
    for number, (name, _) in PLUGIN_RULES.items():
        if wanted.lower() == name or (code and own and code[2] == number):
            return number
    for rule in all_rules():
        if wanted.lower() == rule.name or (code and not own and code[2] == rule.number):
            return rule
    raise CommandError(
        f"there is no rule {wanted!r}; `naq-migrate explain` without a rule lists them all"
    )


def _document(wanted: str | None) -> object:
    """The object of one rule, or the list of all, the plugin's own codes last."""
    if wanted is None:
        own = (_own_document(number) for number in PLUGIN_RULES)
        return [*(rule_document.document(rule) for rule in all_rules()), *own]
    found = _find(wanted)
    return rule_document.document(found) if isinstance(found, Rule) else _own_document(found)


def _own_document(number: str) -> dict[str, object]:
    why = _PLUGIN_PAGES[number].partition("\n")[2].strip()
    return rule_document.own_document(number, why)


def _list() -> str:
    rows = "\n".join(
        f"| NAQx{rule.number} | {rule.name} | {rule.summary} |" for rule in all_rules()
    )
    own = "\n".join(
        f"| NAQ0{number} | {name} | {summary} |" for number, (name, summary) in PLUGIN_RULES.items()
    )
    return f"""\
# Rules

The x stands for the tier: 1 high, 2 medium, 3 low priority.

| code | name | reports |
| --- | --- | --- |
{rows}
{own}
"""
