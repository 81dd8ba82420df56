"""Statements that derive JetStream or a bucket from a connection and may move into the header."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from flake8_naq.files.source_text import Source
from flake8_naq.migrate.tree import bound_value
from flake8_naq.names import Names, Scope
from flake8_naq.names.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class BodyStatement:
    """A statement of the body that may move into the header.

    Attributes:
        statement: The statement.
        guarded: Whether a ``try`` of the original encloses it.
    """

    statement: ast.stmt
    guarded: bool


@dataclass(frozen=True, slots=True)
class HeaderDerivations:
    """Recognises derivations in one scope."""

    scope: Scope
    names: Names
    vocabulary: Vocabulary
    source: Source

    def derives(self, statement: ast.stmt, handle: str) -> bool:
        """Whether a statement only binds the connection's JetStream to a name."""
        match statement:
            case (
                ast.Assign(targets=[ast.Name()], value=value)
                | ast.AnnAssign(target=ast.Name(), value=ast.expr() as value)
            ):
                return self.jetstream_of(value, handle)
        return False

    def jetstream_of(self, value: ast.expr, handle: str) -> bool:
        """Whether an expression only derives the connection's JetStream."""
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

    def bound_bucket(
        self, steps: list[BodyStatement], jetstream: BodyStatement, js: str
    ) -> tuple[ast.stmt, str] | None:
        """The statement right after the derivation that binds one bucket, and the bucket's name."""
        if [step.statement for step in steps[:1]] != [jetstream.statement] or len(steps) < 2:
            return None
        if jetstream.guarded or steps[1].guarded:
            return None
        match bound_value(steps[1].statement):
            case ast.Await(
                value=ast.Call(
                    func=ast.Attribute(value=ast.Name(id=name), attr="key_value")
                ) as call
            ) if name == js:
                return self._bucket(steps[1].statement, call)
        return None

    def inline_bucket(self, steps: list[BodyStatement], handle: str) -> tuple[ast.stmt, str] | None:
        """The same without a name for the JetStream context."""
        if not steps or steps[0].guarded:
            return None
        match bound_value(steps[0].statement):
            case ast.Await(
                value=ast.Call(func=ast.Attribute(value=value, attr="key_value")) as call
            ) if self.jetstream_of(value, handle):
                return self._bucket(steps[0].statement, call)
        return None

    def _bucket(self, statement: ast.stmt, call: ast.Call) -> tuple[ast.stmt, str] | None:
        given = [*call.args, *(word.value for word in call.keywords if word.arg == "bucket")]
        if len(given) != 1 or len(given) != len(call.args) + len(call.keywords):
            return None
        # The header evaluates the bucket before the URL, so neither may have an effect.
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
