"""Fixes one module: plan, edit, repeat until nothing is left to do, mend imports, prove."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

from pyflakes.messages import Message as Flake

from flake8_naq.files.source_text import Source, SourceError
from flake8_naq.findings import Finding
from flake8_naq.flake8_config import Flake8
from flake8_naq.lifetimes import Site, analyse
from flake8_naq.linter import findings_of
from flake8_naq.message import ExplainedError, Line, Message, RefusedError
from flake8_naq.migrate.join.joining import Joins
from flake8_naq.migrate.lines import Lines
from flake8_naq.migrate.match.declared_helpers import DeclaredHelpers
from flake8_naq.migrate.match.rule_files import RuleFile, built_in, helpers_of
from flake8_naq.migrate.outcome import Kind, Report
from flake8_naq.migrate.plan.needed import Target
from flake8_naq.migrate.plan.parsed_module import ParsedModule
from flake8_naq.migrate.plan.rewrite import Rewrite
from flake8_naq.migrate.proven import prove_together, proven_rewrite
from flake8_naq.migrate.verify import MANUAL, ProofError, prove, prove_findings
from flake8_naq.migrate.write.block_writer import BlockWriter
from flake8_naq.migrate.write.edits import Edits
from flake8_naq.migrate.write.imports import Home, flakes, mend_imports
from flake8_naq.names.project import reaches_nats
from flake8_naq.names.vocabulary import Vocabulary
from flake8_naq.settings import Settings, mentions_nats

URL_RULE = "21"

# The text of a place: function, variable and call.
_Look: TypeAlias = tuple[str, str, str]
# The identity of a place: its text, and its line before the run.
_Key: TypeAlias = tuple[_Look, int]


@dataclass(frozen=True)
class Options:
    """The options of one run of the codemod.

    Attributes:
        unsafe: Whether rewrites that may change the meaning are made.
        target: The kind of context manager; None lets each site's own imports decide.
        settings: The linter's settings.
        rules: The rules that declare helpers, by default those of nats-py and naq.
        flake8: Only findings that flake8 reports are fixed; None takes every finding.
        imported: The names that files of this run import from each other, by the path of the file
            that they are imported from.
        unwritable: Files that must not change: a fix of several files has to be written whole.
    """

    unsafe: bool = False
    target: Target | None = None
    settings: Settings = field(default_factory=Settings)
    rules: tuple[RuleFile, ...] = field(default_factory=built_in)
    flake8: Flake8 | None = None
    imported: Mapping[str, frozenset[str]] = field(default_factory=dict)
    unwritable: frozenset[str] = frozenset()

    @cached_property
    def helpers(self) -> DeclaredHelpers:
        """The functions that the rules declare."""
        return helpers_of(self.rules)

    def home(self, filename: str) -> Home:
        """The module's path, and the names that other files import from it."""
        return Home(filename, self.imported.get(filename, frozenset()))

    def reported(
        self, filename: str, lines: Sequence[str], findings: Sequence[Finding]
    ) -> Sequence[Finding]:
        """The findings of a module that are to be fixed: those that flake8 reports."""
        return self.flake8.reported(filename, lines, findings) if self.flake8 else findings


@dataclass(slots=True)
class Result:
    """The result for one module.

    Attributes:
        text: The new text; the old one when nothing was done.
        rewritten: Codes of the findings that were fixed, a place each.
        reports: The messages for the user.
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
    if not mentions_nats(text, options.settings) and not reaches_nats(
        text, filename, options.settings
    ):
        return Result(text)
    source = Source(text)
    skip: dict[_Key, Message] = {}
    while True:
        try:
            return _Attempt(source, filename, options, skip).run()
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
        suspects: The rewritten places that may have caused the failure.
    """

    def __init__(self, message: Message, suspects: list[_Key]) -> None:
        super().__init__(*message.parts)
        self.suspects = suspects


def _guilty(
    source: Source, filename: str, options: Options, skip: dict[_Key, Message], suspects: list[_Key]
) -> list[_Key]:
    """Bisect for the rewrites that fail the proof: one, or a few that only fail together."""
    while len(suspects) > 1:
        half = suspects[: len(suspects) // 2]
        rest = suspects[len(half) :]
        for part, others in ((half, rest), (rest, half)):
            try:
                _Attempt(
                    source, filename, options, {**skip, **dict.fromkeys(others, Message())}
                ).run()
            except _FailedError as failure:
                suspects = [key for key in failure.suspects if key in part]
                break
        else:
            break
    return suspects


@dataclass
class _Attempt:
    """One complete run over a module.

    Attributes:
        original: The module before the run.
        filename: Its path.
        options: What to do.
        skip: Places to leave alone, and why.
        source: The module after the turns so far.
        result: The result so far.
        chosen: The rewrites made so far.
        first: The findings before the run.
        flaked: The messages of pyflakes before the run.
        standing: The lines before the run of the places that are left, by how they read; filled
            in the first turn. Places that read alike keep their order.
    """

    original: Source
    filename: str
    options: Options
    skip: dict[_Key, Message]
    source: Source = field(init=False)
    result: Result = field(init=False)
    chosen: list[_Candidate] = field(default_factory=list)
    first: list[Finding] = field(default_factory=list)
    flaked: list[Flake] = field(default_factory=list)
    standing: dict[_Look, list[int]] = field(default_factory=dict)

    def run(self) -> Result:
        """Rewrite until nothing is left to do, prove the result, join connections.

        Raises:
            _FailedError: The proof of the whole fails.
        """
        self.source, self.result = self.original, Result(self.original.text)
        try:
            turn = self._plan()
            while now := _disjoint(turn.candidates):
                self._make(now)
                turn = self._plan()
            self.result.reports += turn.refusals
            if self.chosen:
                self._prove(turn.findings)
                if self.options.unsafe:
                    self._join()
                self.result.text = self.source.text
        except (ProofError, RefusedError, SourceError) as error:
            raise _FailedError(error.message, self._suspects(error)) from error
        return self.result

    def _plan(self) -> _Turn:
        turn = _plan(
            self.original, self.source, self.filename, self.options, self.skip, self.standing
        )
        self.first = self.first or turn.findings
        return turn

    def _make(self, now: list[_Candidate]) -> None:
        """Make the rewrites of one turn."""
        self.flaked = self.flaked or flakes(self.original.tree, self.filename)
        self.chosen += now
        text = _apply(self.source, [candidate.rewrite for candidate in now])
        needed = [item for candidate in now for item in candidate.rewrite.imports]
        home = self.options.home(self.filename)
        self.source = Source(mend_imports(self.original, text, home, self.flaked, needed))
        for candidate in now:
            look, line = candidate.key
            self.standing[look].remove(line)
            _report(self.result, candidate)

    def _prove(self, findings: list[Finding]) -> None:
        """Prove the result. The last turn found nothing to do, so a second run changes nothing.

        Raises:
            ProofError: Something would be lost, or is wrong that was right.
        """
        rewrites = [candidate.rewrite for candidate in self.chosen]
        dropped = [item for rewrite in rewrites for item in rewrite.dropped]
        added = [item for rewrite in rewrites for item in rewrite.added]
        home = self.options.home(self.filename)
        prove(self.original, self.source, home, self.flaked, dropped, added)
        prove_findings(self.first, findings, self._fixed())
        prove_together(rewrites, self.source, self.options.settings)

    def _fixed(self) -> list[tuple[str, int]]:
        return [(candidate.site.qualname, candidate.key[1]) for candidate in self.chosen]

    def _suspects(self, error: ExplainedError) -> list[_Key]:
        qualname = getattr(error, "qualname", None)
        mine = [c for c in self.chosen if qualname is None or c.site.qualname == qualname]
        return [candidate.key for candidate in mine or self.chosen]

    def _join(self) -> None:
        """Join connections in functions whose connections were all rewritten, and report it."""
        manual: dict[str, list[Finding]] = {}
        for finding in sorted(self.first, key=lambda finding: (finding.line, finding.column)):
            if finding.rule in MANUAL:
                manual.setdefault(finding.qualname, []).append(finding)
        counts = Counter(qualname for qualname, _ in self._fixed())
        whole = {name: count for name, count in counts.items() if count == len(manual[name])}
        options, home = self.options, self.options.home(self.filename)
        joins = Joins(self.original, self.source, home, options.settings, options.helpers)
        joins.make(whole)
        self.source = joins.source
        for joined in joins.joined:
            finding = manual[joined.qualname][joined.gone]
            other = Line(manual[joined.qualname][joined.stays].line)
            text = Message("it no longer has a connection of its own, but that of ", other)
            self.result.reports.append(_report_of(finding, "unsafe", text))
        for blocked in joins.blocked:
            finding = manual[blocked.qualname][blocked.stays]
            text = Message("it keeps a connection of its own: ", *blocked.reason.parts)
            self.result.reports.append(_report_of(finding, "note", text))


def _report_of(finding: Finding, kind: Kind, message: Message) -> Report:
    return Report(finding.line, finding.code, finding.qualname, kind, message)


@dataclass(slots=True)
class _Turn:
    """The work of one turn: the linter's findings, the candidates, the refusals."""

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
        source: The module after the earlier turns.
        filename: Its path.
        options: What to do.
        skip: Places to leave alone, and why.
        standing: The lines before the run of the places that are left, by how they read; filled
            in the first turn. Places that read alike keep their order.
    """
    analysis = analyse(source.tree, options.settings, filename)
    turn = _Turn(findings_of(analysis, filename, options.settings))
    module = ParsedModule(source, analysis, Vocabulary(options.settings), options.helpers)
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


def _planned(module: ParsedModule, site: Site, options: Options, lines: Lines) -> Rewrite:
    """Plan one rewrite.

    Raises:
        RefusedError: There is none, or the options exclude it.
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


def _target(module: ParsedModule, site: Site) -> Target:
    """The kind of context manager that fits: one that a rule declares, or nats-py's client."""
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
        BlockWriter(rewrite, edits).write()
    return edits.apply()


def _report(result: Result, candidate: _Candidate) -> None:
    site = candidate.site

    def report(kind: Kind, *parts: str | Line) -> Report:
        return Report(candidate.key[1], candidate.code, site.qualname, kind, Message(*parts))

    result.rewritten.append(report("rewritten"))
    result.reports += [report("unsafe", *message.parts) for message in candidate.rewrite.unsafe]
    result.reports += [report("note", *message.parts) for message in candidate.rewrite.notes]
