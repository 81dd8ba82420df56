"""Fixes one module: plan, edit, repeat until nothing is left to do, mend imports, prove."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from flake8_naq.findings import Finding
from flake8_naq.flake8_config import Flake8
from flake8_naq.lifetimes import ModuleAnalysis, Site, analyse
from flake8_naq.lifetimes.vocabulary import Vocabulary
from flake8_naq.linter import findings_of
from flake8_naq.migrate.edits import Edits
from flake8_naq.migrate.imports import flakes, mend_imports
from flake8_naq.migrate.plans import Import, RefusedError, Rewrite, Target
from flake8_naq.migrate.regions import Module
from flake8_naq.migrate.rewrite import plan_rewrite
from flake8_naq.migrate.source import Source
from flake8_naq.migrate.verify import ProofError, prove
from flake8_naq.settings import Settings, mentions_nats

MANUAL = frozenset({"01", "02", "03", "04", "05"})


@dataclass(frozen=True)
class Options:
    """What a run of the codemod was asked for.

    Attributes:
        unsafe: Whether rewrites that may change the meaning are made.
        target: The kind of context manager; None lets each site's own imports decide.
        settings: The linter's settings.
        flake8: What is not reported by flake8 is left alone; None takes every finding.
    """

    unsafe: bool = False
    target: Target | None = None
    settings: Settings = field(default_factory=Settings)
    flake8: Flake8 | None = None

    def findings(
        self, analysis: ModuleAnalysis, filename: str, lines: Sequence[str]
    ) -> list[Finding]:
        """The findings of a module that are to be fixed: those that flake8 reports."""
        findings = findings_of(analysis, filename, self.settings)
        return self.flake8.reported(filename, lines, findings) if self.flake8 else findings


@dataclass(frozen=True, slots=True)
class Report:
    """One line for the user about one place.

    Attributes:
        line: Line of the acquiring call, in the file before the run when it was left alone.
        code: Code of the finding.
        qualname: The function.
        kind: What became of it.
        text: The reason of a refusal, or what a reviewer should know.
    """

    line: int
    code: str
    qualname: str
    kind: str
    text: str


@dataclass(slots=True)
class Result:
    """What became of one module.

    Attributes:
        text: The new text; the old one when nothing was done.
        rewritten: Codes of the findings that were fixed, a place each.
        reports: What to tell the user.
    """

    text: str
    rewritten: list[Report] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)


@dataclass(slots=True)
class _Candidate:
    site: Site
    code: str
    key: tuple[str, ...]
    rewrite: Rewrite


def fix_text(text: str, filename: str, options: Options) -> Result:
    """Rewrite what can be proven in one module.

    Args:
        text: The module.
        filename: Its path, which decides the tiers.
        options: What to do.

    Raises:
        SourceError: The text is not Python.
    """
    if not mentions_nats(text, options.settings):
        return Result(text)
    source = Source(text)
    result = _attempt(source, filename, options, skip={}, one_by_one=False)
    if result is None:
        # Some rewrite does not hold: find out which, one after the other.
        result = _attempt(source, filename, options, skip={}, one_by_one=True)
    assert result is not None
    return result


def _attempt(
    original: Source,
    filename: str,
    options: Options,
    skip: dict[tuple[str, ...], str],
    *,
    one_by_one: bool,
) -> Result | None:
    """One run to the end; None when the proof of the whole fails."""
    source = original
    result = Result(original.text)
    needed: list[Import] = []
    dropped: list[str] = []
    before = None
    while True:
        candidates, refusals = _plan(source, filename, options, skip)
        chosen = _disjoint(candidates)[: 1 if one_by_one else None]
        if not chosen:
            result.reports += refusals
            break
        if before is None:
            before = flakes(original.tree, filename)
        try:
            text = _apply(source, [candidate.rewrite for candidate in chosen])
            step = Source(text)
            imports = [item for c in chosen for item in c.rewrite.imports]
            gone = [item for c in chosen for item in c.rewrite.dropped]
            if one_by_one:
                mended = mend_imports(text, filename, before, [*needed, *imports])
                prove(
                    original, Source(mended), filename, options.settings, before, [*dropped, *gone]
                )
        except (ProofError, RefusedError, SyntaxError) as error:
            if not one_by_one:
                return None
            skip[chosen[0].key] = f"its rewrite did not pass the check: {error}"
            continue
        source = step
        needed += imports
        dropped += gone
        for candidate in chosen:
            _report(result, candidate)
    if not result.rewritten:
        return result
    assert before is not None
    try:
        mended = mend_imports(source.text, filename, before, needed)
        prove(original, Source(mended), filename, options.settings, before, dropped)
    except (ProofError, RefusedError, SyntaxError):
        if one_by_one:
            raise
        return None
    result.text = mended
    return result


def _plan(
    source: Source, filename: str, options: Options, skip: dict[tuple[str, ...], str]
) -> tuple[list[_Candidate], list[Report]]:
    analysis = analyse(source.tree, options.settings)
    module = Module(source, analysis, Vocabulary(options.settings))
    candidates: list[_Candidate] = []
    refusals: list[Report] = []
    counts: dict[tuple[str, ...], int] = {}
    for finding in options.findings(analysis, filename, source.lines):
        site = finding.site
        if site is None or finding.rule not in MANUAL:
            continue
        base = (finding.qualname, site.handle or "", source.segment(site.call))
        counts[base] = counts.get(base, 0) + 1
        key = (*base, str(counts[base]))
        try:
            if key in skip:
                raise RefusedError(skip[key])
            rewrite = plan_rewrite(module, site, options.target or site.flavour)
            if rewrite.unsafe and not options.unsafe:
                raise RefusedError(f"{rewrite.unsafe[0]} (--unsafe-fixes does it)")
        except RefusedError as reason:
            refusals.append(
                Report(finding.line, finding.code, finding.qualname, "refused", str(reason))
            )
        else:
            candidates.append(_Candidate(site, finding.code, key, rewrite))
    return candidates, refusals


def _disjoint(candidates: Sequence[_Candidate]) -> list[_Candidate]:
    """Rewrites that do not touch each other's lines; the rest waits for the next turn."""
    chosen: list[_Candidate] = []
    for candidate in sorted(candidates, key=lambda c: (c.rewrite.first, -c.rewrite.last)):
        if not chosen or candidate.rewrite.first > chosen[-1].rewrite.last:
            chosen.append(candidate)
    return chosen


def _apply(source: Source, rewrites: Sequence[Rewrite]) -> str:
    edits = Edits(source)
    for rewrite in rewrites:
        rewrite.edit(edits)
    return edits.apply()


def _report(result: Result, candidate: _Candidate) -> None:
    site = candidate.site

    def report(kind: str, text: str) -> Report:
        return Report(site.call.lineno, candidate.code, site.qualname, kind, text)

    result.rewritten.append(report("rewritten", ""))
    result.reports += [report("unsafe", text) for text in candidate.rewrite.unsafe]
    result.reports += [report("note", text) for text in candidate.rewrite.notes]


Fix = Callable[[str, str, Options], Result]
