"""Rule 22: a name that nats-py does not have."""

import ast
from collections.abc import Iterator

from flake8_naq.lifetimes import Derived, ModuleAnalysis, Site
from flake8_naq.names import Names, Scope, dotted
from flake8_naq.names.vocabulary import CLIENT_CLASSES, NAQ_CONNECT, NAQ_MANAGERS
from flake8_naq.nats_table import table
from flake8_naq.rules.guards import Guards
from flake8_naq.rules.nats_advice import (
    BUCKET_NOT_FOUND,
    KEY_NOT_FOUND,
    MISSING_KEY_OR_BUCKET,
    right_keyword,
    right_method,
    right_name,
)
from flake8_naq.rules.rule import Example, Problem, Rule

_GIVE_A_CLIENT = NAQ_CONNECT | NAQ_MANAGERS
_BINDING = frozenset({"key_value", "create_key_value", "nats_kv_store"})


def check(analysis: ModuleAnalysis) -> Iterator[Problem]:
    """Report names, methods and keywords that the table of nats-py does not have."""
    names = analysis.names
    local = {
        name
        for scope in names.importing()
        for name, origin in scope.imports.items()
        if origin.partition(".")[0] == "nats"
    }
    if not local:
        return
    guards = Guards(names)
    yield from _imported(names, guards)
    for scope in names.mentioning([*local, "connect"]):
        yield from _attributes(names, scope, local, guards)
        yield from _connects(names, scope, local, guards)
    yield from _methods(analysis, guards)


def _imported(names: Names, guards: Guards) -> Iterator[Problem]:
    for node in names.imports_from:
        module = node.module or ""
        if node.level or module.partition(".")[0] != "nats":
            continue
        for alias in node.names:
            if _is_unknown(module, alias.name) and not guards.stands_in_try(node):
                yield Problem(node, _message(module, alias.name, right_name(module, alias.name)))


def _attributes(names: Names, scope: Scope, local: set[str], guards: Guards) -> Iterator[Problem]:
    for node in scope.attributes:
        root = dotted(node)
        if root is None or root.partition(".")[0] not in local:
            continue
        origin = names.resolve(node.value, scope)
        if origin is None or not _is_unknown(origin, node.attr):
            continue
        if guards.asked_for(node.attr, scope) or guards.stands_in_try(node, "AttributeError"):
            continue
        right = _right_error(origin, node, names) or right_name(origin, node.attr)
        yield Problem(node, _message(origin, node.attr, right), scope.qualname)


def _connects(names: Names, scope: Scope, local: set[str], guards: Guards) -> Iterator[Problem]:
    for call in scope.calls:
        called = (dotted(call.func) or "").rpartition(".")[2]
        if called not in local and called != "connect":
            continue
        if names.resolve(call.func, scope) == "nats.connect":
            yield from _keywords(call, "connection.connect", scope, guards)


def _is_unknown(module: str, name: str) -> bool:
    """Whether a module of nats-py is known not to give a name."""
    modules: dict[str, list[str]] = table()["modules"]
    if module not in modules or name in modules[module] or name.startswith("_") or name == "*":
        return False
    # Other distributions add modules of their own to the package.
    return f"{module}.{name}" not in modules and (module != "nats" or name[:1].isupper())


def _message(module: str, name: str, right: str | None) -> str:
    if right is None:
        return f"nats-py has no `{module}.{name}` (as of {table()['version']})"
    return f"nats-py has no `{module}.{name}`: use {right if '`' in right else f'`{right}`'}"


def _right_error(module: str, node: ast.Attribute, names: Names) -> str | None:
    """The error that an `except` clause means by an ambiguous name, judged by the calls in its `try`."""
    if f"{module}.{node.attr}" not in MISSING_KEY_OR_BUCKET:
        return None
    for block in names.tries:
        if any(_is_within(node, handler.type) for handler in block.handlers):
            called = _called_in(block)
            if called.isdisjoint(_BINDING):
                return None
            if "get" not in called:
                return BUCKET_NOT_FOUND
            return f"`{KEY_NOT_FOUND}` for a key, `{BUCKET_NOT_FOUND}` for a bucket"
    return None


def _is_within(node: ast.AST, expression: ast.expr | None) -> bool:
    return expression is not None and any(child is node for child in ast.walk(expression))


def _called_in(block: ast.Try | ast.TryStar) -> set[str]:
    """The last names of the functions that the body of a `try` calls."""
    return {
        node.func.attr if isinstance(node.func, ast.Attribute) else (dotted(node.func) or "")
        for statement in block.body
        for node in ast.walk(statement)
        if isinstance(node, ast.Call)
    }


def _methods(analysis: ModuleAnalysis, guards: Guards) -> Iterator[Problem]:
    """Methods of connections and handles that nats-py's do not have."""
    names = analysis.names
    users: dict[ast.expr, Site] = {}
    for site in analysis.sites:
        scope = names.scope_of(site.scope)
        if _is_of_nats_py(site, names, scope):
            users.update(dict.fromkeys(_used(site), site))
        if _is_client_connect(site, names, scope):
            yield from _keywords(site.call, "connection.connect", scope, guards)
    for scope in {names.scope_of(site.scope) for site in users.values()}:
        for call in scope.calls:
            function = call.func
            if isinstance(function, ast.Attribute) and function.value in users:
                yield from _method(call, function, users[function.value], scope, guards)


def _is_of_nats_py(site: Site, names: Names, scope: Scope) -> bool:
    """Whether a connection is nats-py's client, not that of another library or opener."""
    opener = names.resolve(site.call.func, scope) or dotted(site.call.func) or ""
    ours = site.awaits_close or opener.rpartition(".")[2] in _GIVE_A_CLIENT
    return ours and opener != "nats.client.connect"


def _used(site: Site) -> Iterator[ast.expr]:
    """The expressions that stand for a connection or a handle whose method is called."""
    yield from site.uses
    for derived in site.derived:
        if isinstance(derived.call.func, ast.Attribute):
            yield derived.call.func.value


def _is_client_connect(site: Site, names: Names, scope: Scope) -> bool:
    """Whether a connection is opened by the ``connect`` of a client: ``await nc.connect()``."""
    match site.call.func:
        case ast.Attribute(value=ast.Call(func=made), attr="connect"):
            return names.resolve(made, scope) in CLIENT_CLASSES
        case ast.Attribute(value=client, attr="connect"):
            return site.awaits_close and dotted(client) == site.handle
    return False


def _method(
    call: ast.Call, function: ast.Attribute, site: Site, scope: Scope, guards: Guards
) -> Iterator[Problem]:
    place = dotted(function.value)
    kinds = _kinds_at(place, site)
    known = table()["handles"]
    name = function.attr
    if not kinds <= known.keys() or name.startswith("_"):
        return
    having = [kind for kind in kinds if name in known[kind]]
    if len(having) == len(kinds) == 1:
        yield from _keywords(call, f"{having[0]}.{name}", scope, guards)
    if having or guards.asked_for(name, scope):
        return
    if guards.stands_in_try(function, "AttributeError"):
        return
    right = right_method(min(kinds), name)
    cure = f": use {right}" if right else ""
    yield Problem(function, f"nats-py has no `{place}.{name}()`{cure}", scope.qualname, site)


def _kinds_at(place: str | None, site: Site) -> set[str]:
    """The kinds of handles that a variable may hold: a name may be bound more than once."""
    kinds = {_kind(derived, site) for derived in site.derived if derived.name == place}
    if kinds and place is not None:
        return kinds
    return {"connection" if place == site.handle else "other"}


def _kind(derived: Derived, site: Site) -> str:
    """The kind of a handle; the subscriptions of JetStream have methods of their own."""
    if derived.kind != "subscription":
        return derived.kind
    match derived.call.func:
        case ast.Attribute(attr="pull_subscribe" | "pull_subscribe_bind"):
            return "pull_subscription"
        case ast.Attribute(value=receiver) if dotted(receiver) is not None:
            return _KIND_BY_PARENT.get(_parent_kind(dotted(receiver), site), "other")
        case ast.Attribute(value=ast.Call(func=ast.Attribute(attr="jetstream"))):
            return "push_subscription"
    return "other"


_KIND_BY_PARENT = {"connection": "subscription", "jetstream": "push_subscription"}


def _parent_kind(place: str | None, site: Site) -> str:
    if place == site.handle:
        return "connection"
    return next((one.kind for one in site.derived if one.name == place), "other")


def _keywords(call: ast.Call, function: str, scope: Scope, guards: Guards) -> Iterator[Problem]:
    known = table()["keywords"].get(function)
    if known is None:
        return
    for keyword in call.keywords:
        if keyword.arg is None or keyword.arg in known:
            continue
        if guards.stands_in_try(call, "TypeError"):
            return
        right = right_keyword(function, keyword.arg)
        cure = f": {right}" if right else ""
        message = f"`{ast.unparse(call.func)}()` of nats-py takes no `{keyword.arg}`{cure}"
        yield Problem(keyword.value, message, scope.qualname)


RULE = Rule(
    number="22",
    name="unknown-nats-attribute",
    defect=True,
    summary="A name, method or keyword that nats-py does not have.",
    why="""\
An `except nats.errors.KeyValueNotFound` looks right, and raises `AttributeError` on the day when the
key is missing. The table of names is made from an installed nats-py. A name is left alone where the
code is ready for several versions: an import inside a `try`, a `hasattr`, an `except AttributeError`
(for keywords: `except TypeError`).
""",
    bad=(
        Example(
            "an exception of another name",
            """\
import nats.errors
from naq.connection import nats_kv_store


async def result(job_id, config):
    try:
        async with nats_kv_store("job_results", config) as kv:
            return (await kv.get(job_id)).value
    except nats.errors.KeyValueNotFound:
        return None
""",
            {9: "22"},
            left_alone=True,
        ),
        Example(
            "an import",
            """\
from nats.errors import APIError

RETRIED = (APIError,)
""",
            {1: "22"},
            left_alone=True,
        ),
        Example(
            "a method of another client, a keyword that is not there",
            """\
import nats


async def entries(url):
    async with await nats.connect(url, connection_timeout=5) as nc:
        kv = await nc.jetstream().key_value("jobs")
        await kv.put("last", b"1", ttl=60)
        return await kv.entries()
""",
            {5: "22", 7: "22", 8: "22"},
            left_alone=True,
        ),
        Example(
            "the missing bucket of a block that binds and puts",
            """\
import nats.errors
from naq.connection import nats_kv_store


async def keep(key, value, config):
    try:
        async with nats_kv_store("job_results", config) as kv:
            await kv.put(key, value)
    except nats.errors.KeyValueNotFound:
        print("no bucket")
    except nats.errors.APIError:
        raise
""",
            {9: "22", 11: "22"},
            left_alone=True,
        ),
        Example(
            "keywords of other clients, and a `fetch` that only pull subscriptions have",
            """\
from nats.aio.client import Client


async def listen(url, loop, handler):
    async with Client() as nc:
        await nc.connect(url, loop=loop)
        sub = await nc.subscribe("events", callback=handler)
        await nc.publish("events", b"", header={})
        await sub.fetch(1)
""",
            {6: "22", 7: "22", 8: "22", 9: "22"},
            left_alone=True,
        ),
    ),
    good=(
        Example(
            "the names that nats-py has",
            """\
from nats.js.errors import KeyNotFoundError
from naq.connection import nats_kv_store


async def result(job_id, config):
    async with nats_kv_store("job_results", config) as kv:
        try:
            return (await kv.get(job_id)).value
        except KeyNotFoundError:
            return None
""",
        ),
        Example(
            "an import for several versions",
            """\
try:
    from nats.errors import APIError
except ImportError:
    from nats.js.errors import APIError

RETRIED = (APIError,)
""",
        ),
        Example(
            "code that is ready for several versions",
            """\
import nats


async def send(url):
    async with await nats.connect(url) as nc:
        if hasattr(nc, "send"):
            await nc.send("events", b"")
        try:
            await nc.emit("events", b"")
        except AttributeError:
            await nc.publish("events", b"")
""",
        ),
        Example(
            "a `fetch` of a pull subscription",
            """\
import nats


async def take(url):
    async with await nats.connect(url) as nc:
        sub = await nc.jetstream().pull_subscribe("jobs", "worker")
        return await sub.fetch(10, timeout=1)
""",
        ),
        Example(
            "a package of the same first name",
            """\
from nats.client import connect

CONNECT = connect
""",
        ),
    ),
    misses=(
        Example(
            "a method of a bucket that came from elsewhere",
            """\
import nats


async def entries(kv: nats.js.kv.KeyValue):
    return await kv.entries()
""",
        ),
    ),
    check=check,
)
