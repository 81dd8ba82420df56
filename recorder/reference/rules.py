"""The pages of the rules, each made from its rule's file, and their overview."""

from __future__ import annotations

import ast
import difflib
from pathlib import Path

from flake8_naq import rules
from flake8_naq.files.documents import document
from flake8_naq.findings import Finding
from flake8_naq.linter import lint
from flake8_naq.migrate.batch import fix_document
from flake8_naq.migrate.fixer import Options
from flake8_naq.report import explain, rule_page
from flake8_naq.rules import Example, Rule, all_rules
from flake8_naq.settings import Settings
from recorder.markdown import fence, table, tabs
from recorder.phases import ROOT
from recorder.playground import page as playground

PLUGIN_CODES = ("NAQ001", "NAQ002")
"""The plugin's own codes, which no rule's file describes."""

_NAMELESS = ("21", "22")
"""The rules that look at no connection, and so ask for no helper's name."""


def source(rule: Rule) -> Path:
    """The file that the rule, and with it its page, is made from."""
    (file,) = Path(rules.__path__[0]).glob(f"naq{rule.number}_*.py")
    return file.relative_to(ROOT)


def codes(rule: Rule) -> list[str]:
    """The rule's code in each tier, most urgent first."""
    return [f"NAQ{tier}{rule.number}" for tier in (1, 2, 3)]


def page(rule: Rule) -> str:
    """One rule's page: the output of ``naq-migrate explain``, with the fixes as diffs."""
    return rule_page.markdown(rule, show_example) + _options(rule) + _silencing(rule)


def show_example(example: Example) -> str:
    """The example with its findings, and the codemod's rewrite beside it."""
    code = fence("python", example.code, title="example.py", marked=sorted(example.findings))
    findings = "\n".join(
        f"example.py:{finding.line}:{finding.column + 1}: {finding.code} {finding.message}"
        for finding in _findings(example.code)
    )
    if not findings:
        return f"{code}\n{playground.link(example.code)}"
    output = fence("text", findings, title="flake8 --select NAQ example.py")
    return f"{_with_fix(code, example)}\n{output}\n{playground.link(example.code)}"


def _with_fix(code: str, example: Example) -> str:
    for options in ("", " --unsafe-fixes"):
        fixed = fix(example.code, unsafe=bool(options))
        if not _findings(fixed):
            break
    else:
        return code
    diff = difflib.unified_diff(
        example.code.splitlines(keepends=True),
        fixed.splitlines(keepends=True),
        "example.py",
        "example.py, fixed",
    )
    command = f"naq-migrate fix --diff{options} example.py"
    return tabs(
        [
            ("Bad", code),
            ("Fixed, unsafe" if options else "Fixed", fence("python", fixed, title="example.py")),
            ("Diff", fence("diff", "".join(diff), title=command)),
        ]
    )


def fix(code: str, *, unsafe: bool) -> str:
    """The rewrite of an example by ``naq-migrate fix``."""
    return fix_document(document("example.py", code.encode()), Options(unsafe=unsafe)).text


def _findings(code: str) -> list[Finding]:
    return lint(ast.parse(code), "example.py", Settings())


def _options(rule: Rule) -> str:
    options = [
        "[`naq-high-priority`, `naq-medium-priority`, `naq-low-priority`]"
        "(../guide/tiers.md#your-own-words): which place has which priority, the first digit of the code.",
        "[`naq-baseline`](../guide/ratchet.md): lets today's findings pass, and new ones fail.",
    ]
    if rule.number not in _NAMELESS:
        options.insert(
            0,
            "[`naq-connect-functions`, `naq-jetstream-functions`, `naq-close-functions`, "
            "`naq-context-managers`](../guide/helpers.md): helpers of your own that it is to know.",
        )
    listed = "\n".join(f"- {option}" for option in options)
    return f"\n## Options\n\n{listed}\n"


def _silencing(rule: Rule) -> str:
    first, *_ = codes(rule)
    return f"""
## Switch it off

On one line with `# noqa: {first}` (the code as flake8 printed it), for some files with
[`per-file-ignores`](../guide/configuration.md#select-and-ignore), or everywhere with
`extend-ignore = {",".join(codes(rule))}`.
"""


def overview() -> str:
    """The table of all rules."""
    rows = [
        [
            " ".join(f"`{code}`" for code in codes(rule)),
            f"[{rule.name}](NAQ{rule.number}.md)",
            rule.summary,
            _fixes(rule),
        ]
        for rule in all_rules()
    ]
    return table(["Codes", "Rule", "What it flags", "Fix"], rows)


def _fixes(rule: Rule) -> str:
    """The safety of a rule's fixes, by its examples."""
    made = {"unsafe" if example.unsafe else "safe" for example in rule.bad if example.fixed}
    return " or ".join(sorted(made)) if rule.fix else "by hand"


def plugin_codes() -> str:
    """The pages of the plugin's own codes, one heading further down."""
    return "\n".join(f"##{explain.page_of(code)}" for code in PLUGIN_CODES)
