"""The sources of naq on the site: a page for each module that a phase became, and parts of modules."""

from __future__ import annotations

import ast
import json
import re
import textwrap
from pathlib import Path

from recorder.phases import ROOT, all_phases

_OPENS = re.compile(r"\bnats_(connection|jetstream|kv_store)\(|\bget_nats_connection\(")
"""The ways in which a module of ``fixed/`` comes to a connection."""


def successors() -> list[Path]:
    """Every module that a phase became, relative to the repository's root."""
    return sorted({path for phase in all_phases() for path in phase.successor_paths})


def source_page(module: Path) -> str:
    """The path of the page that shows a module of ``src``."""
    return f"source/{module.relative_to('src').with_suffix('.md')}"


def source_markdown(module: Path) -> str:
    """The page of a module: its source with numbered lines."""
    source = (ROOT / module).read_text(encoding="utf-8").rstrip()
    docstring = ast.get_docstring(ast.parse(source)) or "A module of naq."
    description = json.dumps(f"The source of {module}: {docstring.splitlines()[0]}")
    front = (
        f"---\ndescription: {description}\n"
        "search:\n  exclude: true\nhide:\n  - navigation\n  - toc\n---\n"
    )
    return f'{front}\n# `{module}`\n\n```` {{.python linenums="1"}}\n{source}\n````\n'


def source_of(file: Path, name: str) -> str:
    """Return the source of a function or class.

    Args:
        file: the module.
        name: dotted, as ``Class.method``.

    Raises:
        LookupError: the module has no such place.
    """
    source = file.read_text(encoding="utf-8")
    body = ast.parse(source).body
    for part in name.split("."):
        found = [statement for statement in body if getattr(statement, "name", None) == part]
        if not found:
            raise LookupError(f"{file} has no {name}")
        body = getattr(found[0], "body", [])
    decorators = getattr(found[0], "decorator_list", [])
    first = min(node.lineno for node in (found[0], *decorators))
    return textwrap.dedent("\n".join(source.splitlines()[first - 1 : found[0].end_lineno]))


def functions(file: Path) -> list[str]:
    """The dotted names of a module's functions and methods that open a connection."""
    names: list[str] = []

    def visit(body: list[ast.stmt], prefix: str) -> None:
        for statement in body:
            if isinstance(statement, ast.ClassDef):
                visit(statement.body, f"{prefix}{statement.name}.")
            elif isinstance(statement, ast.AsyncFunctionDef) and _OPENS.search(
                ast.unparse(statement)
            ):
                names.append(prefix + statement.name)

    visit(ast.parse(file.read_text(encoding="utf-8")).body, "")
    return names
