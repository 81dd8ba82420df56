"""Which context manager takes the place of a hand-managed connection, and how it is written."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from flake8_naq.lifetimes import Site
from flake8_naq.lifetimes.vocabulary import NAQ_CONNECT, Vocabulary
from flake8_naq.migrate.message import RefusedError
from flake8_naq.migrate.plan.derivations import Derivations, Step
from flake8_naq.migrate.plan.lease_uses import Sharing
from flake8_naq.migrate.plan.needed import Import
from flake8_naq.migrate.source import Source
from flake8_naq.migrate.syntax import Mention, bound_name, within
from flake8_naq.names import Names, Scope

_OPENERS = frozenset({"url", "nats_url", "servers", "config"})


@dataclass(slots=True)
class Header:
    """The ``async with`` that opens a rewritten body.

    Attributes:
        lines: Its lines without indentation, line endings and comment.
        taken: Statements that the manager does from now on.
        gone: Variables that no longer exist.
        imports: Names that it needs.
        binds: Whether the connection needs its name.
    """

    lines: list[str]
    taken: list[ast.stmt] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    imports: list[Import] = field(default_factory=list)
    binds: bool = True

    @property
    def exclusive(self) -> bool:
        """Whether the manager opens a connection of its own, which it closes."""
        return any("exclusive=True" in line for line in self.lines)


@dataclass(slots=True)
class Manager:
    """Chooses and writes the manager of one site that uses naq's helpers."""

    site: Site
    scope: Scope
    names: Names
    vocabulary: Vocabulary
    source: Source
    parents: dict[ast.AST, ast.AST]

    def header(
        self,
        steps: list[Step],
        uses: dict[str, list[Mention]],
        *,
        drains: bool,
    ) -> Header:
        """Choose the most specific manager that serves.

        Args:
            steps: The statements of the body in order.
            uses: Mentions of each variable of the function that are not part of its acquisition
                or of a close.
            drains: Whether the original drained the connection.

        Raises:
            RefusedError: naq's managers cannot do what the acquiring call does.
        """
        handle = self.site.handle
        assert handle is not None
        config = self._config()
        derivations = Derivations(self.scope, self.names, self.vocabulary, self.source)
        sharing = Sharing(handle, derivations, self.parents, uses)
        jetstreams = [step for step in steps if derivations.derives(step.statement, handle)]
        mine = uses.get(handle, [])
        if len(jetstreams) == 1:
            step = jetstreams[0]
            js = bound_name(step.statement)
            inside = within(step.statement)
            others = [mention for mention in mine if mention.node not in inside]
            # A second binding of the name, or a use before it, and the name is not ours to give.
            js_uses = [mention for mention in uses.get(js, []) if mention.node not in inside]
            if all(isinstance(mention.node.ctx, ast.Load) for mention in js_uses):
                bucket = derivations.bound_bucket(steps, step, js)
                if bucket is not None and not others:
                    kv, name = bucket
                    binding = within(kv)
                    if all(mention.node in binding for mention in js_uses):
                        return self._kv_store(
                            config, name, [step.statement, kv], {handle, js}, sharing
                        )
                exclusive = drains or not all(map(sharing.connection, others))
                exclusive = exclusive or not all(map(sharing.jetstream, js_uses))
                call = self._call("nats_jetstream", config, exclusive=exclusive)
                return Header(
                    [f"async with {call} as ({handle}, {js}):"],
                    [step.statement],
                    imports=self._imports("nats_jetstream"),
                )
        inline = derivations.inline_bucket(steps, handle)
        if inline is not None:
            kv, name = inline
            if all(mention.node in within(kv) for mention in mine):
                return self._kv_store(config, name, [kv], {handle}, sharing)
        exclusive = drains or not all(map(sharing.connection_or_derives, mine))
        call = self._call("nats_connection", config, exclusive=exclusive)
        bound = f" as {handle}" if mine else ""
        return Header([f"async with {call}{bound}:"], imports=self._imports("nats_connection"))

    # -- what the acquiring call says

    def _config(self) -> str:
        call = self.site.call
        if any(isinstance(argument, ast.Starred) for argument in call.args) or len(call.args) > 1:
            raise RefusedError("the connecting call has arguments that naq's managers do not take")
        options = [keyword.arg for keyword in call.keywords if keyword.arg not in _OPENERS]
        if options:
            named = ", ".join(f"`{option}`" if option else "`**`" for option in options)
            raise RefusedError(
                f"the connecting call's {named} has no counterpart in naq's managers"
            )
        given = [*call.args, *(keyword.value for keyword in call.keywords)]
        if len(given) > 1:
            raise RefusedError("the connecting call has arguments that naq's managers do not take")
        return self.source.segment(given[0]) if given else ""

    def _call(self, manager: str, *arguments: str, exclusive: bool = False) -> str:
        given = [argument for argument in arguments if argument]
        if exclusive:
            given.append("exclusive=True")
        return f"{self._prefix()}{manager}({', '.join(given)})"

    def _prefix(self) -> str:
        function = self.site.call.func
        if isinstance(function, ast.Attribute) and self._beside_helper():
            return f"{self.source.segment(function.value)}."
        return ""

    def _imports(self, manager: str) -> list[Import]:
        function = self.site.call.func
        helper = self._beside_helper()
        if helper and not isinstance(function, ast.Name):
            return []
        origin = self.names.resolve(function, self.scope)
        bound = self.names.resolve(ast.Name(manager, ast.Load()), self.scope)
        if bound is None:
            raise RefusedError(f"`{manager}` means something else in this file")
        if bound != manager:
            if bound.rpartition(".")[2] != manager:
                raise RefusedError(f"`{manager}` means something else in this file")
            return []  # imported already
        if origin is None or "." not in origin:
            raise RefusedError(f"where `{ast.unparse(function)}` comes from is not clear")
        root = ast.unparse(function).partition(".")[0]
        if not helper:
            return [Import(manager, "naq.connection", root, self.scope.qualname)]
        assert isinstance(function, ast.Name)
        module, _, _ = origin.rpartition(".")
        return [Import(manager, module or ".", function.id, self.scope.qualname)]

    def _beside_helper(self) -> bool:
        """Whether the acquiring call is naq's helper, beside which naq's managers are found."""
        called = self.names.resolve(self.site.call.func, self.scope) or ""
        return called.rpartition(".")[2] in NAQ_CONNECT

    def _kv_store(
        self,
        config: str,
        bucket: str,
        taken: list[ast.stmt],
        gone: set[str],
        sharing: Sharing,
    ) -> Header:
        kv = bound_name(taken[-1])
        inside = within(taken[-1])
        exclusive = not all(
            sharing.bucket(mention)
            for mention in sharing.uses.get(kv, [])
            if mention.node not in inside
        )
        call = self._call("nats_kv_store", bucket, config, exclusive=exclusive)
        return Header(
            [f"async with {call} as {kv}:"], taken, gone - {kv}, self._imports("nats_kv_store")
        )
