"""The code before and after the codemod, run side by side on a real server.

On the normal path, and with an error or a cancellation at each await in turn: same result, same
exception, same things seen by handlers, same stored state; and no connection of the new code open.
"""

import ast
import asyncio
import gc
import os
import time
from collections.abc import Awaitable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nats
import nats.errors
import pytest

import naq.connection
from flake8_naq.migrate.fixer import Options, fix_text
from naq.server import NatsServer, run_nats_server
from tests.integration.migrate_shapes import JOINED, SHAPES

DISTURBANCES = ("error", "cancellation") if "NAQ_EQUIVALENCE_EXAMPLES" in os.environ else ("error",)
"""Cancellations are tried in the environment `equivalence`: here the tracer tries them, without a server."""

KEYS = ("a", "b", "copy", "matched", "n0", "n1", "old", "other")
HELPERS = Path(__file__).parents[2] / "docs" / "phases" / "scheduler" / "before" / "connection.py"


@pytest.fixture(scope="module")
def server() -> Iterator[NatsServer]:
    with run_nats_server() as running:
        yield running


@pytest.fixture(autouse=True)
def helpers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The old helpers beside the new managers, as in a package being migrated."""
    old: dict[str, Any] = {}
    exec(HELPERS.read_text(), old)
    for name in ("get_nats_connection", "get_jetstream_context", "close_nats_connection"):
        monkeypatch.setattr(naq.connection, name, old[name], raising=False)


@dataclass(frozen=True)
class Outcome:
    result: object
    raised: str
    seen: tuple[object, ...]
    state: tuple[object, ...]


class Points(ast.NodeTransformer):
    """Names every await by its text, which is the same before and after."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def visit_Await(self, node: ast.Await) -> ast.AST:
        self.generic_visit(node)
        text = ast.unparse(node.value)
        name = f"{text} #{sum(known.startswith(f'{text} #') for known in self.names)}"
        self.names.append(name)
        call = ast.Call(
            ast.Name("_point", ast.Load()), [ast.Constant(name), node.value], keywords=[]
        )
        return ast.copy_location(ast.Await(call), node)


def points(text: str) -> list[str]:
    visitor = Points()
    visitor.visit(ast.parse(text))
    return visitor.names


async def _prepare(url: str) -> None:
    async with await nats.connect(url) as nc:
        js = nc.jetstream()
        for name in ("bucket", "other"):
            with suppress(nats.js.errors.NotFoundError):
                await js.delete_key_value(name)
            kv = await js.create_key_value(bucket=name)
            await kv.put("old", b"0")
        with suppress(nats.js.errors.NotFoundError):
            await js.delete_stream("stream")
        await js.add_stream(name="stream", subjects=["stream.>"])


async def _state(url: str) -> tuple[object, ...]:
    async with await nats.connect(url) as nc:
        js = nc.jetstream()
        found: list[object] = []
        for name in ("bucket", "other"):
            kv = await js.key_value(name)
            for key in KEYS:
                with suppress(nats.js.errors.KeyNotFoundError):
                    found.append((name, key, (await kv.get(key)).value))
        info = await js.stream_info("stream")
        found.append(info.state.messages)
        return tuple(found)


def run(text: str, server: NatsServer, at: str = "", how: str = "") -> tuple[Outcome, int]:
    """Run ``work`` once; at the await of that name an error is raised, or it is cancelled.

    Returns:
        What became of it, and how many connections it left open.
    """

    async def point(name: str, awaitable: Awaitable[Any]) -> Any:
        if name == at and how == "error":
            getattr(awaitable, "close", lambda: None)()
            raise ValueError("injected")
        if name == at:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
        return await awaitable

    async def main() -> tuple[object, str]:
        try:
            return await module["work"](server.url), ""
        except (ValueError, RuntimeError, nats.errors.Error, asyncio.CancelledError) as error:
            return None, f"{type(error).__name__}: {error}"

    tree = ast.fix_missing_locations(Points().visit(ast.parse(text)))
    module: dict[str, Any] = {"_point": point}
    exec(compile(tree, "work.py", "exec"), module)
    asyncio.run(_prepare(server.url))
    before = _settle(server, 0)
    result, raised = asyncio.run(main())
    gc.collect()  # what the old code leaked goes now, not in somebody else's test
    still_open = _settle(server, before) - before
    return Outcome(
        result, raised, tuple(module["seen"]), asyncio.run(_state(server.url))
    ), still_open


def _settle(server: NatsServer, expected: int) -> int:
    """Connections that are open once those that are being closed are, by the server's own count."""
    deadline = time.monotonic() + 1
    while (count := server.open_connections) > expected and time.monotonic() < deadline:
        time.sleep(0.002)
    return count


def migrated(text: str, *, joined: bool) -> str:
    result = fix_text(text, "work.py", Options(unsafe=joined))
    assert [str(report.message) for report in result.reports if report.kind == "left"] == []
    assert not joined or result.text.count("async with") == 1
    return result.text


def cases() -> Iterator[Any]:
    shapes = [(name, before, False) for name, before in SHAPES.items()]
    shapes += [(f"joined: {name}", before, True) for name, before in JOINED.items()]
    for name, before, joined in shapes:
        after = migrated(before, joined=joined)
        yield pytest.param(before, after, "", "", id=name)
        # Connecting and binding may have gone into the context manager. A close or drain of nats-py
        # that is itself cancelled leaves its socket open, for any caller.
        common = [
            at
            for at in points(before)
            if at in points(after) and "close" not in at and "drain" not in at
        ]
        for at in common:
            for how in DISTURBANCES:
                yield pytest.param(before, after, at, how, id=f"{name}, {how} at {at}")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize(("before", "after", "at", "how"), list(cases()))
def test_the_new_code_does_what_the_old_did_and_leaves_nothing_open(
    server: NatsServer, before: str, after: str, at: str, how: str
) -> None:
    expected, _ = run(before, server, at, how)
    assert run(after, server, at, how) == (expected, 0)
