"""``naq-migrate explain``: the page of a rule."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING

from flake8_naq.errors import CommandError
from flake8_naq.report import rule_page
from flake8_naq.report.console import console
from flake8_naq.rules import all_rules

if TYPE_CHECKING:
    from argparse import _SubParsersAction

_CODE = re.compile(r"(?:NAQ)?([0-3X]?)(\d\d)", re.IGNORECASE)

# What the plugin says of itself has no rule's file.
_PLUGIN_PAGES = {
    "01": """\
# NAQ001 not-analysed

A function could not be analysed: a fault of the linter, not of the function. The rest of the file
was checked. Please report the function; until then, `# noqa: NAQ001` on its line silences it.
""",
    "02": """\
# NAQ002 stale-baseline-entry

The baseline (option `naq-baseline`) has a finding that is no longer there.
`naq-migrate baseline --prune` removes the entry, so that nothing can hide behind an old one.
Where flake8 selects single tiers, select `NAQ0` beside them to see it.
""",
}


def add_parser(subparsers: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Tell the command line of this command."""
    parser = subparsers.add_parser(
        "explain", help="print the page of a rule", description="Print the page of a rule."
    )
    parser.add_argument(
        "rule", nargs="?", help="a code (NAQ211), a number (11) or a name (connection-leak)"
    )
    parser.add_argument(
        "--format", choices=("text", "markdown"), default="text", help="default: text"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the page of one rule, or the list of all."""
    text = _list() if arguments.rule is None else page_of(arguments.rule)
    if arguments.format == "markdown":
        print(text, end="")
    else:
        screen = console("explain")
        from rich.markdown import Markdown

        screen.print(Markdown(text))
    return 0


def page_of(wanted: str) -> str:
    """The Markdown of a rule that the user names by code, number or name.

    Raises:
        CommandError: There is no such rule.
    """
    code = _CODE.fullmatch(wanted)
    if code and code[1] == "0" and code[2] in _PLUGIN_PAGES:
        return _PLUGIN_PAGES[code[2]]
    for rule in all_rules():
        if wanted.lower() == rule.name or (code and code[1] != "0" and code[2] == rule.number):
            return rule_page.markdown(rule)
    raise CommandError(
        f"there is no rule {wanted!r}; `naq-migrate explain` without a rule lists them all"
    )


def _list() -> str:
    rows = "\n".join(
        f"| NAQx{rule.number} | {rule.name} | {rule.summary} |" for rule in all_rules()
    )
    return f"""\
# Rules

The x stands for the tier: 1 high, 2 medium, 3 low priority.

| code | name | reports |
| --- | --- | --- |
{rows}
| NAQ001 | not-analysed | A function could not be analysed. |
| NAQ002 | stale-baseline-entry | The baseline has a finding that is gone. |
"""
