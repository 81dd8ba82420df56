"""The permitted uses of a shared connection: the end of a lease does not close it."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from flake8_naq.migrate.plan.body_statements import HeaderDerivations
from flake8_naq.migrate.tree import Mention, bound_name, bound_value

# The permitted methods of a shared connection. The end of a lease ends its subscriptions, but a
# callback may still run then, and code that got the client may keep it.
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
        "rtt",
        "subscribe",
    ]
)
# The arguments of `subscribe` that get the messages; None stands for ``**options``.
_CALLBACKS = frozenset({None, "cb", "future"})
_BUCKET_MAKERS = frozenset({"key_value", "create_key_value"})


@dataclass(frozen=True, slots=True)
class LeaseUses:
    """Checks the uses of one connection and of its derived handles.

    Attributes:
        handle: The connection's variable.
        derivations: The statements that derive handles from it.
        parents: Every node's parent.
        uses: Mentions of each variable of the function, without those of acquisition and closes.
    """

    handle: str
    derivations: HeaderDerivations
    parents: dict[ast.AST, ast.AST]
    uses: dict[str, list[Mention]]

    def connection(self, mention: Mention) -> bool:
        """Whether the end of a lease ends everything that this use of the connection starts."""
        parent = self.parents.get(mention.node)
        return (
            not mention.captured
            and isinstance(parent, ast.Attribute)
            and isinstance(parent.ctx, ast.Load)
            and parent.attr in _CONNECTION
            and not self._calls_back(parent)
        )

    def bucket(self, mention: Mention) -> bool:
        """The same of a bucket."""
        return not mention.captured and isinstance(self.parents.get(mention.node), ast.Attribute)

    def _calls_back(self, method: ast.Attribute) -> bool:
        """Whether a method gets a callback, or is not called on the spot."""
        if not method.attr.startswith(("subscribe", "pull_subscribe")):
            return False
        call = self.parents.get(method)
        return not isinstance(call, ast.Call) or calls_back(call)

    def connection_or_derives(self, mention: Mention) -> bool:
        """The same of a connection whose JetStream is derived inside the body."""
        node: ast.AST = mention.node
        while isinstance(node, ast.expr) and not self.derivations.jetstream_of(node, self.handle):
            node = self.parents[node]
        if not isinstance(node, ast.expr):
            return self.connection(mention)
        holder = self.parents[node]
        if isinstance(holder, ast.Attribute):
            return (
                self._keeps_bucket(holder)
                if holder.attr in _BUCKET_MAKERS
                else self._ends_with_lease(holder)
            )
        if not isinstance(holder, (ast.Assign, ast.AnnAssign)) or bound_value(holder) is None:
            return False
        return all(
            self.jetstream(use)
            for use in self.uses.get(bound_name(holder), [])
            if isinstance(use.node.ctx, ast.Load)
        )

    def jetstream(self, mention: Mention) -> bool:
        """The same of a JetStream context."""
        attribute = self.parents.get(mention.node)
        if mention.captured or not isinstance(attribute, ast.Attribute):
            return False
        if attribute.attr in _BUCKET_MAKERS:
            return self._keeps_bucket(attribute)
        return self._ends_with_lease(attribute)

    def _ends_with_lease(self, attribute: ast.Attribute) -> bool:
        """Whether the end of a lease ends everything that this use of JetStream starts."""
        return (
            isinstance(attribute.ctx, ast.Load)
            and not attribute.attr.startswith("_")
            and "object_store" not in attribute.attr
            and not self._calls_back(attribute)
        )

    def _keeps_bucket(self, attribute: ast.AST | None) -> bool:
        """Whether the statement binds a bucket to a name whose uses are all permitted."""
        if not isinstance(attribute, ast.Attribute) or attribute.attr not in _BUCKET_MAKERS:
            return False
        awaited = self.parents.get(self.parents[attribute])
        if not isinstance(awaited, ast.Await):
            return False
        holder = self.parents[awaited]
        if isinstance(holder, ast.Expr):
            return True
        if not isinstance(holder, (ast.Assign, ast.AnnAssign)) or bound_value(holder) is None:
            return False
        return all(
            self.bucket(use)
            for use in self.uses.get(bound_name(holder), [])
            if isinstance(use.node.ctx, ast.Load)
        )


def calls_back(subscribe: ast.Call) -> bool:
    """Whether a subscription has a callback; without one the code pulls its messages."""
    return (
        len(subscribe.args) > 2
        or any(isinstance(argument, ast.Starred) for argument in subscribe.args)
        or any(word.arg in _CALLBACKS for word in subscribe.keywords)
    )
