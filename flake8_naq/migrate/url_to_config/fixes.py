"""Rule 21 over all files of a run: its fix concerns a class and everybody who makes one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from flake8_naq.linter import lint
from flake8_naq.migrate.fixer import Options
from flake8_naq.migrate.message import Line, Message, RefusedError
from flake8_naq.migrate.outcome import Kind, Outcome, Report
from flake8_naq.migrate.source import Source, SourceError
from flake8_naq.migrate.url_to_config.constructors import (
    PARAMETER,
    Constructor,
    constructors,
    plan_constructor,
)
from flake8_naq.migrate.verify import ProofError, prove, prove_findings
from flake8_naq.migrate.write.imports import flakes, mend_imports
from flake8_naq.names import Names

if TYPE_CHECKING:
    from flake8_naq.migrate.outcome import Outcome

_RULE = "21"


def fix_constructors(outcomes: Iterable[Outcome], options: Options) -> Iterator[Outcome]:
    """Make rule 21's fixes on top of the others, file by file or in several at once.

    Args:
        outcomes: What became of every file so far.
        options: What to do.
    """
    held: dict[str, Outcome] = {}
    for outcome in outcomes:
        # Only these can be concerned; the others need not wait.
        if outcome.document is not None and _may_matter(outcome.text):
            held[outcome.path] = outcome
        else:
            yield outcome
    names = {path: Names(Source(outcome.text).tree) for path, outcome in held.items()}
    found = [
        constructor
        for path in held
        if PARAMETER in held[path].text
        for constructor in constructors(path, names[path])
    ]
    for constructor in found:
        _fix_one(constructor, held, options)
    yield from held.values()


def _may_matter(text: str) -> bool:
    return bool(re.search(r"\b[A-Z]\w*\s*\(", text)) or PARAMETER in text


def _fix_one(constructor: Constructor, held: dict[str, Outcome], options: Options) -> None:
    home = held[constructor.path]
    # An earlier fix may have moved it: look it up afresh.
    sources = {
        path: Source(outcome.text)
        for path, outcome in held.items()
        if path == constructor.path or constructor.owner.name in outcome.text
    }
    home_source = sources[constructor.path]
    findings = lint(home_source.tree, constructor.path, options.settings)
    finding = next(
        (
            finding
            for finding in options.reported(constructor.path, home_source.lines, findings)
            if finding.rule == _RULE and finding.qualname == constructor.scope.qualname
        ),
        None,
    )
    if finding is None:
        return

    def report(kind: Kind, *parts: str | Line) -> Report:
        assert finding is not None
        return Report(finding.line, finding.code, finding.qualname, kind, Message(*parts))

    names = {path: Names(source.tree) for path, source in sources.items()}
    current = next(
        item
        for item in constructors(constructor.path, names[constructor.path])
        if item.scope.qualname == constructor.scope.qualname
    )
    try:
        changes = plan_constructor(current, sources, names)
        texts: dict[str, str] = {}
        for path, patches in changes.items():
            source = sources[path]
            before = flakes(source.tree, path)
            module = options.home(path)
            text = mend_imports(source, patches.apply(), module, before, patches.imports)
            prove(source, Source(text), module, before, patches.dropped, patches.added)
            prove_findings(
                lint(source.tree, path, options.settings),
                lint(Source(text).tree, path, options.settings),
                [],
            )
            texts[path] = text
    except RefusedError as reason:
        home.reports.append(report("left", *reason.message.parts))
        return
    except (ProofError, SourceError) as error:
        home.reports.append(
            report("left", "its rewrite did not pass the check: ", *error.message.parts)
        )
        return
    for path, text in texts.items():
        held[path].text = text
    home.rewritten.append(report("rewritten", ""))
    home.reports.append(
        report(
            "unsafe",
            f"`{constructor.owner.name}` takes a `Config`: callers outside of the given paths "
            f"that pass `{PARAMETER}=` must be changed",
        )
    )
