"""Fixes one module: plan, edit, repeat until nothing is left to do, mend imports, prove."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

from pyflakes.messages import Message as Flake

from flake8_naq.findings import Finding
from flake8_naq.flake8_config import Flake8
from flake8_naq.lifetimes import Site, analyse
from flake8_naq.lifetimes.vocabulary import Vocabulary
from flake8_naq.linter import findings_of
from flake8_naq.migrate.join.connections import join_connections
from flake8_naq.migrate.lines import Lines
from flake8_naq.migrate.match.helpers import Helpers
from flake8_naq.migrate.match.rule_files import RuleFile, built_in, helpers_of
from flake8_naq.migrate.message import ExplainedError, Line, Message, RefusedError
from flake8_naq.migrate.outcome import Kind, Report
from flake8_naq.migrate.plan.module import Module
from flake8_naq.migrate.plan.needed import Target
from flake8_naq.migrate.plan.rewrite import Rewrite
from flake8_naq.migrate.proven import prove_together, proven_rewrite
from flake8_naq.migrate.source import Source, SourceError
from flake8_naq.migrate.verify import MANUAL, ProofError, prove, prove_findings
from flake8_naq.migrate.write.block import Writer
from flake8_naq.migrate.write.edits import Edits
from flake8_naq.migrate.write.imports import Home, flakes, mend_imports
from flake8_naq.settings import Settings, mentions_nats

URL_RULE = "21"

# A place as it reads: function, variable and call.
_Look: TypeAlias = tuple[str, str, str]
# What tells one place from all others: how it reads, and its line before the run.
_Key: TypeAlias = tuple[_Look, int]


@dataclass(frozen=True)
class Options:
    """What a run of the codemod was asked for.

    Attributes:
        unsafe: Whether rewrites that may change the meaning are made.
        target: The kind of context manager; None lets each site's own imports decide.
        settings: The linter's settings.
        rules: The rules that declare helpers, by default those of nats-py and naq.
        flake8: What is not reported by flake8 is left alone; None takes every finding.
        imported: The names that files of this run import from each other, by the path of the file
            that they are imported from.
    """

    unsafe: bool = False
    target: Target | None = None
    settings: Settings = field(default_factory=Settings)
    rules: tuple[RuleFile, ...] = field(default_factory=built_in)
    flake8: Flake8 | None = None
    imported: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @cached_property
    def helpers(self) -> Helpers:
        """The functions that the rules give a meaning."""
        return helpers_of(self.rules)

    def home(self, filename: str) -> Home:
        """A module as others import from it."""
        return Home(filename, self.imported.get(filename, frozenset()))

    def reported(
        self, filename: str, lines: Sequence[str], findings: Sequence[Finding]
    ) -> Sequence[Finding]:
        """The findings of a module that are to be fixed: those that flake8 reports."""
        return self.flake8.reported(filename, lines, findings) if self.flake8 else findings


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
    key: _Key
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
    skip: dict[_Key, Message] = {}
    while True:
        try:
            return _attempt(source, filename, options, skip)
        except _FailedError as failure:
            guilty = failure.suspects
            if len(guilty) > 1:
                guilty = _guilty(source, filename, options, skip, guilty)
            if skip.keys() >= set(guilty):
                return Result(text)
            reason = Message("its rewrite did not pass the check: ", *failure.message.parts)
            skip.update(dict.fromkeys(guilty, reason))


class _FailedError(ExplainedError):
    """The proof of a whole run fails. The message is the proof's.

    Attributes:
        suspects: The places that were rewritten, as far as they can be at fault.
    """

    def __init__(self, message: Message, suspects: list[_Key]) -> None:
        super().__init__(*message.parts)
        self.suspects = suspects


def _guilty(
    source: Source, filename: str, options: Options, skip: dict[_Key, Message], suspects: list[_Key]
) -> list[_Key]:
    """Narrow down by halves which rewrites fail the proof: one, or a few that only fail together."""
    while len(suspects) > 1:
        half = suspects[: len(suspects) // 2]
        rest = suspects[len(half) :]
        for part, others in ((half, rest), (rest, half)):
            try:
                _attempt(source, filename, options, {**skip, **dict.fromkeys(others, Message())})
            except _FailedError as failure:
                suspects = [key for key in failure.suspects if key in part]
                break
        else:
            break
    return suspects


def _attempt(
    original: Source, filename: str, options: Options, skip: dict[_Key, Message]
) -> Result:
    """One run to the end.

    Raises:
        _FailedError: The proof of the whole fails.
    """
    source = original
    home = options.home(filename)
    result = Result(original.text)
    chosen: list[_Candidate] = []
    before: list[Flake] = []
    first: list[Finding] = []
    standing: dict[_Look, list[int]] = {}
    try:
        while True:
            turn = _plan(original, source, filename, options, skip, standing)
            first = first or turn.findings
            now = _disjoint(turn.candidates)
            if not now:
                result.reports += turn.refusals
                break
            before = before or flakes(original.tree, filename)
            chosen += now
            text = _apply(source, [candidate.rewrite for candidate in now])
            needed = [item for candidate in now for item in candidate.rewrite.imports]
            source = Source(mend_imports(original, text, home, before, needed))
            for candidate in now:
                look, line = candidate.key
                standing[look].remove(line)
                _report(result, candidate)
        if chosen:
            # The last turn found nothing to do: that a second run would not is proven with it.
            dropped = [item for candidate in chosen for item in candidate.rewrite.dropped]
            added = [item for candidate in chosen for item in candidate.rewrite.added]
            fixed = [(candidate.site.qualname, candidate.key[1]) for candidate in chosen]
            prove(original, source, home, before, dropped, added)
            prove_findings(first, turn.findings, fixed)
            rewrites = [candidate.rewrite for candidate in chosen]
            prove_together(rewrites, source, options.settings)
            if options.unsafe:
                source = _join(result, original, source, filename, options, first, fixed)
            result.text = source.text
    except (ProofError, RefusedError, SourceError) as error:
        qualname = getattr(error, "qualname", None)
        suspects = [c for c in chosen if qualname is None or c.site.qualname == qualname]
        raise _FailedError(error.message, [c.key for c in suspects or chosen]) from error
    return result


def _join(
    result: Result,
    original: Source,
    source: Source,
    filename: str,
    options: Options,
    first: list[Finding],
    fixed: list[tuple[str, int]],
) -> Source:
    """Join the connections of functions in which all were rewritten, and say so."""
    manual: dict[str, list[Finding]] = {}
    for finding in sorted(first, key=lambda finding: (finding.line, finding.column)):
        if finding.rule in MANUAL:
            manual.setdefault(finding.qualname, []).append(finding)
    counts = Counter(qualname for qualname, _ in fixed)
    whole = {name: count for name, count in counts.items() if count == len(manual[name])}
    joined = join_connections(
        original, source, options.home(filename), options.settings, options.helpers, whole
    )
    for qualname, pairs in joined.pairs.items():
        for gone, stays in pairs:
            finding, other = manual[qualname][gone], manual[qualname][stays]
            text = Message(
                "it no longer has a connection of its own, but that of ", Line(other.line)
            )
            result.reports.append(Report(finding.line, finding.code, qualname, "unsafe", text))
    return joined.source


@dataclass(slots=True)
class _Turn:
    """What there is to do in a text, and what the linter says of it."""

    findings: list[Finding]
    candidates: list[_Candidate] = field(default_factory=list)
    refusals: list[Report] = field(default_factory=list)


def _plan(
    original: Source,
    source: Source,
    filename: str,
    options: Options,
    skip: dict[_Key, Message],
    standing: dict[_Look, list[int]],
) -> _Turn:
    """Plan one turn.

    Args:
        original: The module before the run.
        source: The module as earlier turns have left it.
        filename: Its path.
        options: What to do.
        skip: Places to be left alone, and why.
        standing: The lines before the run of the places that are left, by how they read; filled
            in the first turn. Places that read alike keep their order.
    """
    analysis = analyse(source.tree, options.settings)
    turn = _Turn(findings_of(analysis, filename, options.settings))
    module = Module(source, analysis, Vocabulary(options.settings), options.helpers)
    lines = Lines(original.lines, source.lines)
    seen: dict[_Look, list[int]] = {}
    for finding in options.reported(filename, source.lines, turn.findings):
        if finding.rule == URL_RULE and not options.unsafe:
            turn.refusals.append(_only_unsafe(finding, lines))
        site = finding.site
        if site is None or finding.rule not in MANUAL:
            continue
        look = (finding.qualname, site.handle or "", source.segment(site.call))
        same, known = seen.setdefault(look, []), standing.get(look, [])
        line = known[len(same)] if len(same) < len(known) else finding.line
        same.append(line)
        key = (look, line)
        try:
            if key in skip:
                raise RefusedError(*skip[key].parts)
            rewrite = _planned(module, site, options, lines)
        except RefusedError as reason:
            turn.refusals.append(
                Report(line, finding.code, finding.qualname, "left", reason.message)
            )
        else:
            turn.candidates.append(_Candidate(site, finding.code, key, rewrite))
    standing.update(seen)
    return turn


def _only_unsafe(finding: Finding, lines: Lines) -> Report:
    reason = Message("callers have to pass a `Config` (--unsafe-fixes does it)")
    line = lines.number(finding.line)
    return Report(line, finding.code, finding.qualname, "left", reason)


def _planned(module: Module, site: Site, options: Options, lines: Lines) -> Rewrite:
    """Plan one rewrite.

    Raises:
        RefusedError: There is none, or it is not asked for.
    """
    try:
        target = options.target or _target(module, site)
        rewrite = proven_rewrite(module, site, target, options.settings)
        if rewrite.unsafe and not options.unsafe:
            raise RefusedError(*rewrite.unsafe[0].parts, " (--unsafe-fixes does it)")
    except RefusedError as reason:
        raise RefusedError(*lines.before_the_run(reason.message).parts) from None
    rewrite.unsafe = [lines.before_the_run(text) for text in rewrite.unsafe]
    rewrite.notes = [lines.before_the_run(text) for text in rewrite.notes]
    return rewrite


def _target(module: Module, site: Site) -> Target:
    """Whose context managers fit: those that a rule declares, or nats-py's client itself."""
    helper = module.helper(site)
    declared = helper is not None and helper.becomes and not helper.gives_client
    return "naq" if declared else "nats-py"


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
        Writer(rewrite, edits).write()
    return edits.apply()


def _report(result: Result, candidate: _Candidate) -> None:
    site = candidate.site

    def report(kind: Kind, *parts: str | Line) -> Report:
        return Report(candidate.key[1], candidate.code, site.qualname, kind, Message(*parts))

    result.rewritten.append(report("rewritten"))
    result.reports += [report("unsafe", *message.parts) for message in candidate.rewrite.unsafe]
    result.reports += [report("note", *message.parts) for message in candidate.rewrite.notes]
