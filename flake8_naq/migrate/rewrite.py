"""Turns the region of a hand-managed connection into an ``async with``."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from flake8_naq.lifetimes import Site
from flake8_naq.lifetimes.vocabulary import CLIENT_CLASSES, NAQ_CONNECT
from flake8_naq.migrate.blocks import Mention, constants, last_line
from flake8_naq.migrate.closing import Close
from flake8_naq.migrate.edits import Edits
from flake8_naq.migrate.managers import Header, Manager, Step
from flake8_naq.migrate.plans import Import, RefusedError, Rewrite, Target
from flake8_naq.migrate.regions import Module, Region, find_region
from flake8_naq.migrate.writer import Writer
from flake8_naq.names import Scope, own_nodes

_HANDLERS_OF_ALL = frozenset({"BaseException", "CancelledError"})


def plan_rewrite(module: Module, site: Site, target: Target) -> Rewrite:
    """Decide how one hand-managed connection becomes an ``async with``.

    Raises:
        RefusedError: It stays as it is, for the reason that the message gives.
    """
    return _Planner(module, find_region(module, site), target).plan()


@dataclass
class _Planner:
    module: Module
    region: Region
    target: Target

    def plan(self) -> Rewrite:
        region = self.region
        self._check_lines()
        removed, kept = self._closes()
        unsafe = self._leaks(removed + kept)
        notes = self._notes(removed)
        header = self._header(removed, kept)
        guard = region.guard
        first = region.anchor.lineno
        if region.made is not None and region.made in self._dropped_statements(header):
            first = region.made.lineno
        inits = self._inits(header)
        first = min([first, *(init.lineno for init in inits)])
        if region.shape == "inside-try" and guard is not None:
            first = min(first, guard.lineno)
        unsafe += self._handler_changes(kept) + self._other_kind()

        def edit(edits: Edits) -> None:
            Writer(self.module, region, header, removed, kept, inits, edits).write()

        return Rewrite(
            first,
            last_line(region.end),
            edit,
            header.imports,
            unsafe,
            notes,
            self._dropped(removed, header, inits),
        )

    # -- what may go

    def _check_lines(self) -> None:
        region, source = self.region, self.module.source
        statements = [region.acquire, *(close.statement for close in region.closes), *region.inits]
        if region.made is not None:
            statements.append(region.made)
        guard = region.guard
        for statement in statements:
            if guard is not None and statement in guard.finalbody and len(guard.finalbody) == 1:
                continue  # `finally: await nc.close()` on one line goes as a whole
            if not source.alone(statement):
                raise RefusedError(f"line {statement.lineno} holds more than one statement")
        if guard is not None and (not source.alone(guard) or guard.body[0].lineno == guard.lineno):
            raise RefusedError(f"line {guard.lineno} holds more than one statement")

    def _closes(self) -> tuple[list[Close], list[Close]]:
        """The closes that go, and those that stay in their place."""
        region = self.region
        removed: list[Close] = []
        kept: list[Close] = []
        for close in region.closes:
            (kept if self._stays(close) else removed).append(close)
        guard = region.guard
        if region.shape == "inside-try" and guard is not None and guard.handlers:
            final = [close for close in region.closes if close.statement in guard.finalbody]
            if any(close in kept for close in final):
                # The whole `finally` moves into the block, below its body.
                if region.others or len(final) < len(guard.finalbody):
                    raise RefusedError(
                        f"the `finally` on line {final[0].statement.lineno} does more than to close"
                    )
                removed = [close for close in removed if close not in final]
                kept += [close for close in final if close not in kept]
        if self.target == "naq" and kept:
            line = kept[0].statement.lineno
            raise RefusedError(f"the close on line {line} does not end the use of the connection")
        return removed, kept

    def _stays(self, close: Close) -> bool:
        region, guard = self.region, self.region.guard
        if self.target == "nats-py" and (close.method == "drain" or close.swallows):
            return True
        place = self.module.blocks.place(close.statement)
        if guard is not None and close.statement in guard.finalbody:
            after = guard.finalbody[place.index + 1 :]
            before = guard.finalbody[: place.index]
            own = list(region.others)
            if region.shape == "before-try":
                return any(statement in own for statement in after)
            return any(statement in own for statement in before)
        if guard is None and close.statement in self._siblings():
            # Of several closes in a row, the order does not matter; what comes after does.
            rest = self._siblings()
            tail = rest[rest.index(close.statement) : rest.index(region.end) + 1]
            return any(statement not in region.closing for statement in tail)
        following = place.block[place.index + 1 :]
        if not following:
            return True
        match following[0]:
            case ast.Return(value=None | ast.Constant() | ast.Name()):
                return False
            case ast.Raise():
                return False
        return True

    def _siblings(self) -> list[ast.stmt]:
        return self.module.blocks.place(self.region.anchor).block

    def _leaks(self, closes: list[Close]) -> list[str]:
        """Paths that were left without a close and now have one."""
        region = self.region
        found: list[str] = []
        if region.shape == "never":
            if self._listens() and not _waits(region.end):
                raise RefusedError(
                    f"its callbacks work for as long as `{region.handle}` is open: "
                    "close it where the program ends"
                )
            found.append(
                f"`{region.handle}` was never closed; "
                f"it now closes when the block ends, after line {last_line(region.end)}"
            )
            return found
        closing = {close.statement for close in closes}
        covered = region.guard
        for node in self._own_statements():
            if not isinstance(node, (ast.Return, ast.Break, ast.Continue)):
                continue
            if covered is not None and _inside(self.module, node, covered):
                continue
            if isinstance(node, (ast.Break, ast.Continue)) and self._loops_inside(node):
                continue
            place = self.module.blocks.place(node)
            if any(before in closing for before in place.block[: place.index]):
                continue
            found.append(f"line {node.lineno} left `{region.handle}` open; it is now closed there")
        if region.shape == "straight" and self._swallowed() and self._listens():
            found.append(
                f"an error left `{region.handle}` open with its subscriptions at work; "
                "it is now closed"
            )
        return found

    def _own_statements(self) -> Iterator[ast.stmt]:
        region = self.region
        for node in own_nodes(region.scope.node):
            if isinstance(node, ast.stmt) and last_line(region.anchor) < node.lineno <= last_line(
                region.end
            ):
                yield node

    def _loops_inside(self, node: ast.stmt) -> bool:
        for owner, field in self.module.blocks.ancestors(node):
            if isinstance(owner, (ast.For, ast.AsyncFor, ast.While)) and field == "body":
                return owner.lineno > self.region.acquire.lineno
        return False

    def _swallowed(self) -> bool:
        return any(
            isinstance(owner, ast.Try) and field == "body" and owner.handlers
            for owner, field in self.module.blocks.ancestors(self.region.acquire)
        )

    def _listens(self) -> bool:
        return any(
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "subscribe"
            for node in own_nodes(self.region.scope.node)
        )

    def _handler_changes(self, kept: list[Close]) -> list[str]:
        """Handlers of the ``try`` around an acquisition, which now also see a close."""
        guard = self.region.guard
        if self.region.shape != "inside-try" or guard is None or self.target == "naq":
            return []
        drains = [
            f"an error of the drain on line {close.statement.lineno} now reaches the `except` clauses"
            for close in kept
            if guard.handlers
            and close.statement in guard.finalbody
            and not _swallows(close.statement)
        ]
        return drains + [
            f"the `except` on line {handler.lineno} now also sees a cancellation of the close"
            for handler in guard.handlers
            if handler.type is None
            or any(
                isinstance(node, (ast.Name, ast.Attribute))
                and (node.id if isinstance(node, ast.Name) else node.attr) in _HANDLERS_OF_ALL
                for node in ast.walk(handler.type)
            )
        ]

    def _other_kind(self) -> list[str]:
        """What changes when the target was chosen against the code's own helpers."""
        called = self.module.analysis.names.resolve(self.region.site.call.func, self.region.scope)
        helper = (called or "").rpartition(".")[2] in NAQ_CONNECT
        if self.target == "naq" and not helper:
            return [
                "the connection becomes one that is shared, with the settings of naq's `Config`"
            ]
        pooled = any(close.method in ("helper", "pooled") for close in self.region.closes)
        if self.target == "nats-py" and helper and pooled:
            return ["the block closes the connection itself, which naq's helper might have shared"]
        return []

    def _notes(self, removed: list[Close]) -> list[str]:
        region = self.region
        notes = [
            f"line {close.statement.lineno} closed whatever the pool holds, not `{region.handle}`"
            for close in removed
            if close.method == "pooled"
        ]
        notes += [
            f"`{region.handle}` was closed before the other connections of line "
            f"{last_line(region.end)}, and is now closed after them"
            for close in removed
            if region.shape == "straight"
            and close.statement is not region.end
            and close.statement in self._siblings()
            and region.end not in [own.statement for own in region.closes]
        ]
        if (
            region.shape == "inside-try"
            and not region.inits
            and region.made is None
            and any(isinstance(close.statement, ast.Expr) and close.handle for close in removed)
        ):
            notes.append(
                f"a failed connect raised an UnboundLocalError for `{region.handle}`; "
                "it now raises its own error"
            )
        return notes

    # -- the header

    def _header(self, removed: list[Close], kept: list[Close]) -> Header:
        if self.target == "nats-py":
            return self._plain_header(removed)
        region, module = self.region, self.module
        if region.anchor is not region.acquire:
            raise RefusedError("it is opened in a `try` of its own and used after it")
        if region.unpacked:
            raise RefusedError("the connection is unpacked together with other values")
        if region.made is not None:
            raise RefusedError("the client is made before it connects")
        value = getattr(region.acquire, "value", None)
        if not isinstance(value, ast.Await) or value.value is not region.site.call:
            raise RefusedError(
                "the connecting call stands inside another call, which would be lost"
            )
        steps = self._steps()
        uses = self._uses(removed)
        self._refuse_outside(uses[region.handle])
        manager = Manager(
            region.site,
            region.scope,
            module.analysis.names,
            module.vocabulary,
            module.source,
            module.parents,
        )
        drains = any(close.method == "drain" for close in removed)
        header = manager.header(steps, uses, drains=drains)
        for name in {*header.gone, *(_targets(header.taken))}:
            self._refuse_outside(uses.get(name, []))
        for statement in header.taken:
            if not module.source.alone(statement):
                raise RefusedError(f"line {statement.lineno} holds more than one statement")
        for statement in (region.acquire, *header.taken):
            for _, comment in self._comments(statement):
                if comment.startswith("# type:") and header.gone:
                    raise RefusedError(
                        f"the type comment on line {statement.lineno} would lose its place"
                    )
        return header

    def _named_again(self, removed: list[Close]) -> bool:
        """Whether anything is left that names the connection."""
        region = self.region
        apart = {node for close in removed for node in ast.walk(close.statement)}
        apart.update(ast.walk(region.acquire))
        for statement in (*region.inits, *filter(None, [region.made])):
            apart.update(ast.walk(statement))
        return any(mention.node not in apart for mention in region.mentions)

    def _plain_header(self, removed: list[Close]) -> Header:
        region = self.region
        for close in region.closes:
            if close.method in ("helper", "pooled") and region.site.flavour != "naq":
                raise RefusedError(
                    f"what the helper on line {close.statement.lineno} does besides closing is unknown"
                )
        if region.anchor is not region.acquire or region.unpacked:
            return Header([f"async with {region.handle}:"])
        if region.made is None:
            return Header([], binds=self._named_again(removed))
        names = self.module.analysis.names
        made = region.made
        value = getattr(made, "value", None)
        assert isinstance(value, ast.Call)
        if names.resolve(value.func, region.scope) not in CLIENT_CLASSES:
            raise RefusedError(f"`{region.handle}` is not a client of nats-py itself")
        place = self.module.blocks.place(made)
        following = place.block[place.index + 1 : place.index + 2]
        between = [
            mention
            for mention in region.mentions
            if mention.node not in set(ast.walk(made)) and mention.line <= last_line(region.acquire)
        ]
        adjacent = following == [region.acquire] and len(between) == 1
        captured_before = any(
            mention.captured and mention.line < region.acquire.lineno for mention in region.mentions
        )
        arguments = region.site.call.args
        # `nats.connect` takes the servers alone by position, a client's own `connect` more.
        positional = len(arguments) > 1 or any(isinstance(item, ast.Starred) for item in arguments)
        if not adjacent or captured_before or positional or self._nats_is_other():
            return Header([f"async with {region.handle}:"])
        known = names.resolve(ast.Name("nats", ast.Load()), region.scope) == "nats"
        bound = self._binds_nats()
        imports = (
            []
            if bound and known
            else [Import("", "nats", ast.unparse(value.func), region.scope.qualname)]
        )
        return Header([], [made], imports=imports, binds=self._named_again(removed))

    def _binds_nats(self) -> bool:
        scope: Scope | None = self.region.scope
        while scope is not None:
            if "nats" in scope.imports:
                return True
            scope = scope.parent
        return False

    def _nats_is_other(self) -> bool:
        names = self.module.analysis.names
        return names.resolve(ast.Name("nats", ast.Load()), self.region.scope) != "nats"

    def _steps(self) -> list[Step]:
        """The statements of the body in order, as far as the header may take them over."""
        region = self.region
        block = self.module.blocks.place(region.acquire).block
        index = block.index(region.acquire)
        guard = region.guard
        if region.shape == "inside-try" and guard is not None:
            return [Step(statement, False) for statement in guard.body[index + 1 :]]
        end = block.index(region.end)
        if region.shape == "before-try" and guard is not None:
            between = [Step(statement, False) for statement in block[index + 1 : end]]
            guarded = bool(guard.handlers or guard.orelse or region.others)
            return between + [Step(statement, guarded) for statement in guard.body]
        last = end if region.shape == "straight" else end + 1
        return [Step(statement, False) for statement in block[index + 1 : last]]

    def _uses(self, removed: list[Close]) -> dict[str, list[Mention]]:
        """Mentions by variable, those of acquisition, closes and ``= None`` left out."""
        region = self.region
        apart: set[ast.AST] = set()
        names = {region.handle}
        for node in own_nodes(region.scope.node):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                names.add(node.id)
            if isinstance(node, ast.Assign) and _is_none(node.value) and len(node.targets) == 1:
                apart.update(ast.walk(node))
        target = region.acquire
        apart.update(node for node in ast.walk(target) if isinstance(node, ast.Name))
        for close in removed:
            apart.update(ast.walk(close.statement))
        return {
            name: [
                mention
                for mention in (self.module.mentions(region.scope, name))
                if mention.node not in apart
            ]
            for name in names
        }

    def _refuse_outside(self, uses: list[Mention]) -> None:
        region = self.region
        first, last = region.acquire.lineno, last_line(region.end)
        if region.guard is not None and region.shape == "inside-try":
            last = last_line(region.guard.body[-1])
        for mention in uses:
            if not first <= mention.line <= last:
                raise RefusedError(
                    f"`{mention.node.id}` is used on line {mention.line}, "
                    "where the connection is closed"
                )

    def _dropped_statements(self, header: Header) -> list[ast.stmt]:
        return header.taken

    def _inits(self, header: Header) -> list[ast.stmt]:
        """The ``= None`` that nobody needs any more."""
        region = self.region
        gone = {region.handle, *header.gone}
        inits: list[ast.stmt] = []
        for name in gone:
            named = self.module.mentions(region.scope, name)
            first = min(
                [region.acquire.lineno, *(m.line for m in named if m.line > region.acquire.lineno)]
            )
            found = [
                statement
                for mention in named
                if mention.line < first
                and isinstance(
                    statement := self.module.parents[mention.node], (ast.Assign, ast.AnnAssign)
                )
                and statement.value is not None
                and _is_none(statement.value)
                and not (isinstance(statement, ast.Assign) and len(statement.targets) > 1)
            ]
            ours = {id(statement) for statement in found}
            closing = {node for close in region.closes for node in ast.walk(close.statement)}
            last = last_line(region.end)
            if region.shape == "inside-try" and region.guard is not None:
                last = last_line(region.guard.body[-1])
            outside = [
                mention
                for mention in named
                if mention.node not in closing
                and id(self.module.parents[mention.node]) not in ours
                and not region.acquire.lineno <= mention.line <= last
            ]
            if not outside and all(self.module.source.alone(statement) for statement in found):
                inits += [statement for statement in found if self._spare(statement)]
        return inits

    def _spare(self, statement: ast.stmt) -> bool:
        """Whether a block is left when a statement goes."""
        return len(self.module.blocks.place(statement).block) > 1

    def _comments(self, statement: ast.stmt) -> list[tuple[int, str]]:
        comments = self.module.source.comments
        return [
            (number, comments[number][1])
            for number in range(statement.lineno, last_line(statement) + 1)
            if number in comments
        ]

    def _dropped(self, removed: list[Close], header: Header, inits: list[ast.stmt]) -> list[str]:
        nodes: list[ast.AST] = [close.statement for close in removed]
        nodes += inits
        for statement in (self.region.acquire, *header.taken):
            if isinstance(statement, ast.AnnAssign):
                nodes.append(statement.annotation)
        return [constant for node in nodes for constant in constants(node)]


def _inside(module: Module, node: ast.stmt, guard: ast.Try) -> bool:
    return any(
        owner is guard and field != "finalbody" for owner, field in module.blocks.ancestors(node)
    )


def _waits(statement: ast.stmt) -> bool:
    """Whether a function stays in a statement for long: a loop, or an await that is all of it."""
    match statement:
        case ast.While():
            return True
        case ast.Expr(value=ast.Await(value=ast.Call(func=ast.Attribute(attr=method)))):
            return method not in ("subscribe", "publish", "flush")
    return False


def _swallows(statement: ast.stmt) -> bool:
    """Whether the errors of a close end in the statement itself."""
    return any(
        isinstance(node, ast.With) or (isinstance(node, ast.Try) and node.handlers)
        for node in ast.walk(statement)
    )


def _is_none(value: ast.expr | None) -> bool:
    return isinstance(value, ast.Constant) and value.value is None


def _targets(statements: list[ast.stmt]) -> set[str]:
    return {
        node.id
        for statement in statements
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
