"""The proof of an edit: what must hold of the new text before it may replace the old."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable

from pyflakes.messages import Message, UnusedImport

from flake8_naq.linter import lint
from flake8_naq.migrate.imports import exports, flakes
from flake8_naq.migrate.source import Source
from flake8_naq.settings import Settings

# Rules that a hand-managed connection gets exactly one of.
MANUAL = frozenset({"01", "02", "03", "04", "05"})


class ProofError(Exception):
    """A rewrite that changes more than it should. One line that says what.

    Attributes:
        qualname: The function that it is about, None when that is not known.
    """

    def __init__(self, message: str, qualname: str | None = None) -> None:
        super().__init__(message)
        self.qualname = qualname


def prove(
    before: Source,
    after: Source,
    filename: str,
    settings: Settings,
    flaked: list[Message],
    dropped: Iterable[str],
    fixed: Iterable[str] = (),
) -> None:
    """Hold the new text of a module beside the old one.

    Args:
        before: The module as it was.
        after: The module as it is to be; that it parses, its existence proves.
        filename: Its path.
        settings: The linter's settings.
        flaked: What pyflakes said of ``before``.
        dropped: Constants that were taken out on purpose, as `ast.dump` gives them.
        fixed: The function of every connection that is no longer managed by hand.

    Raises:
        ProofError: Something was lost, or is wrong that was right.
    """
    _same_constants(before.tree, after.tree, dropped)
    _same_comments(before, after)
    _no_findings_left(before, after, filename, settings, Counter(fixed))
    flaking = [
        message
        for message in flakes(after.tree, filename)
        if not (isinstance(message, UnusedImport) and message.col == 0 and exports(filename))
    ]
    new = Counter(map(_said, flaking)) - Counter(map(_said, flaked))
    if new:
        kind, arguments = next(iter(new))
        raise ProofError(f"pyflakes would say {kind} of {', '.join(map(str, arguments))}")
    try:
        compile(after.tree, filename, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        raise ProofError(f"it would not compile: {error}") from error


def _said(message: Message) -> tuple[str, tuple[object, ...]]:
    name = type(message).__name__
    arguments = message.message_args
    # A redefinition names the line it redefines, which may have moved.
    return name, tuple(item for item in arguments if not isinstance(item, int))


def _constants(tree: ast.AST) -> Counter[str]:
    return Counter(ast.dump(node) for node in ast.walk(tree) if isinstance(node, ast.Constant))


def _same_constants(before: ast.AST, after: ast.AST, dropped: Iterable[str]) -> None:
    old, new = _constants(before), _constants(after)
    lost = old - new - Counter(dropped)
    if lost:
        raise ProofError(f"the constant {next(iter(lost))} would be lost")
    added = new - old
    del (
        added["Constant(value=True)"],
        added["Constant(value=None)"],
    )  # `exclusive=True`, `config=None`
    if added:
        raise ProofError(f"the constant {next(iter(added))} would be changed or added")


def _same_comments(before: Source, after: Source) -> None:
    old = Counter(comment for _, comment in before.comments.values())
    new = Counter(comment for _, comment in after.comments.values())
    if old != new:
        changed = next(iter((old - new) or (new - old)))
        raise ProofError(f"the comment {changed!r} would be lost or changed")


def _no_findings_left(
    before: Source, after: Source, filename: str, settings: Settings, fixed: Counter[str]
) -> None:
    old = _found(before, filename, settings)
    new = _found(after, filename, settings)
    for rule, qualname in new - old:
        raise ProofError(f"there would be a new finding of rule {rule} in `{qualname}`", qualname)
    for qualname, number in fixed.items():
        if new["01", qualname] > old["01", qualname] - number:
            raise ProofError(f"`{qualname}` would still manage it by hand", qualname)


def _found(source: Source, filename: str, settings: Settings) -> Counter[tuple[str, str]]:
    # 01 to 05 are one finding: what is left in a function may go from "several" to "one".
    return Counter(
        ("01" if finding.rule in MANUAL else finding.rule, finding.qualname)
        for finding in lint(source.tree, filename, settings)
    )
