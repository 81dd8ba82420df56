"""Wrong rewrites: what a planner with one fault would write.

``python -m tests.unit.migrate.mutations`` prints the table of ``docs/guide/axioms.md``.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from flake8_naq.migrate.fixer import Options, fix_text
from flake8_naq.migrate.match.rule_files import built_in, helpers_of
from flake8_naq.migrate.prove import Function, prove_function
from flake8_naq.names import Names
from flake8_naq.settings import Settings
from tests.unit.migrate.shapes import SHAPES
from tests.unit.migrate.traces import differences

# Changes a copy of the function at its n-th opportunity; False when there is none.
Mutation: TypeAlias = Callable[[ast.AsyncFunctionDef, int], bool]
MUTATIONS: dict[str, Mutation] = {}


def mutation(name: str) -> Callable[[Mutation], Mutation]:
    """Register a mutation under what the planner does wrong."""

    def register(function: Mutation) -> Mutation:
        MUTATIONS[name] = function
        return function

    return register


def nth(found: Iterator[ast.AST], number: int) -> ast.AST | None:
    """The n-th of the places where a mutation can be made."""
    for index, node in enumerate(found):
        if index == number:
            return node
    return None


def blocks(function: ast.AST) -> Iterator[list[ast.stmt]]:
    """Every block of statements."""
    for node in ast.walk(function):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
                yield block


def managed(node: ast.AST) -> bool:
    """Whether a block opens a connection."""
    return isinstance(node, ast.AsyncWith) and "lock" not in ast.unparse(node.items[0])


def holders(function: ast.AST) -> Iterator[tuple[list[ast.stmt], int, ast.AsyncWith]]:
    """Every block that opens a connection, with where it stands."""
    for block in blocks(function):
        for index, statement in enumerate(block):
            if isinstance(statement, ast.AsyncWith) and managed(statement):
                yield block, index, statement


def replace_in(
    function: ast.AST,
    wanted: Callable[[ast.AST], bool],
    number: int,
    change: Callable[[ast.AST], None],
) -> bool:
    """Change the n-th node of a kind."""
    node = nth((node for node in ast.walk(function) if wanted(node)), number)
    if node is None:
        return False
    change(node)
    return True


def method(node: ast.AST, *names: str) -> bool:
    """Whether a statement does nothing but await a method of one of these names."""
    match node:
        case ast.Expr(value=ast.Await(value=ast.Call(func=ast.Attribute(attr=name)))):
            return name in names
    return False


def drop(function: ast.AST, wanted: Callable[[ast.stmt], bool], number: int) -> bool:
    """Take the n-th statement of a kind out."""
    places = [
        (block, index)
        for block in blocks(function)
        for index, statement in enumerate(block)
        if wanted(statement)
    ]
    if number >= len(places):
        return False
    block, index = places[number]
    block[index] = ast.Pass()
    return True


def calls(node: ast.AST) -> bool:
    """Whether a statement does nothing but one call, awaited or not."""
    return isinstance(node, ast.Expr) and isinstance(node.value, (ast.Await, ast.Call))


def openings(function: ast.AST) -> Iterator[ast.Call]:
    """The calls that open connections."""
    for node in ast.walk(function):
        match node:
            case ast.Call(func=ast.Attribute(attr="connect")):
                yield node
            case ast.Call(func=ast.Name(id=name)) if name.startswith("nats_"):
                yield node


@mutation("moves the connect before the statement above it")
def _(function: ast.AsyncFunctionDef, number: int) -> bool:
    found = [
        (b, i, s)
        for b, i, s in holders(function)
        if i > 0 and not isinstance(b[i - 1], ast.FunctionDef)
    ]
    if number >= len(found):
        return False
    block, index, statement = found[number]
    statement.body.insert(0, block.pop(index - 1))
    return True


@mutation("moves the connect out of the try around it")
def _(function: ast.AsyncFunctionDef, number: int) -> bool:
    for block in blocks(function):
        for index, outer in enumerate(block):
            if isinstance(outer, ast.Try) and len(outer.body) == 1 and managed(outer.body[0]):
                if number:
                    number -= 1
                    continue
                inner = outer.body[0]
                assert isinstance(inner, ast.AsyncWith)
                outer.body, inner.body = inner.body, [outer]
                block[index] = inner
                return True
    return False


@mutation("moves the connect into the try below it")
def _(function: ast.AsyncFunctionDef, number: int) -> bool:
    found = [(b, i, s) for b, i, s in holders(function) if isinstance(s.body[0], ast.Try)]
    if number >= len(found):
        return False
    block, index, statement = found[number]
    inner = statement.body[0]
    assert isinstance(inner, ast.Try)
    statement.body = inner.body + statement.body[1:]
    inner.body = [statement]
    block[index] = inner
    return True


@mutation("moves the connect out of the loop")
def _(function: ast.AsyncFunctionDef, number: int) -> bool:
    for block in blocks(function):
        for index, loop in enumerate(block):
            if isinstance(loop, ast.For):
                inner = next((s for s in loop.body if managed(s)), None)
                if inner is None or number:
                    continue
                assert isinstance(inner, ast.AsyncWith)
                at = loop.body.index(inner)
                loop.body[at : at + 1] = inner.body
                inner.body = [loop]
                block[index] = inner
                return True
    return False


@mutation("ends the block one statement early")
def _(function: ast.AsyncFunctionDef, number: int) -> bool:
    found = [(b, i, s) for b, i, s in holders(function) if len(s.body) > 1]
    if number >= len(found):
        return False
    block, index, statement = found[number]
    block.insert(index + 1, statement.body.pop())
    return True


@mutation("ends the block before its body")
def _(function: ast.AsyncFunctionDef, number: int) -> bool:
    found = list(holders(function))
    if number >= len(found):
        return False
    block, index, statement = found[number]
    block[index + 1 : index + 1] = statement.body
    statement.body = [ast.Pass()]
    return True


@mutation("takes the statement below into the block")
def _(function: ast.AsyncFunctionDef, number: int) -> bool:
    found = [(b, i, s) for b, i, s in holders(function) if i + 1 < len(b)]
    if number >= len(found):
        return False
    block, index, statement = found[number]
    statement.body.append(block.pop(index + 1))
    return True


@mutation("opens without a block")
def _(function: ast.AsyncFunctionDef, number: int) -> bool:
    found = [(b, i, s) for b, i, s in holders(function) if s.items[0].optional_vars is not None]
    if number >= len(found):
        return False
    block, index, statement = found[number]
    item = statement.items[0]
    assert item.optional_vars is not None
    block[index : index + 1] = [
        ast.Assign([item.optional_vars], item.context_expr),
        *statement.body,
    ]
    return True


@mutation("swaps two connections")
def _(function: ast.AsyncFunctionDef, number: int) -> bool:
    found = [s for _, _, s in holders(function) if managed(s.body[0])]
    if number >= len(found):
        return False
    outer = found[number]
    inner = outer.body[0]
    assert isinstance(inner, ast.AsyncWith)
    outer.items, inner.items = inner.items, outer.items
    return True


@mutation("uses one connection for two")
def _(function: ast.AsyncFunctionDef, number: int) -> bool:
    found = [s for _, _, s in holders(function) if managed(s.body[0])]
    if number >= len(found):
        return False
    outer = found[number]
    inner = outer.body[0]
    assert isinstance(inner, ast.AsyncWith)
    target, source = inner.items[0].optional_vars, outer.items[0].optional_vars
    assert target is not None
    assert isinstance(source, ast.Name)
    outer.body[:1] = [ast.Assign([target], ast.Name(source.id, ast.Load())), *inner.body]
    return True


@mutation("drops a close that is needed in its place")
def _(function: ast.AsyncFunctionDef, number: int) -> bool:
    return drop(function, lambda node: method(node, "close"), number)


@mutation("drops a drain")
def _(function: ast.AsyncFunctionDef, number: int) -> bool:
    return drop(function, lambda node: method(node, "drain"), number)


@mutation("closes in place of a drain")
def _(function: ast.AsyncFunctionDef, number: int) -> bool:
    def change(node: ast.AST) -> None:
        assert isinstance(node, ast.Attribute)
        node.attr = "close"

    return replace_in(
        function,
        lambda node: isinstance(node, ast.Attribute) and node.attr == "drain",
        number,
        change,
    )


@mutation("closes before the body")
def _(function: ast.AsyncFunctionDef, number: int) -> bool:
    found = [s for _, _, s in holders(function) if isinstance(s.items[0].optional_vars, ast.Name)]
    if number >= len(found):
        return False
    name = found[number].items[0].optional_vars
    assert isinstance(name, ast.Name)
    found[number].body[:0] = ast.parse(f"await {name.id}.close()").body
    return True


@mutation("swaps two statements")
def _(function: ast.AsyncFunctionDef, number: int) -> bool:
    places = [
        (b, i)
        for b in blocks(function)
        for i in range(len(b) - 1)
        if calls(b[i]) and calls(b[i + 1])
    ]
    if number >= len(places):
        return False
    block, index = places[number]
    block[index], block[index + 1] = block[index + 1], block[index]
    return True


@mutation("drops a statement")
def _(function: ast.AsyncFunctionDef, number: int) -> bool:
    return drop(function, calls, number)


@mutation("runs a statement twice")
def _(function: ast.AsyncFunctionDef, number: int) -> bool:
    places = [(b, i) for b in blocks(function) for i, s in enumerate(b) if calls(s)]
    if number >= len(places):
        return False
    block, index = places[number]
    block.insert(index, copy.deepcopy(block[index]))
    return True


@mutation("drops an assignment")
def _(function: ast.AsyncFunctionDef, number: int) -> bool:
    return drop(function, lambda node: isinstance(node, ast.Assign), number)


@mutation("drops an argument of the connect")
def _(function: ast.AsyncFunctionDef, number: int) -> bool:
    found = [call for call in openings(function) if call.keywords]
    if number >= len(found):
        return False
    found[number].keywords.pop()
    return True


@mutation("connects to another server")
def _(function: ast.AsyncFunctionDef, number: int) -> bool:
    found = [call for call in openings(function) if call.args]
    if number >= len(found):
        return False
    found[number].args[-1] = ast.Constant("nats://other")
    return True


@mutation("binds another bucket")
def _(function: ast.AsyncFunctionDef, number: int) -> bool:
    found = [
        call
        for call in openings(function)
        if isinstance(call.func, ast.Name) and call.func.id == "nats_kv_store"
    ]
    if number >= len(found):
        return False
    found[number].args[0] = ast.Constant("other")
    return True


@mutation("shares a connection that needs one of its own")
def _(function: ast.AsyncFunctionDef, number: int) -> bool:
    found = [c for c in openings(function) if any(word.arg == "exclusive" for word in c.keywords)]
    if number >= len(found):
        return False
    found[number].keywords = []
    return True


@mutation("takes an opener that gives no client for one that does")
def _(function: ast.AsyncFunctionDef, number: int) -> bool:
    found = list(openings(function))
    if number >= len(found):
        return False
    found[number].func = ast.Name("somebody_elses", ast.Load())
    return True


@mutation("changes an argument")
def _(function: ast.AsyncFunctionDef, number: int) -> bool:
    def change(node: ast.AST) -> None:
        assert isinstance(node, ast.Constant)
        node.value = b"changed"

    return replace_in(
        function,
        lambda node: isinstance(node, ast.Constant) and isinstance(node.value, bytes),
        number,
        change,
    )


@mutation("drops an await")
def _(function: ast.AsyncFunctionDef, number: int) -> bool:
    def change(node: ast.AST) -> None:
        assert isinstance(node, ast.Expr)
        assert isinstance(node.value, ast.Await)
        node.value = node.value.value

    return replace_in(
        function,
        lambda node: isinstance(node, ast.Expr) and isinstance(node.value, ast.Await),
        number,
        change,
    )


@mutation("leaves a handler behind")
def _(function: ast.AsyncFunctionDef, number: int) -> bool:
    def change(node: ast.AST) -> None:
        assert isinstance(node, ast.Try)
        node.handlers.pop(0)
        if not node.handlers:
            node.body, node.orelse = [*node.body, *node.orelse], []
            node.finalbody = node.finalbody or [ast.Pass()]

    return replace_in(
        function, lambda n: isinstance(n, ast.Try) and bool(n.handlers), number, change
    )


@mutation("changes the order of the handlers")
def _(function: ast.AsyncFunctionDef, number: int) -> bool:
    def change(node: ast.AST) -> None:
        assert isinstance(node, ast.Try)
        node.handlers.reverse()

    return replace_in(
        function, lambda n: isinstance(n, ast.Try) and len(n.handlers) > 1, number, change
    )


@mutation("widens a handler")
def _(function: ast.AsyncFunctionDef, number: int) -> bool:
    def change(node: ast.AST) -> None:
        assert isinstance(node, ast.ExceptHandler)
        node.type = ast.Name("BaseException", ast.Load())

    return replace_in(function, lambda n: isinstance(n, ast.ExceptHandler), number, change)


@mutation("swallows what a handler raises again")
def _(function: ast.AsyncFunctionDef, number: int) -> bool:
    return drop(function, lambda node: isinstance(node, ast.Raise), number)


@mutation("moves a statement out of a finally")
def _(function: ast.AsyncFunctionDef, number: int) -> bool:
    for block in blocks(function):
        for index, outer in enumerate(block):
            if isinstance(outer, ast.Try) and outer.finalbody and calls(outer.finalbody[0]):
                if number:
                    number -= 1
                    continue
                block.insert(index + 1, outer.finalbody[0])
                outer.finalbody[0] = ast.Pass()
                return True
    return False


@mutation("moves a statement into a finally")
def _(function: ast.AsyncFunctionDef, number: int) -> bool:
    for block in blocks(function):
        for index, outer in enumerate(block[:-1]):
            inner = outer.body[-1] if isinstance(outer, ast.AsyncWith) else outer
            if isinstance(inner, ast.Try) and calls(block[index + 1]):
                if number:
                    number -= 1
                    continue
                inner.finalbody.append(block.pop(index + 1))
                return True
    return False


@mutation("runs an else inside the try")
def _(function: ast.AsyncFunctionDef, number: int) -> bool:
    def change(node: ast.AST) -> None:
        assert isinstance(node, ast.Try)
        node.body += node.orelse
        node.orelse = []

    return replace_in(function, lambda n: isinstance(n, ast.Try) and bool(n.orelse), number, change)


@mutation("returns another value")
def _(function: ast.AsyncFunctionDef, number: int) -> bool:
    def change(node: ast.AST) -> None:
        assert isinstance(node, ast.Return)
        node.value = ast.Constant("another value")

    return replace_in(function, lambda n: isinstance(n, ast.Return), number, change)


@mutation("drops a return")
def _(function: ast.AsyncFunctionDef, number: int) -> bool:
    return drop(function, lambda node: isinstance(node, ast.Return), number)


@mutation("returns before the block ends what it does")
def _(function: ast.AsyncFunctionDef, number: int) -> bool:
    found = [s for _, _, s in holders(function) if len(s.body) > 1]
    if number >= len(found):
        return False
    found[number].body.insert(1, ast.Return(None))
    return True


@mutation("negates a test")
def _(function: ast.AsyncFunctionDef, number: int) -> bool:
    def change(node: ast.AST) -> None:
        assert isinstance(node, ast.If)
        node.test = ast.UnaryOp(ast.Not(), node.test)

    return replace_in(function, lambda n: isinstance(n, ast.If), number, change)


@mutation("goes on in place of a break")
def _(function: ast.AsyncFunctionDef, number: int) -> bool:
    places = [
        (b, i)
        for b in blocks(function)
        for i, s in enumerate(b)
        if isinstance(s, (ast.Break, ast.Continue))
    ]
    if number >= len(places):
        return False
    block, index = places[number]
    block[index] = ast.Continue() if isinstance(block[index], ast.Break) else ast.Break()
    return True


@mutation("swallows errors of the body")
def _(function: ast.AsyncFunctionDef, number: int) -> bool:
    found = [s for _, _, s in holders(function)]
    if number >= len(found):
        return False
    guard = ast.parse("with contextlib.suppress(Exception):\n    pass").body[0]
    assert isinstance(guard, ast.With)
    guard.body = found[number].body
    found[number].body = [guard]
    return True


@mutation("drops a context manager of the body")
def _(function: ast.AsyncFunctionDef, number: int) -> bool:
    places = [
        (b, i, s)
        for b in blocks(function)
        for i, s in enumerate(b)
        if isinstance(s, (ast.With, ast.AsyncWith)) and not managed(s)
    ]
    if number >= len(places):
        return False
    block, index, statement = places[number]
    block[index : index + 1] = statement.body
    return True


@mutation("puts another function in the place of the close")
def _(function: ast.AsyncFunctionDef, number: int) -> bool:
    found = [s for _, _, s in holders(function) if isinstance(s.items[0].optional_vars, ast.Name)]
    if number >= len(found):
        return False
    name = found[number].items[0].optional_vars
    assert isinstance(name, ast.Name)
    found[number].body[:0] = ast.parse(f"{name.id}.close = step").body
    return True


@mutation("changes the body of a closure")
def _(function: ast.AsyncFunctionDef, number: int) -> bool:
    found = [
        n for n in ast.walk(function) if isinstance(n, ast.AsyncFunctionDef) and n is not function
    ]
    if number >= len(found):
        return False
    found[number].body = ast.parse("note('other')").body
    return True


@dataclass
class Count:
    """What became of the mutants of one mutation.

    Attributes:
        caught: Those that the proof holds back.
        equal: Those that act as the function did: no trace differs.
        through: Those that it takes for safe although they act otherwise.
    """

    caught: int = 0
    equal: int = 0
    through: list[str] = field(default_factory=list)


def function_of(text: str) -> Function:
    """The function ``work`` of a module."""
    names = Names(ast.parse(text))
    scope = next(s for s in names.module.children if s.qualname == "work")
    return Function(names, scope, Settings(), helpers_of(built_in()))


def mutants(after: str, change: Mutation) -> Iterator[str]:
    """Every mutant that a mutation makes of a rewritten module."""
    for number in range(100):
        tree = ast.parse(after)
        function = tree.body[-1]
        assert isinstance(function, ast.AsyncFunctionDef)
        if not change(function, number):
            return
        yield ast.unparse(ast.fix_missing_locations(tree))


def tried(change: Mutation) -> Count:
    """Make a mutation wherever it can be made in the rewrites of all shapes."""
    count = Count()
    for before in SHAPES.values():
        after = fix_text(before, "work.py", Options()).text
        for mutant in mutants(after, change):
            if prove_function(function_of(before), function_of(mutant)).difference is not None:
                count.caught += 1
            elif differences(before, mutant):
                count.through.append(mutant)
            else:
                count.equal += 1
    return count


def row(name: str, count: Count) -> str:
    """One row of the table."""
    numbers = (count.caught, count.equal, len(count.through))
    return f"| {name} | {sum(numbers)} | {' | '.join(map(str, numbers))} |"


def table() -> str:
    """The mutations as a Markdown table."""
    head = "| a planner that | mutants | caught | equal | got through |\n|---|--:|--:|--:|--:|"
    return "\n".join([head, *(row(name, tried(change)) for name, change in MUTATIONS.items())])


if __name__ == "__main__":
    print(table())
