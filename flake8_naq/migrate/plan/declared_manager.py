"""Chooses the declared context manager that replaces a hand-managed connection, and writes its call."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from flake8_naq.lifetimes import Site
from flake8_naq.message import Line, RefusedError
from flake8_naq.migrate.match.binding import bind
from flake8_naq.migrate.match.declared_helpers import BUCKET, DeclaredHelper, Gives
from flake8_naq.migrate.plan.block_header import BlockHeader
from flake8_naq.migrate.plan.body_statements import BodyStatement, HeaderDerivations
from flake8_naq.migrate.plan.closing_statements import ClosingStatement
from flake8_naq.migrate.plan.lease_uses import LeaseUses
from flake8_naq.migrate.plan.needed import Import
from flake8_naq.migrate.plan.parsed_module import ParsedModule
from flake8_naq.migrate.tree import Mention, bound_name, constants, within
from flake8_naq.names import Names, Scope

# Expressions whose evaluation may move.
_PURE = (
    ast.Name,
    ast.Attribute,
    ast.Constant,
    ast.JoinedStr,
    ast.FormattedValue,
    ast.expr_context,
)


@dataclass
class DeclaredManager:
    """Chooses and writes the manager of one site, as the rule of its opener declares it.

    Attributes:
        module: The file.
        site: The acquisition.
        scope: The function around it.
        uses: Mentions of each variable of the function that are not part of its acquisition or
            of a close.
        steps: The statements of the body in order.
        drains: Whether the original drains the connection.
    """

    module: ParsedModule
    site: Site
    scope: Scope
    uses: dict[str, list[Mention]]
    steps: list[BodyStatement]
    drains: bool

    def header(self, removed: Sequence[ClosingStatement]) -> BlockHeader:
        """Choose the most specific manager that serves.

        Args:
            removed: The closes that the manager's end replaces.

        Raises:
            RefusedError: No declared manager is equivalent to the original.
        """
        self._refuse_other_closes(removed)
        return self._of_jetstream() or self._of_inline_bucket() or self._of_connection()

    @cached_property
    def _helper(self) -> DeclaredHelper:
        helper = self.module.helper(self.site)
        if helper is None or not helper.becomes:
            called = ast.unparse(self.site.call.func)
            raise RefusedError(f"no rule names a context manager for `{called}`")
        return helper

    @cached_property
    def _handle(self) -> str:
        assert self.site.handle is not None
        return self.site.handle

    @cached_property
    def _derivations(self) -> HeaderDerivations:
        module = self.module
        return HeaderDerivations(
            self.scope, module.analysis.names, module.vocabulary, module.source
        )

    @cached_property
    def _sharing(self) -> LeaseUses:
        return LeaseUses(self._handle, self._derivations, self.module.parents, self.uses)

    def _refuse_other_closes(self, removed: Sequence[ClosingStatement]) -> None:
        for close in removed:
            if not self._helper.is_closed_by(close.way):
                raise RefusedError(
                    f"`{ast.unparse(close.call.func)}` closes it on ",
                    Line(close.call.lineno),
                    f", which the rule `{self._helper.rule}` does not list in `closed-by`",
                )

    # -- the manager for each use

    def _of_jetstream(self) -> BlockHeader | None:
        """The manager of JetStream, or of the one bucket that JetStream is used for."""
        steps = [s for s in self.steps if self._derivations.derives(s.statement, self._handle)]
        if len(steps) != 1:
            return None
        js = bound_name(steps[0].statement)
        inside = within(steps[0].statement)
        others = [use for use in self.uses.get(self._handle, []) if use.node not in inside]
        js_uses = [use for use in self.uses.get(js, []) if use.node not in inside]
        # A second binding of the name, or a use before it, and the name is not ours to give.
        if not all(isinstance(use.node.ctx, ast.Load) for use in js_uses):
            return None
        header = None if others else self._of_bound_bucket(steps[0], js, js_uses)
        if header is not None or "jetstream" not in self._helper.becomes:
            return header
        shared = all(map(self._sharing.connection, others))
        shared = shared and all(map(self._sharing.jetstream, js_uses))
        return self._written(
            "jetstream", f"({self._handle}, {js})", [steps[0].statement], shared=shared
        )

    def _of_bound_bucket(
        self, step: BodyStatement, js: str, js_uses: list[Mention]
    ) -> BlockHeader | None:
        """The manager of the one bucket that JetStream is used for."""
        found = self._derivations.bound_bucket(self.steps, step, js)
        if found is None or BUCKET not in self._helper.becomes:
            return None
        kv, name = found
        binding = within(kv)
        if not all(use.node in binding for use in js_uses):
            return None
        return self._of_bucket(name, [step.statement, kv], {self._handle, js})

    def _of_inline_bucket(self) -> BlockHeader | None:
        inline = self._derivations.inline_bucket(self.steps, self._handle)
        if inline is None or BUCKET not in self._helper.becomes:
            return None
        kv, name = inline
        if not all(use.node in within(kv) for use in self.uses.get(self._handle, [])):
            return None
        return self._of_bucket(name, [kv], {self._handle})

    def _of_bucket(self, name: str, taken: list[ast.stmt], gone: set[str]) -> BlockHeader:
        kv, inside = bound_name(taken[-1]), within(taken[-1])
        shared = all(
            self._sharing.bucket(use) for use in self.uses.get(kv, []) if use.node not in inside
        )
        # Nothing is left to drain: a bucket has no subscription of its own.
        header = self._written(BUCKET, kv, taken, shared=shared, bucket=name, drains=False)
        header.gone = gone - {kv}
        return header

    def _of_connection(self) -> BlockHeader:
        mine = self.uses.get(self._handle, [])
        shared = all(map(self._sharing.connection_or_derives, mine))
        return self._written("connection", self._handle if mine else "", [], shared=shared)

    # -- how it is written

    def _written(
        self,
        gives: Gives,
        target: str,
        taken: list[ast.stmt],
        *,
        shared: bool,
        bucket: str = "",
        drains: bool | None = None,
    ) -> BlockHeader:
        """The header for one manager.

        Args:
            gives: The kind that the manager yields.
            target: The names that it binds, empty for none.
            taken: The statements that it replaces.
            shared: Whether a shared connection serves the body.
            bucket: The text of the bucket's name.
            drains: Whether the original drains the connection; by default `self.drains`.
        """
        own = not shared or (self.drains if drains is None else drains)
        helper = self._helper
        given = [*self._arguments(helper.becomes[gives], bucket)]
        if own and helper.own_connection:
            given.append(helper.own_connection)
        manager = helper.manager(gives)
        call = f"{self._prefix()}{manager}({', '.join(given)})"
        added = Counter(constants(ast.parse(call))) - Counter(constants(self.site.call))
        bound = f" as {target}" if target else ""
        return BlockHeader(
            [f"async with {call}{bound}:"],
            taken,
            imports=self._imports(manager),
            leases=bool(helper.own_connection) and not own,
            added=[*added.elements()],
        )

    def _arguments(self, template: ast.Call, bucket: str) -> Iterator[str]:
        """The texts of the manager's arguments."""
        bound = dict(bind(self._helper, self.site.call))
        pairs: list[tuple[str | None, ast.expr]] = [(None, value) for value in template.args]
        pairs += [(word.arg, word.value) for word in template.keywords]
        self._refuse_lost(bound, [value for _, value in pairs])
        left_out = ""
        for keyword, value in pairs:
            if isinstance(value, ast.Constant):
                text = ast.unparse(value)
            elif isinstance(value, ast.Name) and value.id == BUCKET and bucket:
                text = bucket
            elif isinstance(value, ast.Name) and value.id in bound:
                text = self._text(bound[value.id])
            else:
                left_out = left_out or ast.unparse(value)
                continue
            if left_out and keyword is None:
                raise RefusedError(
                    f"the connecting call leaves out `{left_out}` and gives `{text}`"
                )
            yield f"{keyword}={text}" if keyword else text

    def _refuse_lost(self, bound: dict[str, ast.expr], values: list[ast.expr]) -> None:
        """Refuse to drop an argument, to reorder arguments or to evaluate one twice."""
        used = [value.id for value in values if isinstance(value, ast.Name) and value.id in bound]
        given = [name for name, value in bound.items() if self._is_given(value)]
        for name in given:
            if name not in used:
                raise RefusedError(
                    f"the connecting call's `{name}` has no place in the context manager "
                    f"of the rule `{self._helper.rule}`"
                )
        evaluated = [name for name in used if name in given]
        in_order = sorted(given, key=lambda name: _place(bound[name]))
        if evaluated != in_order and not all(_is_pure(bound[name]) for name in given):
            raise RefusedError(
                "the connecting call's arguments would be evaluated in another order"
            )

    def _is_given(self, value: ast.expr) -> bool:
        """Whether an argument is in the call, not a default of the rule."""
        call = self.site.call
        return any(value is given for given in (*call.args, *(w.value for w in call.keywords)))

    def _text(self, value: ast.expr) -> str:
        return self.module.source.segment(value) if self._is_given(value) else ast.unparse(value)

    # -- where it is imported from

    @cached_property
    def _beside_opener(self) -> bool:
        """Whether the managers are in the module of the opener."""
        return not self._helper.module

    def _prefix(self) -> str:
        function = self.site.call.func
        if isinstance(function, ast.Attribute) and self._beside_opener:
            return f"{self.module.source.segment(function.value)}."
        return ""

    def _imports(self, manager: str) -> list[Import]:
        function, names = self.site.call.func, self.module.analysis.names
        if self._beside_opener and not isinstance(function, ast.Name):
            return []
        bound = self._bound(manager, names)
        if bound != manager:
            return []  # imported already
        origin = names.resolve(function, self.scope)
        if origin is None or "." not in origin:
            raise RefusedError(f"cannot tell where `{ast.unparse(function)}` comes from")
        root = ast.unparse(function).partition(".")[0]
        module = self._helper.module or origin.rpartition(".")[0] or "."
        return [Import(manager, module, root, self.scope.qualname)]

    def _bound(self, manager: str, names: Names) -> str:
        """The definition or import behind the manager's name in the file."""
        bound = names.resolve(ast.Name(manager, ast.Load()), self.scope)
        if bound is None or bound.rpartition(".")[2] != manager:
            raise RefusedError(f"`{manager}` means something else in this file")
        return bound


def _place(value: ast.expr) -> tuple[int, int]:
    return value.lineno, value.col_offset


def _is_pure(value: ast.expr) -> bool:
    return all(isinstance(node, _PURE) for node in ast.walk(value))
