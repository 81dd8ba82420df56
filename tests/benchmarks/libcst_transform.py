"""A codemod of the textbook shape in LibCST's own style, to measure the codemod beside.

It finds ``nc = await get_nats_connection(url)`` before a ``try`` with a ``finally`` and makes an
``async with`` of them; imports are mended by LibCST's own visitors. It proves nothing.
"""

from __future__ import annotations

import libcst
import libcst.matchers as m
from libcst.codemod import CodemodContext, VisitorBasedCodemodCommand
from libcst.codemod.visitors import AddImportsVisitor, RemoveImportsVisitor

_OPENED = m.SimpleStatementLine(
    body=[
        m.Assign(
            targets=[m.AssignTarget(target=m.Name())],
            value=m.Await(
                expression=m.Call(
                    func=m.Name("get_nats_connection")
                    | m.Attribute(value=m.Name("nats"), attr=m.Name("connect"))
                )
            ),
        )
    ]
)
_GUARDED = m.Try(finalbody=m.Finally())


class Transform(VisitorBasedCodemodCommand):
    """Rewrites the textbook shape."""

    DESCRIPTION = "hand-managed connections to context managers"

    def leave_IndentedBlock(  # noqa: N802 - LibCST's name
        self, original_node: libcst.IndentedBlock, updated_node: libcst.IndentedBlock
    ) -> libcst.IndentedBlock:
        """Join an acquisition and the ``try`` after it."""
        body: list[libcst.BaseStatement] = []
        for statement in updated_node.body:
            if body and m.matches(body[-1], _OPENED) and m.matches(statement, _GUARDED):
                opened, guarded = body.pop(), statement
                assert isinstance(opened, libcst.SimpleStatementLine)
                assert isinstance(guarded, libcst.Try)
                assign = opened.body[0]
                assert isinstance(assign, libcst.Assign)
                item = libcst.WithItem(assign.value, libcst.AsName(assign.targets[0].target))
                body.append(libcst.With([item], guarded.body, asynchronous=libcst.Asynchronous()))
                AddImportsVisitor.add_needed_import(self.context, "naq.connection", "nats_kv_store")
                RemoveImportsVisitor.remove_unused_import(
                    self.context, "naq.connection", "close_nats_connection"
                )
            else:
                body.append(statement)
        return updated_node.with_changes(body=body)


def transform(text: str) -> str:
    """The module after the transform."""
    return Transform(CodemodContext()).transform_module(libcst.parse_module(text)).code
