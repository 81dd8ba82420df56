"""The ``async with`` on nats-py's client, which is a context manager itself."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from flake8_naq.message import Line, RefusedError
from flake8_naq.migrate.plan.block_header import BlockHeader
from flake8_naq.migrate.plan.closing_statements import ClosingStatement
from flake8_naq.migrate.plan.needed import Import
from flake8_naq.migrate.plan.parsed_module import ParsedModule
from flake8_naq.migrate.plan.region import Region
from flake8_naq.migrate.tree import last_line
from flake8_naq.names import Scope
from flake8_naq.names.vocabulary import CLIENT_CLASSES


@dataclass(frozen=True, slots=True)
class ClientHeader:
    """Decides the header of one region whose block holds the client.

    Attributes:
        module: The file.
        region: The region.
        removed: The closes that the end of the block replaces.
    """

    module: ParsedModule
    region: Region
    removed: list[ClosingStatement]

    def header(self) -> BlockHeader:
        """``async with await nats.connect(...) as nc:``, or ``async with nc:`` below the call.

        Raises:
            RefusedError: A function closes the connection, or the client is not nats-py's.
        """
        region = self.region
        self._refuse_other_closers()
        opened_below = region.anchor is not region.acquire and region.shape != "around-try"
        if opened_below or region.unpacked:
            return BlockHeader([f"async with {region.handle}:"])
        if region.made is None:
            return BlockHeader([], binds=self._named_again())
        value = getattr(region.made, "value", None)
        assert isinstance(value, ast.Call)
        names = self.module.analysis.names
        if names.resolve(value.func, region.scope) not in CLIENT_CLASSES:
            raise RefusedError(f"`{region.handle}` is not a client of nats-py itself")
        if not self._connects_at_once(region.made) or not self._is_as_the_function():
            return BlockHeader([f"async with {region.handle}:"])
        imports = []
        if not self._imports_nats():
            imports.append(Import("", "nats", ast.unparse(value.func), region.scope.qualname))
        return BlockHeader([], [region.made], imports=imports, binds=self._named_again())

    def _refuse_other_closers(self) -> None:
        helper = self.module.helper(self.region.site)
        for close in self.region.closes:
            if close.helper and not (helper and helper.is_closed_by(close.helper)):
                raise RefusedError(
                    f"no rule names a context manager that replaces `{close.helper}` on ",
                    Line(close.statement.lineno),
                )

    def _connects_at_once(self, made: ast.stmt) -> bool:
        """Whether the client connects in the statement after it is made, without a use in between."""
        region = self.region
        place = self.module.blocks.place(made)
        inside = set(ast.walk(made))
        between = [
            mention
            for mention in region.mentions
            if mention.node not in inside and mention.line <= last_line(region.acquire)
        ]
        captured = any(
            mention.captured and mention.line < region.acquire.lineno for mention in region.mentions
        )
        alone = isinstance(region.acquire, ast.Expr) and (
            isinstance(region.acquire.value, ast.Await)
            and region.acquire.value.value is region.site.call
        )
        following = place.block[place.index + 1 : place.index + 2]
        return alone and following == [region.acquire] and len(between) == 1 and not captured

    def _is_as_the_function(self) -> bool:
        """Whether `nats.connect` accepts the arguments of the client's own `connect`."""
        call = self.region.site.call
        # The function takes only the servers by position; a client's own `connect` takes more.
        positional = len(call.args) > 1 or any(isinstance(item, ast.Starred) for item in call.args)
        # Older clients accept a loop there; the function never did.
        looped = any(keyword.arg == "loop" for keyword in call.keywords)
        return not positional and not looped and self._nats_means_nats()

    def _nats_means_nats(self) -> bool:
        names = self.module.analysis.names
        return names.resolve(ast.Name("nats", ast.Load()), self.region.scope) == "nats"

    def _imports_nats(self) -> bool:
        scope: Scope | None = self.region.scope
        while scope is not None:
            if "nats" in scope.imports:
                return True
            scope = scope.parent
        return False

    def _named_again(self) -> bool:
        """Whether the body still uses the connection's name."""
        region = self.region
        apart = {node for close in self.removed for node in ast.walk(close.statement)}
        apart.update(ast.walk(region.acquire))
        for statement in (*region.inits, *filter(None, [region.made])):
            apart.update(ast.walk(statement))
        return any(mention.node not in apart for mention in region.mentions)
