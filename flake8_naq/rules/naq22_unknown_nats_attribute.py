"""Rule 22: a name that nats-py does not have."""

import ast
import difflib
from collections.abc import Iterator

from flake8_naq.lifetimes import ModuleAnalysis, Site
from flake8_naq.names import Names, Scope, dotted
from flake8_naq.names.vocabulary import NAQ_CONNECT, NAQ_MANAGERS
from flake8_naq.nats_table import table
from flake8_naq.rules.rule import Example, Problem, Rule

# What migration documents and other clients call things, and what nats-py calls them.
_RIGHT_NAMES = {
    "nats.errors.KeyValueNotFound": "nats.js.errors.KeyNotFoundError",
    "nats.errors.KeyNotFound": "nats.js.errors.KeyNotFoundError",
    "nats.errors.BucketNotFound": "nats.js.errors.BucketNotFoundError",
    "nats.errors.StreamNotFound": "nats.js.errors.NotFoundError",
    "nats.errors.StreamNotFoundError": "nats.js.errors.NotFoundError",
    "nats.errors.ConsumerNotFound": "nats.js.errors.NotFoundError",
    "nats.errors.ConnectionClosed": "nats.errors.ConnectionClosedError",
    "nats.js.errors.ConsumerNotFoundError": "nats.js.errors.NotFoundError",
    "nats.js.errors.StreamNotFoundError": "nats.js.errors.NotFoundError",
    "nats.js.errors.KeyValueNotFoundError": "nats.js.errors.KeyNotFoundError",
    "nats.js.api.KeyValue": "nats.js.kv.KeyValue",
}
_RIGHT_METHODS = {
    ("kv", "entries"): "`keys()` and `get()`, or `watchall()`",
    ("kv", "list"): "`keys()`",
    ("kv", "list_keys"): "`keys()`",
    ("kv", "items"): "`keys()` and `get()`, or `watchall()`",
    ("subscription", "next"): "`next_msg()`",
    ("subscription", "next_message"): "`next_msg()`",
    ("jetstream", "create_stream"): "`add_stream()`",
    ("jetstream", "create_consumer"): "`add_consumer()`",
    ("jetstream", "create_kv"): "`create_key_value()`",
    ("connection", "jet_stream"): "`jetstream()`",
    ("connection", "unsubscribe"): "`unsubscribe()` of the subscription",
}
_RIGHT_KEYWORDS = {
    ("nats.connect", "connection_timeout"): "`connect_timeout`",
    ("nats.connect", "timeout"): "`connect_timeout`",
    ("nats.connect", "url"): "`servers`",
    ("nats.connect", "max_reconnects"): "`max_reconnect_attempts`",
    ("kv.put", "ttl"): "the bucket's `ttl`, set by `create_key_value`",
    ("kv.create", "ttl"): "`msg_ttl`",
    ("kv.delete", "purge"): "`purge()`",
}

_GIVE_A_CLIENT = NAQ_CONNECT | NAQ_MANAGERS


def check(analysis: ModuleAnalysis) -> Iterator[Problem]:
    """Report names, methods and keywords that the table of nats-py does not have."""
    names = analysis.names
    local = {
        name
        for scope in names.scopes.values()
        for name, origin in scope.imports.items()
        if origin.partition(".")[0] == "nats"
    }
    if not local:
        return
    yield from _imported(names)
    for scope in names.scopes.values():
        yield from _attributes(names, scope, local)
    yield from _methods(analysis)


def _imported(names: Names) -> Iterator[Problem]:
    for node in names.imports_from:
        module = node.module or ""
        if node.level or module.partition(".")[0] != "nats" or _is_guarded(node, names):
            continue
        for alias in node.names:
            if problem := _unknown(module, alias.name):
                yield Problem(node, problem)


def _is_guarded(node: ast.ImportFrom, names: Names) -> bool:
    """Whether an import stands in the body of a `try`."""
    return any(
        block.body[0].lineno <= node.lineno <= (block.body[-1].end_lineno or 0)
        for block in names.tries
    )


def _attributes(names: Names, scope: Scope, local: set[str]) -> Iterator[Problem]:
    for node in scope.attributes:
        root = dotted(node)
        if root is None or root.partition(".")[0] not in local:
            continue
        origin = names.resolve(node.value, scope)
        if origin is None or origin.partition(".")[0] != "nats":
            continue
        if problem := _unknown(origin, node.attr):
            yield Problem(node, problem, scope.qualname)
    for call in scope.calls:
        called = (dotted(call.func) or "").rpartition(".")[2]
        if called not in local and called != "connect":
            continue
        if names.resolve(call.func, scope) == "nats.connect":
            yield from _keywords(call, "nats.connect", scope)


def _unknown(module: str, name: str) -> str | None:
    """Why a module of nats-py does not give a name, None when it does or nobody knows."""
    modules: dict[str, list[str]] = table()["modules"]
    if module not in modules or name in modules[module] or name.startswith("_") or name == "*":
        return None
    if f"{module}.{name}" in modules:
        return None
    # Other distributions add modules of their own to the package.
    if module == "nats" and not name[:1].isupper():
        return None
    wrong = f"{module}.{name}"
    right = _RIGHT_NAMES.get(wrong)
    if right is None:
        elsewhere = [found for found, known in modules.items() if name in known]
        close = difflib.get_close_matches(name, modules[module], 1, 0.7)
        if elsewhere:
            right = f"{max(elsewhere, key=len)}.{name}"
        elif close:
            right = f"{module}.{close[0]}"
    cure = f": use `{right}`" if right else f" (as of {table()['version']})"
    return f"nats-py has no `{wrong}`{cure}"


def _methods(analysis: ModuleAnalysis) -> Iterator[Problem]:
    """Methods of connections and handles that nats-py's do not have."""
    names = analysis.names
    users: dict[ast.expr, Site] = {}
    for site in analysis.sites:
        # The other library of that first name has handles of its own, and so may a project's opener.
        function = site.call.func
        opener = names.resolve(function, names.scopes[site.scope]) or dotted(function) or ""
        ours = site.awaits_close or opener.rpartition(".")[2] in _GIVE_A_CLIENT
        if ours and opener != "nats.client.connect":
            users.update(dict.fromkeys(site.uses, site))
    for scope in {names.scopes[site.scope] for site in users.values()}:
        for call in scope.calls:
            function = call.func
            if isinstance(function, ast.Attribute) and function.value in users:
                yield from _method(call, function, users[function.value], scope)


def _method(call: ast.Call, function: ast.Attribute, site: Site, scope: Scope) -> Iterator[Problem]:
    place = dotted(function.value)
    kind = "connection" if place == site.handle else "other"
    for derived in site.derived:
        if derived.name == place:
            kind = derived.kind
    name = function.attr
    known = table()["handles"].get(kind)
    if known is None or name.startswith("_"):
        return
    if name in known:
        yield from _keywords(call, f"{kind}.{name}", scope)
        return
    right = _RIGHT_METHODS.get((kind, name))
    if right is None:
        close = difflib.get_close_matches(name, known, 1, 0.8)
        right = f"`{close[0]}`" if close else None
    cure = f": use {right}" if right else ""
    yield Problem(function, f"nats-py has no `{place}.{name}()`{cure}", scope.qualname, site)


def _keywords(call: ast.Call, function: str, scope: Scope) -> Iterator[Problem]:
    known = table()["keywords"].get(function)
    if known is None:
        return
    for keyword in call.keywords:
        if keyword.arg is None or keyword.arg in known:
            continue
        right = _RIGHT_KEYWORDS.get((function, keyword.arg))
        if right is None:
            close = difflib.get_close_matches(keyword.arg, known, 1, 0.75)
            right = f"`{close[0]}`" if close else None
        cure = f": use {right}" if right else ""
        message = f"`{ast.unparse(call.func)}()` of nats-py takes no `{keyword.arg}`{cure}"
        yield Problem(keyword.value, message, scope.qualname)


RULE = Rule(
    number="22",
    name="unknown-nats-attribute",
    defect=True,
    summary="A name, method or keyword that nats-py does not have.",
    why="""\
An `except nats.errors.KeyValueNotFound` looks right, and raises `AttributeError` on the day when the
key is missing. The table of names is made from an installed nats-py, so it holds what there is.
Imports inside a `try` are left alone, since they may be meant for several versions.
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
