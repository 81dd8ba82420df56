"""The ``async with`` that takes the place of an acquisition: what it takes over, and what it needs."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from flake8_naq.migrate.message import Line, RefusedError
from flake8_naq.migrate.plan.block_header import BlockHeader
from flake8_naq.migrate.plan.closes import Close
from flake8_naq.migrate.plan.declared_manager import DeclaredManager
from flake8_naq.migrate.plan.derivations import Step
from flake8_naq.migrate.plan.module import Module
from flake8_naq.migrate.plan.needed import Import, Target
from flake8_naq.migrate.plan.region import Region
from flake8_naq.migrate.plan.uses import uses_of
from flake8_naq.migrate.syntax import Mention, last_line
from flake8_naq.names import Scope
from flake8_naq.names.vocabulary import CLIENT_CLASSES


@dataclass(frozen=True, slots=True)
class Headers:
    """Decides the header of one region."""

    module: Module
    region: Region

    def header(self, target: Target, removed: list[Close]) -> BlockHeader:
        """The header for a kind of context manager.

        Raises:
            RefusedError: None does what the original does.
        """
        return self._plain(removed) if target == "nats-py" else self._naq(removed)

    def _naq(self, removed: list[Close]) -> BlockHeader:
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
        uses = uses_of(module, region, removed)
        self._refuse_outside(uses[region.handle])
        drains = any(close.method == "drain" for close in removed)
        manager = DeclaredManager(module, region.site, region.scope, uses, steps, drains)
        header = manager.header(removed)
        for name in {*header.gone, *(_targets(header.taken))}:
            self._refuse_outside(uses.get(name, []))
        for statement in header.taken:
            if not module.source.alone(statement):
                raise RefusedError(Line(statement.lineno), " holds more than one statement")
        for statement in (region.acquire, *header.taken):
            for _, comment in self._comments(statement):
                if comment.startswith("# type:") and header.gone:
                    raise RefusedError(
                        "the type comment on ", Line(statement.lineno), " would lose its place"
                    )
        return header

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

    def _refuse_outside(self, uses: list[Mention]) -> None:
        for mention in uses:
            if not self.region.acquire.lineno <= mention.line <= self.region.last:
                raise RefusedError(
                    f"`{mention.node.id}` is used on ",
                    Line(mention.line),
                    ", where the connection is closed",
                )

    def _comments(self, statement: ast.stmt) -> list[tuple[int, str]]:
        comments = self.module.source.comments
        return [
            (number, comments[number][1])
            for number in range(statement.lineno, last_line(statement) + 1)
            if number in comments
        ]

    def _plain(self, removed: list[Close]) -> BlockHeader:
        region = self.region
        helper = self.module.helper(region.site)

        for close in region.closes:
            if close.helper and not (helper and helper.is_closed_by(close.helper)):
                raise RefusedError(
                    f"no rule names the context manager that does what `{close.helper}` does on ",
                    Line(close.statement.lineno),
                )
        if region.anchor is not region.acquire or region.unpacked:
            return BlockHeader([f"async with {region.handle}:"])
        if region.made is None:
            return BlockHeader([], binds=self._named_again(removed))
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
        # Older clients took a loop there; the function never did.
        looped = any(keyword.arg == "loop" for keyword in region.site.call.keywords)
        if not adjacent or captured_before or positional or looped or self._nats_is_other():
            return BlockHeader([f"async with {region.handle}:"])
        known = names.resolve(ast.Name("nats", ast.Load()), region.scope) == "nats"
        bound = self._binds_nats()
        imports = (
            []
            if bound and known
            else [Import("", "nats", ast.unparse(value.func), region.scope.qualname)]
        )
        return BlockHeader([], [made], imports=imports, binds=self._named_again(removed))

    def _named_again(self, removed: list[Close]) -> bool:
        """Whether anything is left that names the connection."""
        region = self.region
        apart = {node for close in removed for node in ast.walk(close.statement)}
        apart.update(ast.walk(region.acquire))
        for statement in (*region.inits, *filter(None, [region.made])):
            apart.update(ast.walk(statement))
        return any(mention.node not in apart for mention in region.mentions)

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


def _targets(statements: list[ast.stmt]) -> set[str]:
    return {
        node.id
        for statement in statements
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
