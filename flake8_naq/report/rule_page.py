"""The page of a rule, as Markdown made from the rule's file.

``naq-migrate explain`` and the documentation's site print the same text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from flake8_naq.rules import Example, Rule, all_rules

_FIXES = {
    "safe": "`naq-migrate fix` rewrites it where the meaning provably stays the same.",
    "unsafe": "`naq-migrate fix --unsafe-fixes` rewrites it; read the diff, the meaning may change.",
    None: "There is no automatic fix.",
}


def markdown(rule: Rule) -> str:
    """The whole page of a rule, ending with a newline."""
    return "\n\n".join(_parts(rule)) + "\n"


def title(rule: Rule) -> str:
    """Number and name, such as ``NAQx11 connection-leak``; x is the tier's digit."""
    return f"NAQx{rule.number} {rule.name}"


def _parts(rule: Rule) -> Iterator[str]:
    number = rule.number
    yield f"# {title(rule)}"
    yield rule.summary
    yield (
        f"Its code is `NAQ1{number}` in high-priority, `NAQ2{number}` in medium-priority and "
        f"`NAQ3{number}` in low-priority code. {_FIXES[rule.fix]}"
    )
    yield "## Why"
    yield rule.why.strip()
    yield from _examples("Reported", rule.bad)
    yield from _examples("Not reported", rule.good)
    yield from _examples("Known misses", rule.misses)


def _examples(heading: str, examples: tuple[Example, ...]) -> Iterator[str]:
    if not examples:
        return
    yield f"## {heading}"
    for example in examples:
        yield f"### {example.title[:1].upper()}{example.title[1:]}"
        yield _fence(example.code)
        if example.findings:
            yield _findings(example.findings)
        if example.fixed is not None:
            yield "After `naq-migrate fix`:"
            yield _fence(example.fixed)


def _findings(findings: Mapping[int, str]) -> str:
    names = {rule.number: rule.name for rule in all_rules()}
    lines = []
    for line, numbers in sorted(findings.items()):
        rules = ", ".join(f"{number} {names[number]}" for number in numbers.split())
        lines.append(f"- line {line}: {rules}")
    return "\n".join(lines)


def _fence(code: str) -> str:
    return f"```python\n{code.rstrip()}\n```"
