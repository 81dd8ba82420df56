"""The scopes of a module: all of them, or those whose lines hold a word."""

from __future__ import annotations

import ast

from flake8_naq.names import Names

CODE = """\
import nats


def plain():
    def inner():
        return 1
    return inner


@retry(nats)
def decorated():
    return [lambda: 2]


class Bus:
    async def open(self):
        return await nats.connect()

    def close(self):
        pass
"""


def qualnames(text: str, *words: str) -> list[str]:
    names = Names(ast.parse(CODE), text=text)
    return sorted(scope.qualname for scope in names.mentioning(words))


def test_only_the_scopes_with_a_word_and_those_around_them_are_found() -> None:
    assert qualnames(CODE, "connect") == ["", "Bus", "Bus.open"]


def test_a_decorator_belongs_to_its_function() -> None:
    assert "decorated" in qualnames(CODE, "retry")


def test_every_scope_is_found_where_the_source_is_not_at_hand() -> None:
    assert len(qualnames("")) == len(Names(ast.parse(CODE)).scopes) == 8


def test_a_scope_is_known_by_its_node_before_anything_walks_to_it() -> None:
    tree = ast.parse(CODE)
    inner = next(
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name == "inner"
    )
    assert Names(tree, text=CODE).scope_of(inner).qualname == "plain.inner"
