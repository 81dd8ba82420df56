"""The pages of the rules, each made from its rule's file, and their overview."""

from __future__ import annotations

import ast
import difflib
import inspect
from pathlib import Path

from flake8_naq.linter import lint
from flake8_naq.rules import Rule, all_rules
from flake8_naq.rules.rule import Example
from flake8_naq.settings import Settings
from recorder.phases import ROOT
from recorder.reference.markdown import fence, table, tabs

_FIXES = {
    "safe": "[safe](../guide/codemod.md#safe-unsafe-refused)",
    "unsafe": "[unsafe](../guide/codemod.md#safe-unsafe-refused)",
    None: "by hand",
}


def source(rule: Rule) -> Path:
    """The file that the rule, and with it its page, is made from."""
    return Path(inspect.getfile(rule.check)).relative_to(ROOT)


def title(rule: Rule) -> str:
    """What the rule is called in a heading or in the navigation."""
    return f"NAQ{rule.number} {rule.name}"


def codes(rule: Rule) -> list[str]:
    """The rule's code in each tier, most urgent first."""
    return [f"NAQ{tier}{rule.number}" for tier in (1, 2, 3)]


def page(rule: Rule) -> str:
    """One rule's page."""
    head = table(
        ["Codes", "Fix", "Made from"],
        [[" ".join(f"`{code}`" for code in codes(rule)), _FIXES[rule.fix], f"`{source(rule)}`"]],
    )
    parts = [
        f"# {title(rule)}\n\n{rule.summary}\n\n{head}",
        f"## Why\n\n{rule.why.strip()}\n",
        "## Bad\n",
        *(_bad(example) for example in rule.bad),
        "## Good\n",
        *(f"### {_title(example)}\n\n{fence('python', example.code)}" for example in rule.good),
    ]
    if rule.misses:
        parts.append("## Known misses\n\nIt ought to report these and does not, yet.\n")
        parts += [_bad(example) for example in rule.misses]
    parts.append(_silencing(rule))
    return "\n".join(parts)


def _title(example: Example) -> str:
    return example.title[:1].upper() + example.title[1:]


def _bad(example: Example) -> str:
    """The example with what flake8 says of it; its fix beside it where the codemod has one."""
    code = fence("python", example.code, title="example.py", marked=sorted(example.findings))
    if example.fixed is None:
        shown = code
    else:
        diff = difflib.unified_diff(
            example.code.splitlines(keepends=True),
            example.fixed.splitlines(keepends=True),
            "example.py",
            "example.py, fixed",
        )
        shown = tabs(
            [
                ("Bad", code),
                ("Fixed", fence("python", example.fixed, title="example.py")),
                ("Diff", fence("diff", "".join(diff), title="naq-migrate fix --diff example.py")),
            ]
        )
    said = "\n".join(
        f"example.py:{finding.line}:{finding.column + 1}: {finding.code} {finding.message}"
        for finding in lint(ast.parse(example.code), "example.py", Settings())
    )
    output = f"\n{fence('text', said, title='flake8 --select NAQ example.py')}" if said else ""
    return f"### {_title(example)}\n\n{shown}{output}"


def _silencing(rule: Rule) -> str:
    first, *_ = codes(rule)
    return f"""## Switch it off

On one line with `# noqa: {first}` (the code as flake8 printed it), for some files with
[`per-file-ignores`](../guide/configuration.md#select-and-ignore), or everywhere with
`extend-ignore = {",".join(codes(rule))}`. To let today's findings pass and new ones fail, keep a
[baseline](../guide/ratchet.md).
"""


def overview() -> str:
    """The table of all rules; the page's script makes it filterable."""
    rows = [
        [
            " ".join(f"`{code}`" for code in codes(rule)),
            f"[{rule.name}](NAQ{rule.number}.md)",
            rule.summary,
            rule.fix or "by hand",
        ]
        for rule in all_rules()
    ]
    return table(["Codes", "Rule", "What it flags", "Fix"], rows)
