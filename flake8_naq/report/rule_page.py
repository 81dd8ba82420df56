"""The page of a rule, as Markdown made from the rule's file.

``naq-migrate explain`` and the documentation's site print the same text; the site shows the code of
an example in its own way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from flake8_naq.rules import Example, Rule, all_rules

_FIXES = {
    "safe": "`naq-migrate fix` rewrites it where the meaning provably stays the same.",
    "unsafe": "`naq-migrate fix --unsafe-fixes` rewrites it; read the diff, the meaning may change.",
    None: "There is no automatic fix.",
}


def plain(example: Example) -> str:
    """An example's code, its findings and its fix, one below the other."""
    parts = [_fence(example.code)]
    if example.findings:
        parts.append(_findings(example.findings))
    if example.fixed is not None:
        options = " --unsafe-fixes" if example.unsafe else ""
        parts += [f"After `naq-migrate fix{options}`:", _fence(example.fixed)]
    if example.left_alone:
        parts.append("`naq-migrate fix` leaves it alone.")
    return "\n\n".join(parts)


def markdown(rule: Rule, show: Callable[[Example], str] = plain) -> str:
    """The whole page of a rule, ending with a newline.

    Args:
        rule: The rule.
        show: Makes the Markdown of one example, without its heading.
    """
    return "\n\n".join(_parts(rule, show)) + "\n"


def title(rule: Rule) -> str:
    """Number and name, such as ``NAQx11 connection-leak``; x is the tier's digit."""
    return f"NAQx{rule.number} {rule.name}"


def _parts(rule: Rule, show: Callable[[Example], str]) -> Iterator[str]:
    number = rule.number
    yield f"# {title(rule)}"
    yield rule.summary
    yield (
        f"Its code is `NAQ1{number}` in high-priority, `NAQ2{number}` in medium-priority and "
        f"`NAQ3{number}` in low-priority code. {_FIXES[rule.fix]}"
    )
    yield "## Why"
    yield rule.why.strip()
    yield from _examples("Reported", show, rule.bad)
    yield from _examples("Not reported", show, rule.good)
    yield from _examples("Known misses", show, rule.misses)


def _examples(
    heading: str, show: Callable[[Example], str], examples: tuple[Example, ...]
) -> Iterator[str]:
    if not examples:
        return
    yield f"## {heading}"
    for example in examples:
        yield f"### {example.title[:1].upper()}{example.title[1:]}"
        yield show(example).rstrip()


def _findings(findings: Mapping[int, str]) -> str:
    names = {rule.number: rule.name for rule in all_rules()}
    lines = []
    for line, numbers in sorted(findings.items()):
        rules = ", ".join(f"{number} {names[number]}" for number in numbers.split())
        lines.append(f"- line {line}: {rules}")
    return "\n".join(lines)


def _fence(code: str) -> str:
    return f"```python\n{code.rstrip()}\n```"
