"""Every Python example of the guide and of naq's pages runs, against a real server.

An example that only shows a piece of code is marked ``.shown`` and is parsed.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator

import pytest
from pytest_examples import CodeExample, EvalExample, find_examples

from naq.config import configure
from naq.server import NatsServer
from recorder.phases import ROOT

PLACES = [ROOT / "docs" / part for part in ("guide", "naq", "index.md")]
# What a reader's own server answers at; the examples name it as a reader would.
USUAL = "nats://127.0.0.1:4222"


def examples() -> list[CodeExample]:
    return [example for example in find_examples(*PLACES) if not example.in_py_file()]


def shown_only(example: CodeExample) -> bool:
    return "shown" in example.prefix_tags()


@pytest.fixture
def usual_server(nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[NatsServer]:
    """A server that is the process's configured one, as a reader's is."""
    monkeypatch.setenv("NAQ_SERVERS", nats_server.url)
    configure()
    yield nats_server
    monkeypatch.undo()
    configure()


@pytest.mark.parametrize("example", [e for e in examples() if not shown_only(e)], ids=str)
def test_an_example_prints_what_its_page_shows(
    example: CodeExample, eval_example: EvalExample, usual_server: NatsServer
) -> None:
    example.source = example.source.replace(USUAL, usual_server.url)
    eval_example.run_print_check(example)


@pytest.mark.parametrize("example", [e for e in examples() if shown_only(e)], ids=str)
def test_a_piece_of_code_that_is_only_shown_is_at_least_python(example: CodeExample) -> None:
    if "--8<--" not in example.source:
        ast.parse("async def around():\n" + textwrap.indent(example.source, "    "))
