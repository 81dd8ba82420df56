"""Writes a planned rewrite: an ``async with`` around lines that otherwise keep their text."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from flake8_naq.message import Line, RefusedError
from flake8_naq.migrate.plan.rewrite import Rewrite
from flake8_naq.migrate.tree import last_line
from flake8_naq.migrate.write.edits import Edits, Shift

_FINALLY = re.compile(r"\s*finally\s*:")
_EQUALS = re.compile(r"[ \t]*=[ \t]*")


class BlockWriter:
    """Makes the edits of one planned rewrite."""

    def __init__(self, rewrite: Rewrite, edits: Edits) -> None:
        module, region = rewrite.module, rewrite.region
        self.source = module.source
        self.module = module
        self.region = region
        self.header = rewrite.header
        self.removed = [close.statement for close in rewrite.removed]
        self.kept = [close.statement for close in rewrite.kept]
        self.inits = rewrite.inits
        self.edits = edits
        self.base = self.source.indentation(region.anchor.lineno)
        self.unit = self._unit()

    def write(self) -> None:
        """Make the edits.

        Raises:
            RefusedError: The lines cannot be moved, for example because they are part of a string.
        """
        for init in self.inits:
            self._take_out(init)
        {
            "before-try": self._before_try,
            "inside-try": self._inside_try,
            "around-try": self._around_try,
            "straight": self._straight,
            "never": self._straight,
        }[self.region.shape]()

    # -- shapes

    def _before_try(self) -> None:
        guard = self.region.guard
        assert guard is not None
        after = self._below()
        self.edits.shift(after, guard.lineno - 1, Shift(self.base, self.unit, right=True))
        self._write_header(self.base)
        self._guarded(guard)
        self._take_derivations()
        self._fill(guard.body, guard.body)
        self._close_gap(after)

    def _around_try(self) -> None:
        """The client is made in front of the ``try``, no longer in it."""
        region, guard = self.region, self.region.guard
        assert guard is not None
        made = getattr(region.acquire, "value", None)
        assert isinstance(made, ast.expr)
        if isinstance(region.acquire, ast.AnnAssign):
            annotation = self.source.segment(region.acquire.annotation)
            self.edits.insert(guard.lineno, [f"{self.base}{region.handle}: {annotation}"])
        first, last = region.acquire.lineno, last_line(region.acquire)
        if first != last:
            raise RefusedError(Line(first), " has a layout that the codemod cannot edit")
        header = f"{self.base}async with {self.source.segment(made)} as {region.handle}:"
        self.edits.insert(guard.lineno, [header + self._gap(last, self.source.comments.get(last))])
        below = first + 1
        while region.acquire is guard.body[0] and not self.source.lines[below - 1].strip():
            below += 1
        self.edits.replace(first, below - 1, [])
        self._guarded(guard)

    def _guarded(self, guard: ast.Try) -> None:
        """Move the ``try`` into the block, without what the block replaces."""
        right = Shift(self.base, self.unit, right=True)
        if self._finally_goes() and not guard.handlers:
            self._comment_lines(guard.lineno, guard.lineno, self.base + self.unit)
            self._drop_finally(self.base + self.unit)
        else:
            self.edits.shift(guard.lineno, last_line(guard), right)
            if self._finally_goes():
                self._drop_finally(self.base + self.unit)
            else:
                self._drop_closes()

    def _between(self) -> list[ast.stmt]:
        block = self.module.blocks.place(self.region.anchor).block
        return block[block.index(self.region.anchor) + 1 : block.index(self.region.end)]

    def _inside_try(self) -> None:
        region, guard = self.region, self.region.guard
        assert guard is not None
        rest = guard.body[guard.body.index(region.acquire) + 1 :]
        after = last_line(region.acquire) + 1
        whole = self._finally_goes()
        if not guard.handlers and (whole or self.kept):
            self._in_place_of_try(guard, after, whole=whole)
        else:
            self._within_try(guard, after, bool(rest), whole=whole)
        self._take_derivations()
        if not self._remaining(rest):
            at = last_line(rest[-1]) + 1 if rest else after
            inner = self.base if not guard.handlers and whole else self.base + self.unit
            if guard.handlers and self.kept:
                raise RefusedError("no code uses the connection")
            self.edits.insert(at, [f"{inner}pass"])
        self._close_gap(after)

    def _in_place_of_try(self, guard: ast.Try, after: int, *, whole: bool) -> None:
        """The ``async with`` replaces the ``try``; statements before it move out."""
        outer = self.source.indentation(guard.lineno)
        left = Shift(self.base, self.unit, right=False)
        self.edits.shift(guard.lineno + 1, self.region.acquire.lineno - 1, left)
        self._comment_lines(guard.lineno, guard.lineno, outer)
        self._write_header(outer, left)
        if whole:
            self._drop_finally(self.base)
            return
        self.edits.insert(after, [f"{self.base}try:"])
        self.edits.shift(after, last_line(guard), Shift(outer, self.unit, right=True))
        self._drop_closes()

    def _within_try(self, guard: ast.Try, after: int, has_rest: bool, *, whole: bool) -> None:
        """The ``async with`` stands in the ``try``, around the rest of its body."""
        self._write_header(self.base)
        right = Shift(self.base, self.unit, right=True)
        end = last_line(guard.body[-1])
        if has_rest:
            self.edits.shift(after, end, right)
        if whole:
            self._drop_finally(self.base + self.unit, end + 1)
        elif self.kept:
            self._move_finally(after, end, right)
        else:
            self._drop_closes()

    def _move_finally(self, first: int, last: int, right: Shift) -> None:
        """Put the ``finally`` around the body of the block: it has to run before the block closes."""
        guard, source = self.region.guard, self.source
        assert guard is not None
        inner = self.base + self.unit
        start, end = self._finally_line(guard), last_line(guard.finalbody[-1])
        if guard.finalbody[0].lineno == start or source.indentation(start + 1) == "":
            raise RefusedError(Line(start), " holds more than one statement")
        self.edits.insert(first, [f"{inner}try:"])
        self.edits.shift(first, last, Shift(inner, self.unit, right=True))
        moved = [inner + source.lines[start - 1].strip()]
        for number in range(start + 1, end + 1):
            line = source.lines[number - 1].rstrip("\r\n")
            if number in source.inside_string:
                raise RefusedError(Line(number), " is part of a string")
            moved.append(
                right.move(Shift(self.base, self.unit, right=True).move(line))
                if line.strip()
                else line
            )
        self.edits.insert(last + 1, moved)
        self.edits.replace(start, end, [])

    def _straight(self) -> None:
        region = self.region
        block = self.module.blocks.place(region.anchor).block
        first, last = block.index(region.anchor), block.index(region.end)
        body = block[first + 1 : last + 1]
        after = self._below()
        self._write_header(self.base)
        end = last_line(region.end)
        self.edits.shift(after, end, Shift(self.base, self.unit, right=True))
        self._drop_closes()
        self._take_derivations()
        if not self._remaining(body):
            self.edits.insert(end + 1, [f"{self.base}{self.unit}pass"])
        self._close_gap(after)

    # -- pieces

    def _write_header(self, indentation: str, moved: Shift | None = None) -> None:
        region, source = self.region, self.source
        statement = region.acquire
        first, last = statement.lineno, last_line(statement)
        if self.header.lines and not self.header.lines[0].startswith(
            f"async with {region.handle}:"
        ):
            comments = [source.comments[n][1] for n in range(first, last) if n in source.comments]
            trailing = source.comments.get(last)
            lines = [indentation + comment for comment in comments]
            text = self.header.lines[0]
            if isinstance(statement, ast.AnnAssign) and region.handle not in self.header.gone:
                lines.append(
                    f"{indentation}{region.handle}: {source.segment(statement.annotation)}"
                )
            lines.append(indentation + text + self._gap(last, trailing))
            self.edits.replace(first, last, lines)
            return
        if self.header.lines:  # `async with nc:` below the connecting call
            self.edits.insert(self._below(), [indentation + self.header.lines[0]])
            if moved is not None:
                self.edits.shift(first, last, moved)
            return
        self._rewrite_in_place(statement, indentation)
        if moved is not None:
            self.edits.shift(first, last, moved)

    def _below(self) -> int:
        """The line below the acquisition; blank lines after a ``try`` of its own stay there."""
        region = self.region
        number = last_line(region.anchor) + 1
        while region.anchor is not region.acquire and not self.source.lines[number - 1].strip():
            number += 1
        return number

    def _rewrite_in_place(self, statement: ast.stmt, indentation: str) -> None:
        """``nc = await f(...)`` becomes ``async with await f(...) as nc:``, the rest as it stands."""
        source, handle = self.source, self.region.handle
        value = getattr(statement, "value", None)
        assert isinstance(value, ast.expr)
        first, last = statement.lineno, last_line(statement)
        lines = {number: source.lines[number - 1] for number in range(first, last + 1)}
        end = source.column(last, statement.end_col_offset or 0)
        bound = f" as {handle}" if self.header.binds else ""
        lines[last] = f"{lines[last][:end]}{bound}:{lines[last][end:]}"
        start = source.column(first, statement.col_offset)
        if isinstance(statement, ast.Expr):
            call = self.region.site.call
            function = call.func
            assert isinstance(function, ast.Attribute)
            owner = function.value
            line = lines[owner.lineno]
            at = source.column(owner.lineno, owner.col_offset)
            lines[owner.lineno] = line[:at] + "nats" + line[at + len(handle) :]
            lines[first] = f"{lines[first][:start]}async with {lines[first][start:]}"
        else:
            # From the target to the `=`: the value may start in brackets on a later line.
            begin = self._after_equals(statement)
            if isinstance(statement, ast.AnnAssign):
                annotation = source.segment(statement.annotation)
                self.edits.insert(first, [f"{indentation}{handle}: {annotation}"])
            lines[first] = f"{lines[first][:start]}async with {lines[first][begin:]}"
            self._realign(lines, first, start + len("async with ") - begin)
        for number, line in lines.items():
            self.edits.changed[number] = line

    def _realign(self, lines: dict[int, str], first: int, moved: int) -> None:
        """Keep arguments below each other that were aligned with an opening bracket."""
        opening = self.source.lines[first - 1].find("(") + 1
        for number in [number for number in lines if number > first]:
            line = lines[number]
            if number in self.source.inside_string or len(line) - len(line.lstrip(" ")) != opening:
                continue
            lines[number] = " " * moved + line if moved > 0 else line[-moved:]

    def _after_equals(self, statement: ast.stmt) -> int:
        """The column on the statement's first line where its value, or a bracket before it, starts."""
        before = statement.annotation if isinstance(statement, ast.AnnAssign) else None
        if isinstance(statement, ast.Assign):
            before = statement.targets[0]
        assert before is not None
        at = self.source.column(statement.lineno, before.end_col_offset or 0)
        found = _EQUALS.match(self.source.lines[statement.lineno - 1], at)
        if found is None or before.end_lineno != statement.lineno:
            raise RefusedError(Line(statement.lineno), " has a layout that the codemod cannot edit")
        return found.end()

    def _gap(self, number: int, comment: tuple[int, str] | None) -> str:
        if comment is None:
            return ""
        line = self.source.lines[number - 1][: comment[0]]
        return line[len(line.rstrip()) :] + comment[1]

    def _finally_goes(self) -> bool:
        guard = self.region.guard
        assert guard is not None
        return all(statement in self.removed for statement in guard.finalbody)

    def _drop_finally(self, indentation: str, comments_at: int | None = None) -> None:
        """Remove the ``finally``; its comments stay there, or move to the end of the block."""
        guard = self.region.guard
        assert guard is not None
        start, end = self._finally_line(guard), last_line(guard.finalbody[-1])
        self._comment_lines(start, end, indentation)
        if comments_at is not None:
            kept = [
                line for number in range(start, end + 1) for line in self.edits.replaced[number]
            ]
            self.edits.replace(start, end, [])
            self.edits.insert(comments_at, kept)
        self._drop_blank_before(start)

    def _finally_line(self, guard: ast.Try) -> int:
        above = [*guard.body, *guard.handlers, *guard.orelse]
        for number in range(last_line(above[-1]) + 1, guard.finalbody[0].lineno + 1):
            if _FINALLY.match(self.source.lines[number - 1]):
                return number
        raise RefusedError("the `finally` has a layout that the codemod cannot edit")

    def _drop_closes(self) -> None:
        for statement in self.removed:
            if not self._alone_in_block(statement):
                self._take_out(statement)
            else:
                self._take_out(statement, "pass")
            self._drop_blank_before(statement.lineno, only=statement is self.region.end)

    def _alone_in_block(self, statement: ast.stmt) -> bool:
        block = self.module.blocks.place(statement).block
        return all(other in self.removed for other in block) and statement is block[-1]

    def _take_derivations(self) -> None:
        for statement in self.header.taken:
            self._take_out(statement)

    def _remaining(self, body: Iterable[ast.stmt]) -> bool:
        gone = [*self.header.taken, *self.removed]
        return any(statement not in gone for statement in body)

    def _fill(self, block: list[ast.stmt], body: list[ast.stmt]) -> None:
        if not self._remaining(body) and (
            not self._between() or self.region.guard is None or self.region.guard.handlers
        ):
            last = last_line(block[-1])
            levels = self.base + self.unit
            guard = self.region.guard
            if guard is not None and not (self._finally_goes() and not guard.handlers):
                levels += self.unit
            self.edits.insert(last + 1, [f"{levels}pass"])

    def _take_out(self, statement: ast.stmt, instead: str | None = None) -> None:
        """Delete a statement; its comments stay, each on a line of its own."""
        indentation = self.source.indentation(statement.lineno)
        first, last = statement.lineno, last_line(statement)
        newline = self.source.newline
        for number in range(first, last + 1):
            comment = self.source.comments.get(number)
            if comment is None:
                self.edits.replaced[number] = []
            else:
                self.edits.changed[number] = indentation + comment[1] + newline
        if instead is not None:
            self.edits.replaced.pop(last, None)
            text = f"{indentation}{instead}"
            comment = self.source.comments.get(last)
            self.edits.changed[last] = text + (f"  {comment[1]}" if comment else "") + newline

    def _comment_lines(self, first: int, last: int, indentation: str) -> None:
        """Delete lines but for their comments."""
        comments = self.source.comments
        for number in range(first, last + 1):
            found = comments.get(number)
            self.edits.replaced[number] = [indentation + found[1]] if found else []

    def _drop_blank_before(self, number: int, *, only: bool = True) -> None:
        while only and number > 1 and not self.source.lines[number - 2].strip():
            number -= 1
            if number in self.source.inside_string:
                return
            self.edits.replaced[number] = []

    def _close_gap(self, number: int) -> None:
        """Delete blank lines right below the header."""
        while number <= len(self.source.lines):
            if number in self.edits.inserted and number != self._below():
                return
            line = self.source.lines[number - 1]
            gone = self.edits.replaced.get(number) == []
            if not gone and line.strip():
                return
            if number > last_line(self.region.end):
                return
            self.edits.replaced[number] = []
            number += 1

    def _unit(self) -> str:
        """The indentation of one level in this function."""
        region = self.region
        owner = self.module.blocks.place(region.anchor).owner
        outer = self.source.indentation(getattr(owner, "lineno", region.anchor.lineno))
        if self.base.startswith(outer) and len(self.base) > len(outer):
            return self.base[len(outer) :]
        return "\t" if "\t" in self.base else "    "
