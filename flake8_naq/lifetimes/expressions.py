"""Lowers expressions, in the order in which Python evaluates them.

`Expressions.value` gives the place that holds an expression's value, or None when the value has
nothing to do with a connection.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from flake8_naq.lifetimes.builder import Builder
from flake8_naq.lifetimes.closures import Closure, captured_by
from flake8_naq.lifetimes.context import Context
from flake8_naq.lifetimes.facts import Derived, Site
from flake8_naq.lifetimes.graph import (
    FALSE,
    NONE,
    TRUE,
    Block,
    Forget,
    Leave,
    Move,
    Place,
    Test,
    Use,
    Wrap,
)
from flake8_naq.names import Scope, dotted

# Beyond this depth an expression is only searched for names and calls.
_DEPTH = 60
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)
_CONNECTION_ATTRIBUTES = frozenset({"_nc", "nc", "_client", "client", "_conn"})


class Expressions(Builder):
    """Lowers the expressions of one scope.

    Attributes:
        context: What is known of the whole module.
        scope: The scope that is lowered.
        statement: The statement that is lowered.
        closures: The functions and lambdas defined in the scope.
        loops: The loops and comprehensions around the current point.
    """

    def __init__(self, context: Context, scope: Scope) -> None:
        super().__init__(getattr(scope.node, "end_lineno", None) or 0)
        self.context = context
        self.scope = scope
        self.statement: ast.stmt = ast.Pass()
        self.closures: dict[str, Closure] = {}
        self.loops: list[ast.AST] = []
        self.parts: dict[Place, list[Place | None]] = {}
        self.yields = False
        # Temporaries that hold a connection just opened: awaiting them raises before that.
        self.fresh: set[Place] = set()
        self.acquired: dict[Place, Site] = {}
        self.derivations: dict[Place, Derived] = {}
        self._depth = 0

    # Values

    def value(self, node: ast.expr, *, awaited: bool = False) -> Place | None:
        """Lower an expression; `awaited` tells that its coroutine, if it is one, is run."""
        if isinstance(node, ast.Constant):
            return None
        if isinstance(node, ast.Name):
            self._mention_name(node.id, node.lineno)
            return node.id
        self._depth += 1
        try:
            if self._depth > _DEPTH:
                self._search(node)
                return None
            return self._value(node, awaited)
        finally:
            self._depth -= 1

    def _value(self, node: ast.expr, awaited: bool) -> Place | None:
        match node:
            case ast.Attribute():
                return self._attribute(node)
            case ast.Call():
                return self.call(node, awaited=awaited)
            case ast.Await():
                return self._await(node)
            case ast.NamedExpr():
                place = self.value(node.value, awaited=awaited)
                self.bind(node.target, place, node.value)
                return node.target.id
            case ast.IfExp():
                return self._either(node, awaited)
            case ast.BoolOp():
                return self._bool_op(node, awaited)
            case ast.Tuple() | ast.List() | ast.Set():
                return self._display(node, node.elts, awaited)
            case ast.Dict():
                elements = [*(key for key in node.keys if key is not None), *node.values]
                return self._display(node, elements, awaited)
            case ast.Starred():
                return self.value(node.value, awaited=awaited)
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                return self._comprehension(node, awaited)
            case ast.Lambda():
                return self.capture(node)
            case ast.Yield() | ast.YieldFrom():
                return self._yield(node)
            case ast.Subscript():
                return self._subscript(node)
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.discard(child)
        return None

    def discard(self, node: ast.expr) -> None:
        """Lower an expression whose value goes no further."""
        place = self.value(node)
        if place is not None and not place.startswith("%"):
            self.emit(Use(place, node))

    def call(self, node: ast.Call, *, awaited: bool) -> Place | None:
        """Lower a call."""
        raise NotImplementedError

    def capture(self, node: ast.Lambda | ast.FunctionDef | ast.AsyncFunctionDef) -> Place | None:
        """Note a nested function, and that the names it uses matter for as long as it may run."""
        closure = captured_by(node, self.context, self.scope)
        name = f"<lambda {id(node)}>" if isinstance(node, ast.Lambda) else node.name
        self.closures[name] = closure
        for captured in closure.names:
            self.mention(captured, self.graph.end_line)
        return name

    def _mention_name(self, name: str, line: int) -> None:
        self.mention(name, line)

    def _attribute(self, node: ast.Attribute) -> Place | None:
        path = dotted(node)
        if path is not None:
            self._mention_name(path.partition(".")[0], node.lineno)
            return path
        source = self.value(node.value)
        if source is None:
            return None
        place = self.temporary(node.end_lineno or node.lineno)
        # `(await nats.connect()).publish` is no value of its own: the caller sees the source.
        if node.attr in _CONNECTION_ATTRIBUTES:
            self.emit(Move(place, source))
            return place
        self.emit(Use(source, node))
        return None

    def _await(self, node: ast.Await) -> Place | None:
        place = self.value(node.value, awaited=True)
        if place is None or place not in self.fresh:
            self.may_raise(node, cancel=True)
        return place

    def _either(self, node: ast.IfExp, awaited: bool) -> Place | None:
        result = self.temporary(node.end_lineno or node.lineno)
        yes, no, after = Block(), Block(), Block()
        self.condition(node.test, yes, no)
        for block, branch in ((yes, node.body), (no, node.orelse)):
            self.start(block)
            place = self.value(branch, awaited=awaited)
            if place is not None:
                self._pass_on(result, place)
            self.go(after)
        self.start(after)
        return result

    def _bool_op(self, node: ast.BoolOp, awaited: bool) -> Place | None:
        result = self.temporary(node.end_lineno or node.lineno)
        after = Block()
        for operand in node.values:
            place = self.value(operand, awaited=awaited)
            if place is not None:
                self._pass_on(result, place)
            if operand is node.values[-1]:
                self.go(after)
                continue
            on, off = Block(self.current.line), Block(self.current.line)
            self.go(on)
            self.go(off)
            if place is not None:
                stops = isinstance(node.op, ast.Or)
                off.steps.append(Test(place, "truthy", stops))
                on.steps.append(Test(place, "truthy", not stops))
            off.successors.append(after)
            self.start(on)
        self.start(after)
        return result

    def _pass_on(self, result: Place, place: Place) -> None:
        self._name_facts(result, place)
        self.emit(Move(result, place))
        if place in self.fresh:
            self.fresh.add(result)

    def _display(self, node: ast.expr, elements: Sequence[ast.expr], awaited: bool) -> Place | None:
        places = [self.value(element, awaited=awaited) for element in elements]
        if not any(places):
            return None
        result = self.temporary(node.end_lineno or node.lineno)
        for place in places:
            if place is not None:
                self.emit(Wrap(result, place, node))
                if place in self.fresh:
                    self.fresh.add(result)
        if isinstance(node, (ast.Tuple, ast.List)):
            self.parts[result] = places
        return result

    def _comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp, awaited: bool
    ) -> Place | None:
        result = self.temporary(node.end_lineno or node.lineno)
        self.loops.append(node)
        for generator in node.generators:
            source = self.value(generator.iter)
            if generator.is_async:
                self.may_raise(generator.iter, cancel=True)
            self.bind(generator.target, source, None, element=True)
            for condition in generator.ifs:
                self.discard(condition)
        elements = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        for element in elements:
            place = self.value(element, awaited=awaited)
            if place is not None:
                self.emit(Wrap(result, place, node, collected=True))
                if place in self.fresh:
                    self.fresh.add(result)
        self.loops.pop()
        return result

    def _yield(self, node: ast.Yield | ast.YieldFrom) -> Place | None:
        if node.value is not None:
            place = self.value(node.value)
            if place is not None:
                self.emit(Leave(place, "yielded", node))
        if not self.context.is_fixture(self.scope.node):
            self.may_raise(node, cancel=True)
        self.yields = True
        return None

    def _subscript(self, node: ast.Subscript) -> Place | None:
        source = self.value(node.value)
        self.discard(node.slice)
        if isinstance(node.ctx, ast.Load) and not isinstance(node.slice, ast.Slice):
            self.may_raise(node)
        if source is None:
            return None
        place = self.temporary(node.end_lineno or node.lineno)
        self.emit(Move(place, source, element=True))
        return place

    def _search(self, root: ast.expr) -> None:
        """What is nested too deep to be lowered: its names are used, its calls may raise."""
        stack: list[ast.AST] = [root]
        while stack:
            node = stack.pop()
            if isinstance(node, ast.Name):
                self._mention_name(node.id, node.lineno)
                self.emit(Use(node.id, node))
            elif isinstance(node, (ast.Call, ast.Await)):
                self.may_raise(node, cancel=isinstance(node, ast.Await))
            stack.extend(ast.iter_child_nodes(node))

    # Targets

    def bind(
        self,
        target: ast.expr,
        source: Place | None,
        value: ast.expr | None,
        *,
        element: bool = False,
    ) -> None:
        """Give `target` what `source` holds; `value` is the expression it came from."""
        match target:
            case ast.Name():
                self._bind_place(target.id, source, value, element)
                outlives = target.id in self.scope.declared
                if source and (isinstance(self.scope.node, ast.Module) or outlives):
                    self.emit(Leave(target.id, "stored", target, target.id))
            case ast.Attribute():
                path = dotted(target)
                if path is None:
                    self.discard(target.value)
                    if source is not None:
                        self.emit(Leave(source, "stored", target))
                    return
                self._mention_name(path.partition(".")[0], target.lineno)
                self._bind_place(path, source, value, element)
                root = path.partition(".")[0]
                if source is not None and self._is_made_here(root):
                    self.emit(Wrap(root, path, target))
                elif source is not None:
                    self.emit(Leave(path, "stored", target, path))
            case ast.Subscript():
                container = self.value(target.value)
                self.discard(target.slice)
                self.keep_in(container, source, target)
            case ast.Tuple() | ast.List():
                self._unpack(target, source, value, element)
            case ast.Starred():
                self.bind(target.value, source, value, element=True)

    def keep_in(self, container: Place | None, source: Place | None, node: ast.AST) -> None:
        """Put what `source` holds into a container."""
        if source is None:
            return
        if container is not None and self.is_local(container):
            self.emit(Wrap(container, source, node, collected=True))
        else:
            self.emit(Leave(source, "stored", node))

    def is_local(self, place: Place) -> bool:
        """Whether a place is made in this scope, and so does not outlive it by itself."""
        root = place.partition(".")[0]
        if root.startswith("%"):
            return True
        node = self.scope.node
        if isinstance(node, (ast.Module, ast.ClassDef)) or root in self.scope.declared:
            return False
        return root in self.scope.bound and root not in parameters_of(node) and "." not in place

    def _is_made_here(self, name: str) -> bool:
        """Whether a name stands for an object that this scope has constructed."""
        made = self.scope.bound.get(name)
        if not isinstance(made, ast.Call) or not self.is_local(name):
            return False
        return (dotted(made.func) or "").rpartition(".")[2][:1].isupper()

    def _bind_place(
        self, place: Place, source: Place | None, value: ast.expr | None, element: bool
    ) -> None:
        self.parts.pop(place, None)
        if source is None:
            self.emit(Forget(place, _fact(value)))
        elif source != place:
            self._name_facts(place, source)
            self.emit(Move(place, source, element))
            if source in self.parts:
                self.parts[place] = self.parts[source]

    def _name_facts(self, place: Place, source: Place) -> None:
        """The first name that a new connection or handle is given is its name."""
        if not source.startswith("%"):
            return
        site, derived = self.acquired.get(source), self.derivations.get(source)
        if place.startswith("%"):
            if site is not None:
                self.acquired[place] = site
            if derived is not None:
                self.derivations[place] = derived
            return
        if site is not None and site.handle is None:
            site.handle = place
        if derived is not None and derived.name is None:
            derived.name = place

    def _unpack(
        self,
        target: ast.Tuple | ast.List,
        source: Place | None,
        value: ast.expr | None,
        element: bool,
    ) -> None:
        parts = self.parts.get(source or "")
        plain = not any(isinstance(item, ast.Starred) for item in target.elts)
        if parts is not None and plain and len(parts) == len(target.elts) and not element:
            values: Sequence[ast.expr | None] = [None] * len(parts)
            if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(parts):
                values = value.elts
            for item, part, part_value in zip(target.elts, parts, values, strict=True):
                self.bind(item, part, part_value)
            return
        for item in target.elts:
            self.bind(item, source, None, element=True)

    # Conditions

    def condition(self, node: ast.expr, yes: Block, no: Block) -> None:
        """Lower a condition: the straight path goes on in `yes` or in `no`."""
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            self.condition(node.operand, no, yes)
        elif isinstance(node, ast.BoolOp) and self._depth < _DEPTH:
            self._depth += 1
            for operand in node.values[:-1]:
                on = Block(self.current.line)
                if isinstance(node.op, ast.And):
                    self.condition(operand, on, no)
                else:
                    self.condition(operand, yes, on)
                self.start(on)
            self.condition(node.values[-1], yes, no)
            self._depth -= 1
        elif isinstance(node, ast.Constant):
            self.go(yes if node.value else no)
        else:
            self._ask(node, yes, no)

    def _ask(self, node: ast.expr, yes: Block, no: Block) -> None:
        tested = self._question(node)
        if tested is None:
            place = self.value(node)
            if place is not None and not place.startswith("%"):
                self.emit(Use(place, node))
            text = _as_question(node)
            tested = Test(text, "truthy", True) if text else None
        for block, answer in ((yes, True), (no, False)):
            if tested is None:
                self.go(block)
                continue
            edge = Block(self.current.line)
            edge.steps.append(Test(tested.place, tested.question, tested.answer is answer))
            edge.successors.append(block)
            self.go(edge)

    def _question(self, node: ast.expr) -> Test | None:
        """What a simple condition asks of a place, and the answer that makes it true."""
        match node:
            case ast.Name() | ast.Attribute():
                if isinstance(node, ast.Attribute) and node.attr in ("is_connected", "is_closed"):
                    place = self._asked(node.value)
                    question = node.attr.removeprefix("is_")
                    if place is not None and question == "connected":
                        return Test(place, "connected", True)
                    return Test(place, "closed", True) if place is not None else None
                place = self._asked(node)
                return Test(place, "truthy", True) if place is not None else None
            case ast.NamedExpr():
                self.value(node)
                return Test(node.target.id, "truthy", True)
            case ast.Compare(
                left=left,
                ops=[ast.Is() | ast.IsNot() | ast.Eq() | ast.NotEq() as operator],
                comparators=[ast.Constant(value=None)],
            ):
                place = self._asked(left)
                positive = isinstance(operator, (ast.Is, ast.Eq))
                return Test(place, "none", positive) if place is not None else None
            case ast.Compare(
                left=ast.Constant(value=str(name)),
                ops=[ast.In() | ast.NotIn() as operator],
                comparators=[ast.Call(func=ast.Name(id="locals" | "vars" | "dir" | "globals"))],
            ):
                self._mention_name(name, node.lineno)
                return Test(name, "bound", isinstance(operator, ast.In))
            case ast.Call(
                func=ast.Name(id="getattr" | "hasattr"),
                args=[asked, ast.Constant(value=str(name)), *_],
            ) if name in ("is_connected", "is_closed"):
                place = self._asked(asked)
                if place is None or name == "is_closed":
                    return None
                return Test(place, "connected", True)
            case ast.Call(func=ast.Name(id="bool"), args=[asked]):
                return self._question(asked)
        return None

    def _asked(self, node: ast.expr) -> Place | None:
        path = dotted(node)
        if path is not None:
            self._mention_name(path.partition(".")[0], node.lineno)
            return path
        if isinstance(node, ast.NamedExpr):
            return self.value(node)
        return None


def parameters_of(node: ast.AST) -> set[str]:
    """The names of a function's parameters."""
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
        return set()
    arguments = node.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    named += [argument for argument in (arguments.vararg, arguments.kwarg) if argument is not None]
    return {argument.arg for argument in named}


def _fact(value: ast.expr | None) -> str | None:
    if not isinstance(value, ast.Constant):
        return None
    if value.value is None:
        return NONE
    return TRUE if value.value else FALSE


def _as_question(node: ast.expr) -> str | None:
    """The text of a pure condition, after the names in it: asked twice, it answers the same."""
    names = set()
    size = 0
    stack: list[ast.AST] = [node]
    while stack:
        child = stack.pop()
        size += 1
        if isinstance(child, ast.Name):
            names.add(child.id)
        elif not isinstance(child, (ast.Compare, ast.Attribute, ast.Constant, ast.cmpop, ast.Load)):
            return None
        if size > 16:
            return None
        stack.extend(ast.iter_child_nodes(child))
    return f"?{','.join(sorted(names))}:{ast.unparse(node)}" if names else None
