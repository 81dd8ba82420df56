"""Joins connections of one function: an unsafe fix on top of the blocks that a run has made."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from flake8_naq.files.source_text import Source, SourceError
from flake8_naq.lifetimes import analyse
from flake8_naq.linter import findings_of
from flake8_naq.message import Line, Message, RefusedError
from flake8_naq.migrate.join.joinable import (
    JETSTREAM,
    KV_STORE,
    ConnectionBlock,
    Join,
    blocks,
    find_join,
)
from flake8_naq.migrate.match.declared_helpers import DeclaredHelpers
from flake8_naq.migrate.plan.needed import Import
from flake8_naq.migrate.plan.parsed_module import ParsedModule
from flake8_naq.migrate.tree import constants, last_line
from flake8_naq.migrate.verify import JOIN_ADDS_NO, ProofError, prove, prove_findings
from flake8_naq.migrate.write.edits import Edits, Shift
from flake8_naq.migrate.write.imports import Home, flakes, mend_imports
from flake8_naq.names.vocabulary import Vocabulary
from flake8_naq.settings import Settings


@dataclass(frozen=True, slots=True)
class Joined:
    """Two connections of one function, joined into one.

    Attributes:
        qualname: The function.
        gone: The number of the removed connection, in source order.
        stays: The number of the connection that takes its place.
    """

    qualname: str
    gone: int
    stays: int


@dataclass(frozen=True, slots=True)
class Blocked:
    """Two connections whose join was refused.

    Attributes:
        qualname: The function.
        stays: The number of the connection that a join would have removed, in source order.
        reason: Why not.
    """

    qualname: str
    stays: int
    reason: Message


@dataclass
class Joins:
    """Joins connections one step at a time, and proves each step by itself.

    Attributes:
        original: The module before the run; its own blocks are left alone.
        source: The module after the rewrites and the joins so far.
        home: Where it is, and who imports from it.
        settings: The linter's settings.
        helpers: The functions that the rules declare.
        joined: The connections that were joined.
        blocked: The joins that were refused.
    """

    original: Source
    source: Source
    home: Home
    settings: Settings
    helpers: DeclaredHelpers
    joined: list[Joined] = field(default_factory=list)
    blocked: list[Blocked] = field(default_factory=list)

    def make(self, counts: Mapping[str, int]) -> None:
        """Join in every function in which the run wrote several blocks.

        Args:
            counts: The number of those blocks by the function's qualified name.
        """
        before = _by_function(_module(self.original, self.home, self.settings, self.helpers))
        for qualname, number in counts.items():
            if number > 1:
                old = Counter(_header(block) for block in before.get(qualname, []))
                self._in_function(qualname, old, list(range(number)))

    def _in_function(self, qualname: str, old: Counter[str], numbers: list[int]) -> None:
        """Join until nothing is left to join, or a join is blocked."""
        while True:
            module = _module(self.source, self.home, self.settings, self.helpers)
            blocks_ = _by_function(module).get(qualname, [])
            found = [block for block in blocks_ if not old[_header(block)]]
            join = find_join(module, found) if len(found) == len(numbers) else None
            if join is None:
                return
            gone = numbers[found.index(join.joined)]
            try:
                self.source = _step(self.original, module, join, self.home, self.settings)
            except (ProofError, RefusedError, SourceError) as error:
                self.blocked.append(Blocked(qualname, gone, error.message))
                return
            self.joined.append(Joined(qualname, gone, numbers[found.index(join.kept)]))
            numbers.remove(gone)


def _module(
    source: Source, home: Home, settings: Settings, helpers: DeclaredHelpers
) -> ParsedModule:
    analysis = analyse(source.tree, settings, home.filename)
    return ParsedModule(source, analysis, Vocabulary(settings), helpers)


def _by_function(module: ParsedModule) -> dict[str, list[ConnectionBlock]]:
    """The blocks of each function; of several functions of one name, none."""
    found: dict[str, list[ConnectionBlock]] = {}
    twice: set[str] = set()
    for scope in module.analysis.names.scopes.values():
        if isinstance(scope.node, ast.AsyncFunctionDef):
            if scope.qualname in found:
                twice.add(scope.qualname)
            found[scope.qualname] = blocks(module, scope)
    return {name: held for name, held in found.items() if name not in twice}


def _header(block: ConnectionBlock) -> str:
    return ", ".join(map(ast.dump, block.node.items))


def _step(
    original: Source, module: ParsedModule, join: Join, home: Home, settings: Settings
) -> Source:
    """Make one join and prove it.

    Raises:
        ProofError: Something would be lost, or is wrong that was right.
        RefusedError: The codemod does not know how to edit this layout.
        SourceError: The result would not be Python.
    """
    source = module.source
    writer = _JoinWriter(module, join)
    text = writer.write()
    before = flakes(source.tree, home.filename)
    after = Source(mend_imports(original, text, home, before, _imports(module, join)))
    prove(source, after, home, before, writer.dropped())
    prove_findings(
        findings_of(module.analysis, home.filename, settings),
        findings_of(analyse(after.tree, settings, home.filename), home.filename, settings),
        [],
        JOIN_ADDS_NO,
    )
    return after


def _imports(module: ParsedModule, join: Join) -> list[Import]:
    """The import of `nats_jetstream`, where it replaces another manager."""
    scope, function = join.kept.scope, _called(join.kept)
    if join.js is None or not isinstance(function, ast.Name):
        return []
    names = module.analysis.names
    home = (names.resolve(function, scope) or "").rpartition(".")[0]
    known = names.resolve(ast.Name(JETSTREAM, ast.Load()), scope)
    if known == f"{home}.{JETSTREAM}":
        return []
    if known != JETSTREAM:
        raise RefusedError(f"`{JETSTREAM}` means something else in this file")
    return [Import(JETSTREAM, home or ".", function.id, scope.qualname)]


def _called(block: ConnectionBlock) -> ast.expr:
    assert block.call is not None
    return block.call.func


class _JoinWriter:
    """Makes the edits of one join."""

    def __init__(self, module: ParsedModule, join: Join) -> None:
        self.source = module.source
        self.module = module
        self.join = join
        self.edits = Edits(module.source)

    def write(self) -> str:
        """The text after the join.

        Raises:
            RefusedError: The codemod cannot edit its layout.
        """
        kept, joined = self.join.kept.node, self.join.joined.node
        outer, inner = self._indentations(kept)
        own, body = self._indentations(joined)
        self._rename()
        if self.join.js is not None:
            self._new_header(outer, inner)
        elif self.join.conn is not None:
            self._name_connection(self.join.conn)
        end = self._header_end(joined)
        if self.join.nested:
            unit = body.removeprefix(own)
            last = self._last_line(joined, body)
            self.edits.shift(end + 1, last, Shift(body, unit, right=False))
            self._old_header(joined, end, own)
        else:
            if (own, body) != (outer, inner):
                raise RefusedError("the two blocks have different indentation")
            unit = inner.removeprefix(outer)
            first = self._last_line(kept, inner) + 1
            self.edits.shift(first, joined.lineno - 1, Shift(outer, unit, right=True))
            self._old_header(joined, end, inner)
        return self.edits.apply()

    def dropped(self) -> list[str]:
        """The constants that the joined block's header held."""
        nodes = list(self.join.joined.config)
        if self.join.joined.bucket is not None and not self._binds():
            nodes.append(self.join.joined.bucket)
        return [constant for node in nodes for constant in constants(node)]

    def _indentations(self, node: ast.AsyncWith) -> tuple[str, str]:
        return self.source.indentation(node.lineno), self.source.indentation(node.body[0].lineno)

    def _last_line(self, node: ast.AsyncWith, body: str) -> int:
        """The last line of a block, with the comments at the end of its body."""
        source, last = self.source, last_line(node)
        number = last + 1
        while number <= len(source.lines):
            indentation, line = source.indentation(number), source.lines[number - 1].strip()
            if line.startswith("#") and indentation.startswith(body):
                last = number
            elif line:
                break
            number += 1
        return last

    def _header_end(self, node: ast.AsyncWith) -> int:
        item = node.items[0]
        number = last_line(item.optional_vars or item.context_expr)
        comment = self.source.comments.get(number)
        line = self.source.lines[number - 1]
        code = line[: comment[0]] if comment else line
        if not code.rstrip().endswith(":"):
            raise RefusedError(Line(number), " has a layout that the codemod cannot edit")
        return number

    def _new_header(self, outer: str, inner: str) -> None:
        """The block that stays yields JetStream; its other handles are derived from that."""
        kept, source = self.join.kept, self.source
        function = _called(kept)
        before = f"{source.segment(function.value)}." if isinstance(function, ast.Attribute) else ""
        config = ", ".join(
            source.segment(value) for value in kept.config if isinstance(value, ast.expr)
        )
        line = f"{outer}async with {before}{JETSTREAM}({config}) as ({self.join.conn}, {self.join.js}):"
        number = kept.node.lineno
        lines = [line + self._trailing(number)]
        if kept.kind == KV_STORE:
            lines.append(inner + self._binding(kept))
        self.edits.replace(number, number, lines)

    def _name_connection(self, name: str) -> None:
        """The block that stays binds its connection to a name."""
        number = self._header_end(self.join.kept.node)
        line = self.source.lines[number - 1]
        comment = self.source.comments.get(number)
        at = line.rindex(":", 0, comment[0] if comment else len(line))
        self.edits.changed[number] = f"{line[:at].rstrip()} as {name}{line[at:]}"

    def _old_header(self, node: ast.AsyncWith, end: int, indentation: str) -> None:
        """The rest of a joined block's header: its comments, and the binding of its bucket."""
        comments = self.source.comments
        if self.join.joined.kind == KV_STORE and self._binds():
            self.edits.replace(
                end, end, [indentation + self._binding(self.join.joined) + self._trailing(end)]
            )
            return
        lines = [
            indentation + comments[number][1]
            for number in range(node.lineno, end + 1)
            if number in comments
        ]
        self.edits.replace(node.lineno, end, lines)

    def _binds(self) -> bool:
        """Whether the joined block needs a statement that binds its bucket."""
        return self.join.js is not None or self.join.kept.kind == JETSTREAM

    def _binding(self, block: ConnectionBlock) -> str:
        bucket, js = block.bucket, self.join.js or self.join.kept.target[1]
        assert bucket is not None
        return f"{block.target[2]} = await {js}.key_value({self.source.segment(bucket)})"

    def _trailing(self, number: int) -> str:
        comment = self.source.comments.get(number)
        return f"  {comment[1]}" if comment else ""

    def _rename(self) -> None:
        """Rename the joined block's variables to those of the block that stays."""
        scope, joined = self.join.joined.scope, self.join.joined
        places = [
            (mention.node.lineno, mention.node, new)
            for old, new in self.join.renamed.items()
            for mention in self.module.mentions(scope, old)
            if joined.holds(mention.line)
        ]
        # From right to left: earlier columns stay valid.
        for number, node, new in sorted(
            places, key=lambda place: (place[0], place[1].col_offset), reverse=True
        ):
            line = self.edits.changed.get(number, self.source.lines[number - 1])
            at = self.source.column(number, node.col_offset)
            if line[at : at + len(node.id)] != node.id:
                raise RefusedError(Line(number), " has a layout that the codemod cannot edit")
            self.edits.changed[number] = line[:at] + new + line[at + len(node.id) :]
