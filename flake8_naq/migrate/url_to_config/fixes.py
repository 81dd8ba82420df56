"""Rule 21 over all files of a run: its fix changes a class and all of its callers."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property, partial

from flake8_naq.files.documents import document, read_bytes
from flake8_naq.files.source_text import Source, SourceError
from flake8_naq.findings import Finding
from flake8_naq.linter import lint
from flake8_naq.message import Line, Message, RefusedError
from flake8_naq.migrate.deep_stack import deeply
from flake8_naq.migrate.fixer import URL_RULE, Options
from flake8_naq.migrate.lines import Lines
from flake8_naq.migrate.outcome import FileOutcome, Kind, Report
from flake8_naq.migrate.url_to_config.callers import Callers
from flake8_naq.migrate.url_to_config.class_names import local_names
from flake8_naq.migrate.url_to_config.constructors import (
    PARAMETER,
    Constructor,
    change_class,
    config_module,
    constructors,
)
from flake8_naq.migrate.url_to_config.patches import Patches
from flake8_naq.migrate.verify import ProofError, prove, prove_findings
from flake8_naq.migrate.write.imports import flakes, mend_imports
from flake8_naq.names import Names

_RENAMED = re.compile(rb"\b(\w+)\s+as\s+(\w+)")


def fix_constructors(
    outcomes: Iterable[FileOutcome], options: Options, paths: Sequence[str] = ()
) -> Iterator[FileOutcome]:
    """Make rule 21's fixes on top of the others, file by file or in several at once.

    Args:
        outcomes: The outcome of every file so far.
        options: What to do.
        paths: All files of the run, files that only call the class included.
    """
    held: dict[str, FileOutcome] = {}
    for outcome in outcomes:
        # Files that define no such class are read again where they call one.
        if outcome.document is not None and _may_call(outcome):
            held[outcome.path] = outcome
        else:
            yield outcome
    found = deeply(lambda: list(_defined(held)))
    if found:
        names = _hold_callers(held, found, paths)
        for constructor in found:
            deeply(_Fix(constructor, held, names, options).make)
    yield from held.values()


def _defined(held: Mapping[str, FileOutcome]) -> Iterator[Constructor]:
    """The classes that take a URL."""
    for path, outcome in held.items():
        if PARAMETER in outcome.text:
            yield from constructors(path, Names(Source(outcome.text).tree))


def _hold_callers(
    held: dict[str, FileOutcome], found: Iterable[Constructor], paths: Iterable[str]
) -> frozenset[str]:
    """Load the files that may call a class; return the names that the classes may have."""
    contents = {path: outcome.text.encode() for path, outcome in held.items()}
    others = _contents(path for path in paths if path not in held)
    names = _names(found, [*contents.values(), *others.values()])
    held |= _callers(others, names)
    return names


def _may_call(outcome: FileOutcome) -> bool:
    # A file that was rewritten cannot be read again.
    return outcome.changed or bool(outcome.reports) or PARAMETER in outcome.text


def _contents(paths: Iterable[str]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for path in paths:
        # An unreadable file is already reported.
        with suppress(SourceError):
            found[path] = read_bytes(path)
    return found


def _names(found: Iterable[Constructor], contents: Iterable[bytes]) -> frozenset[str]:
    """The names that the classes may have anywhere, by the words ``Name as other``."""
    names = {constructor.owner.name for constructor in found}
    pairs = {pair for content in contents for pair in _RENAMED.findall(content)}
    renamed = {
        (old.decode("utf-8", "replace"), new.decode("utf-8", "replace")) for old, new in pairs
    }
    while new := {other for name, other in renamed if name in names} - names:
        names |= new
    return frozenset(names)


def _callers(contents: Mapping[str, bytes], names: Collection[str]) -> dict[str, FileOutcome]:
    """The files that hold one of the names."""
    found: dict[str, FileOutcome] = {}
    for path, content in contents.items():
        if any(name.encode() in content for name in names):
            with suppress(SourceError, RecursionError):
                read = document(path, content)
                deeply(partial(Source, read.text))
                found[path] = FileOutcome(path, read, read.text)
    return found


@dataclass
class _Fix:
    """The fix of one class.

    Attributes:
        constructor: The class, as the file was when it was found.
        held: Every file that may have to follow, by path.
        names: The names that the classes of the run may have.
        options: What to do.
    """

    constructor: Constructor
    held: dict[str, FileOutcome]
    names: Collection[str]
    options: Options
    _lines: dict[str, Lines] = field(default_factory=dict)

    def make(self) -> None:
        """Change the class and its callers, or report why not."""
        finding = self._finding()
        if finding is None:
            return
        home = self.held[self.constructor.path]
        line = self._before_the_run(Line(finding.line, home.path)).number

        def report(kind: Kind, message: Message) -> Report:
            moved = message.renumbered(self._before_the_run)
            return Report(line, finding.code, finding.qualname, kind, moved)

        try:
            texts = {path: self._proven(path, patches) for path, patches in self._changes()}
        except RefusedError as reason:
            home.reports.append(report("left", reason.message))
            return
        except (ProofError, SourceError) as error:
            reason_ = Message("its rewrite did not pass the check: ", *error.message.parts)
            home.reports.append(report("left", reason_))
            return
        home.rewritten.append(report("rewritten", Message()))
        text = (
            f"`{self.constructor.owner.name}` takes a `Config`: callers outside of the given "
            f"paths that pass `{PARAMETER}=` must be changed"
        )
        home.reports.append(report("unsafe", Message(text)))
        for path, new in texts.items():
            self.held[path].text = new

    def _finding(self) -> Finding | None:
        """The linter's finding, None where flake8 does not report it."""
        path = self.constructor.path
        source = Source(self.held[path].text)
        findings = lint(source.tree, path, self.options.settings)
        return next(
            (
                finding
                for finding in self.options.reported(path, source.lines, findings)
                if finding.rule == URL_RULE and finding.qualname == self.constructor.scope.qualname
            ),
            None,
        )

    def _before_the_run(self, line: Line) -> Line:
        path = line.path or self.constructor.path
        outcome = self.held[path]
        assert outcome.document is not None
        if path not in self._lines:
            before = Source(outcome.document.text).lines
            self._lines[path] = Lines(before, Source(outcome.text).lines)
        return Line(self._lines[path].number(line.number), line.path)

    @cached_property
    def _sources(self) -> dict[str, Source]:
        return {
            path: Source(outcome.text)
            for path, outcome in self.held.items()
            if path == self.constructor.path or any(name in outcome.text for name in self.names)
        }

    def _changes(self) -> Iterator[tuple[str, Patches]]:
        """The edits of the class's file and of each caller's.

        Raises:
            RefusedError: It is not certain that every use is seen and can be changed.
        """
        sources, home, name = self._sources, self.constructor.path, self.constructor.owner.name
        names = {path: Names(source.tree) for path, source in sources.items()}
        # An earlier fix may have moved the class.
        found = next(
            item
            for item in constructors(home, names[home])
            if item.scope.qualname == self.constructor.scope.qualname
        )
        others = frozenset(
            path for path in sources if path != home and name in names[path].module.classes
        )
        known = local_names(home, name, sources, others)
        offering = [path for path, locals_ in known.items() if name in locals_]
        changes = {home: Patches(sources[home])}
        config = config_module(names[home], found)
        change_class(found, names[home], changes[home])
        for path, source in sources.items():
            patches = changes.setdefault(path, Patches(source))
            Callers(found, path, names[path], known[path], offering, config, patches).change()
        for path, patches in changes.items():
            if patches.patches:
                self._refuse_unwritable(path)
                yield path, patches

    def _refuse_unwritable(self, path: str) -> None:
        if path in self.options.unwritable:
            raise RefusedError(
                f"{path} has changes that are not staged; stage or commit it first, "
                "or use --allow-dirty"
            )

    def _proven(self, path: str, patches: Patches) -> str:
        """The new text of one file.

        Raises:
            ProofError: Something would be lost, or is wrong that was right.
            RefusedError: An import stands where it cannot be changed.
            SourceError: The result would not be Python.
        """
        source, home = patches.source, self.options.home(path)
        before = flakes(source.tree, path)
        text = mend_imports(source, patches.apply(), home, before, patches.imports)
        after = Source(text)
        prove(source, after, home, before, patches.dropped, patches.added)
        settings = self.options.settings
        prove_findings(lint(source.tree, path, settings), lint(after.tree, path, settings), [])
        return text
