"""Which context manager takes the place of a hand-managed connection, and how it is written."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from flake8_naq.lifetimes import Site
from flake8_naq.lifetimes.vocabulary import NAQ_CONNECT, Vocabulary
from flake8_naq.migrate.blocks import Mention
from flake8_naq.migrate.plans import Import, RefusedError
from flake8_naq.migrate.source import Source
from flake8_naq.names import Names, Scope

# What a shared connection may be asked for. The end of a lease ends the subscriptions made on it;
# a callback, though, may be at work then, and a client handed on may be kept.
_CONNECTION = frozenset(
    [
        "publish",
        "request",
        "flush",
        "new_inbox",
        "jetstream",
        "jsm",
        "is_connected",
        "is_reconnecting",
        "max_payload",
        "connected_url",
        "client_id",
        "connected_server_version",
        "servers",
        "discovered_servers",
        "last_error",
        "stats",
        "rtt",
        "subscribe",
    ]
)
_BUCKET_MAKERS = frozenset({"key_value", "create_key_value"})
_OPENERS = frozenset({"url", "nats_url", "servers", "config"})


@dataclass(frozen=True, slots=True)
class Step:
    """A statement of the body, as far as it may be moved into the header.

    Attributes:
        statement: The statement.
        guarded: Whether a ``try`` of the original stands around it.
    """

    statement: ast.stmt
    guarded: bool


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
        jetstreams = [step for step in steps if self._derives(step.statement, handle)]
        mine = uses.get(handle, [])
        if len(jetstreams) == 1:
            step = jetstreams[0]
            js = _target(step.statement)
            inside = _within(step.statement)
            others = [mention for mention in mine if mention.node not in inside]
            # A second binding of the name, or a use before it, and the name is not ours to give.
            js_uses = [mention for mention in uses.get(js, []) if mention.node not in inside]
            if all(isinstance(mention.node.ctx, ast.Load) for mention in js_uses):
                bucket = self._bound_bucket(steps, step, js)
                if bucket is not None and not others:
                    kv, name = bucket
                    within = _within(kv)
                    rest = [mention for mention in js_uses if mention.node not in within]
                    if not rest:
                        return self._kv_store(
                            config, name, [step.statement, kv], {handle, js}, uses
                        )
                exclusive = drains or not all(
                    self._harmless(mention, _CONNECTION) for mention in others
                )
                exclusive = exclusive or not all(
                    self._harmless_jetstream(mention, uses) for mention in js_uses
                )
                call = self._call("nats_jetstream", config, exclusive=exclusive)
                return Header(
                    [f"async with {call} as ({handle}, {js}):"],
                    [step.statement],
                    imports=self._imports("nats_jetstream"),
                )
        inline = self._inline_bucket(steps, handle)
        if inline is not None:
            kv, name = inline
            if all(mention.node in _within(kv) for mention in mine):
                return self._kv_store(config, name, [kv], {handle}, uses)
        exclusive = drains or not all(self._harmless_or_derives(mention, uses) for mention in mine)
        call = self._call("nats_connection", config, exclusive=exclusive)
        return Header([f"async with {call} as {handle}:"], imports=self._imports("nats_connection"))

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

    # -- derivations

    def _derives(self, statement: ast.stmt, handle: str) -> bool:
        """Whether a statement does nothing but bind the connection's JetStream to a name."""
        match statement:
            case (
                ast.Assign(targets=[ast.Name()], value=value)
                | ast.AnnAssign(target=ast.Name(), value=ast.expr() as value)
            ):
                return self._jetstream_of(value, handle)
        return False

    def _jetstream_of(self, value: ast.expr, handle: str) -> bool:
        match value:
            case ast.Await(value=ast.Call(func=function) as call):
                name = self.names.resolve(function, self.scope)
                given = [*call.args, *(keyword.value for keyword in call.keywords)]
                return (
                    name is not None
                    and self.vocabulary.derives_jetstream(name)
                    and len(given) == 1
                    and isinstance(given[0], ast.Name)
                    and given[0].id == handle
                )
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id=name), attr="jetstream"), args=[], keywords=[]
            ):
                return name == handle
        return False

    def _bound_bucket(
        self, steps: list[Step], jetstream: Step, js: str
    ) -> tuple[ast.stmt, str] | None:
        """The statement right after the derivation that binds one bucket, and the bucket's name."""
        if [step.statement for step in steps[:1]] != [jetstream.statement] or len(steps) < 2:
            return None
        if jetstream.guarded or steps[1].guarded:
            return None
        match _bound_value(steps[1].statement):
            case ast.Await(
                value=ast.Call(
                    func=ast.Attribute(value=ast.Name(id=name), attr="key_value")
                ) as call
            ) if name == js:
                return self._bucket(steps[1].statement, call)
        return None

    def _inline_bucket(self, steps: list[Step], handle: str) -> tuple[ast.stmt, str] | None:
        """The same without a name for the JetStream context."""
        if not steps or steps[0].guarded:
            return None
        match _bound_value(steps[0].statement):
            case ast.Await(
                value=ast.Call(func=ast.Attribute(value=value, attr="key_value")) as call
            ) if self._jetstream_of(value, handle):
                return self._bucket(steps[0].statement, call)
        return None

    def _bucket(self, statement: ast.stmt, call: ast.Call) -> tuple[ast.stmt, str] | None:
        given = [*call.args, *(word.value for word in call.keywords if word.arg == "bucket")]
        if len(given) != 1 or len(given) != len(call.args) + len(call.keywords):
            return None
        # The header evaluates the bucket before the URL: nothing that could do anything, then.
        if not all(
            isinstance(
                node,
                (
                    ast.Name,
                    ast.Attribute,
                    ast.Constant,
                    ast.JoinedStr,
                    ast.FormattedValue,
                    ast.expr_context,
                ),
            )
            for node in ast.walk(given[0])
        ):
            return None
        return statement, self.source.segment(given[0])

    def _kv_store(
        self,
        config: str,
        bucket: str,
        taken: list[ast.stmt],
        gone: set[str],
        uses: dict[str, list[Mention]],
    ) -> Header:
        kv = _target(taken[-1])
        inside = _within(taken[-1])
        exclusive = not all(
            self._harmless_bucket(mention)
            for mention in uses.get(kv, [])
            if mention.node not in inside
        )
        call = self._call("nats_kv_store", bucket, config, exclusive=exclusive)
        return Header(
            [f"async with {call} as {kv}:"], taken, gone - {kv}, self._imports("nats_kv_store")
        )

    # -- what may happen on a shared connection

    def _harmless(self, mention: Mention, allowed: frozenset[str]) -> bool:
        parent = self.parents.get(mention.node)
        return (
            not mention.captured
            and isinstance(parent, ast.Attribute)
            and isinstance(parent.ctx, ast.Load)
            and parent.attr in allowed
            and not self._calls_back(parent)
        )

    def _harmless_bucket(self, mention: Mention) -> bool:
        return not mention.captured and isinstance(self.parents.get(mention.node), ast.Attribute)

    def _calls_back(self, method: ast.Attribute) -> bool:
        """Whether a method is told to call something back, or is not called right here."""
        if not method.attr.startswith(("subscribe", "pull_subscribe")):
            return False
        call = self.parents.get(method)
        return (
            not isinstance(call, ast.Call)
            or len(call.args) > 2
            or any(isinstance(argument, ast.Starred) for argument in call.args)
            or any(word.arg in (None, "cb", "future") for word in call.keywords)
        )

    def _harmless_or_derives(self, mention: Mention, uses: dict[str, list[Mention]]) -> bool:
        """The same of a connection whose JetStream is derived inside the body."""
        handle = self.site.handle
        assert handle is not None
        node: ast.AST = mention.node
        while isinstance(node, ast.expr) and not self._jetstream_of(node, handle):
            node = self.parents[node]
        if not isinstance(node, ast.expr):
            return self._harmless(mention, _CONNECTION)
        holder = self.parents[node]
        if isinstance(holder, ast.Attribute):
            return (
                self._keeps_bucket(holder, uses)
                if holder.attr in _BUCKET_MAKERS
                else self._ends_with_lease(holder)
            )
        if not isinstance(holder, (ast.Assign, ast.AnnAssign)) or _bound_value(holder) is None:
            return False
        return all(
            self._harmless_jetstream(use, uses)
            for use in uses.get(_target(holder), [])
            if isinstance(use.node.ctx, ast.Load)
        )

    def _harmless_jetstream(self, mention: Mention, uses: dict[str, list[Mention]]) -> bool:
        attribute = self.parents.get(mention.node)
        if mention.captured or not isinstance(attribute, ast.Attribute):
            return False
        if attribute.attr in _BUCKET_MAKERS:
            return self._keeps_bucket(attribute, uses)
        return self._ends_with_lease(attribute)

    def _ends_with_lease(self, attribute: ast.Attribute) -> bool:
        """Whether a use of a JetStream context leaves nothing behind that the lease would not end."""
        return (
            isinstance(attribute.ctx, ast.Load)
            and not attribute.attr.startswith("_")
            and "object_store" not in attribute.attr
            and not self._calls_back(attribute)
        )

    def _keeps_bucket(self, attribute: ast.AST | None, uses: dict[str, list[Mention]]) -> bool:
        """Whether a bucket is bound to a name here, and only asked for what is harmless."""
        if not isinstance(attribute, ast.Attribute) or attribute.attr not in _BUCKET_MAKERS:
            return False
        awaited = self.parents.get(self.parents[attribute])
        if not isinstance(awaited, ast.Await):
            return False
        holder = self.parents[awaited]
        if isinstance(holder, ast.Expr):
            return True
        if not isinstance(holder, (ast.Assign, ast.AnnAssign)) or _bound_value(holder) is None:
            return False
        return all(
            self._harmless_bucket(use)
            for use in uses.get(_target(holder), [])
            if isinstance(use.node.ctx, ast.Load)
        )


def _bound_value(statement: ast.stmt) -> ast.expr | None:
    match statement:
        case ast.Assign(targets=[ast.Name()], value=value):
            return value
        case ast.AnnAssign(target=ast.Name(), value=value):
            return value
    return None


def _target(statement: ast.stmt) -> str:
    target = statement.targets[0] if isinstance(statement, ast.Assign) else None
    if isinstance(statement, ast.AnnAssign):
        target = statement.target
    assert isinstance(target, ast.Name)
    return target.id


def _within(statement: ast.stmt) -> set[ast.AST]:
    return set(ast.walk(statement))
