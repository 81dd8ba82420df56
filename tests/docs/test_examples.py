"""Every Python example of the guide and of naq's pages runs, as a reader would run it.

An example that only shows a piece of code is marked ``.shown``; it must be Python all the same.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from pytest_examples import CodeExample, find_examples

from naq.server import NatsServer
from recorder.phases import ROOT

PLACES = [ROOT / "docs" / part for part in ("guide", "naq", "index.md")]
# What a reader's own server answers at; the examples name it as a reader would.
USUAL = "nats://127.0.0.1:4222"

EXAMPLES = [example for example in find_examples(*PLACES) if not example.in_py_file()]


def shown_only(example: CodeExample) -> bool:
    return "shown" in example.prefix_tags()


@pytest.mark.parametrize("example", [e for e in EXAMPLES if not shown_only(e)], ids=str)
def test_an_example_prints_the_output_on_its_page(
    example: CodeExample, nats_server: NatsServer, tmp_path: Path
) -> None:
    program = tmp_path / "example.py"
    program.write_text(example.source.replace(USUAL, nats_server.url), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(program)],
        cwd=tmp_path,
        env={**os.environ, "NAQ_SERVERS": nats_server.url},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == re.findall(r"#> ?(.*)", example.source)


@pytest.mark.parametrize("example", [e for e in EXAMPLES if shown_only(e)], ids=str)
def test_a_piece_of_code_that_is_only_shown_is_python(example: CodeExample) -> None:
    if "--8<--" not in example.source:
        ast.parse("async def around():\n" + textwrap.indent(example.source, "    "))


def test_every_example_passes_a_strict_type_checker(tmp_path: Path) -> None:
    for number, example in enumerate(e for e in EXAMPLES if not shown_only(e)):
        name = f"{example.path.stem}_{example.start_line}_{number}".replace("-", "_")
        (tmp_path / f"{name}.py").write_text(example.source, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--scripts-are-modules", "."],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_an_example_uses_every_name_that_it_defines() -> None:
    unused = [
        f"{example}: {statement.name}"
        for example in EXAMPLES
        if not shown_only(example)
        for statement in ast.parse(example.source).body
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and len(re.findall(rf"\b{statement.name}\b", example.source)) == 1
    ]
    assert unused == []
