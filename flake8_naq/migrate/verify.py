"""Checks the text of an edit: constants, comments, pyflakes, the linter's findings.

The package `prove` proves that a rewritten function is equivalent.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from pyflakes.messages import Message as Flake
from pyflakes.messages import UnusedImport

from flake8_naq.files.source_text import Source
from flake8_naq.findings import Finding
from flake8_naq.message import ExplainedError, Line
from flake8_naq.migrate.tree import constants
from flake8_naq.migrate.write.imports import Home, flakes

# A hand-managed connection falls under exactly one of these rules.
MANUAL = frozenset({"01", "02", "03", "04", "05"})
LEAK = "11"
# A new finding blocks a change only if its rule is listed here: rules about other things do not.
LIFETIME = frozenset({LEAK, "12", "13", "14"})
# A rewrite must not leave a connection open, close another one, or use one after its close; it
# writes names of nats-py (22), and must not lose the close of an object's connection (23).
REWRITE_ADDS_NO = MANUAL | LIFETIME | {"22", "23"}
# A join changes who closes what, and no names.
JOIN_ADDS_NO = MANUAL | LIFETIME


class ProofError(ExplainedError):
    """A rewrite that changes more than it should; the message is one line.

    Attributes:
        qualname: The function, None when it is not known.
    """

    def __init__(self, *parts: str | Line, qualname: str | None = None) -> None:
        super().__init__(*parts)
        self.qualname = qualname


def prove(
    before: Source,
    after: Source,
    home: Home,
    flaked: list[Flake],
    dropped: Iterable[str],
    added: Iterable[str] = (),
) -> None:
    """Check that the new text of a module has lost nothing and compiles.

    Args:
        before: The module before the edit.
        after: The module after the edit.
        home: Where it is, and who imports from it.
        flaked: The messages of pyflakes about ``before``.
        dropped: Constants that were taken out on purpose, as `constants` names them.
        added: Constants that were written on purpose.

    Raises:
        ProofError: Something was lost, or is wrong that was right.
    """
    _same_constants(before.tree, after.tree, dropped, added)
    _same_comments(before, after)
    flaking = [
        message
        for message in flakes(after.tree, home.filename)
        if not (isinstance(message, UnusedImport) and message.col == 0 and home.exports(message))
    ]
    new = Counter(map(_said, flaking)) - Counter(map(_said, flaked))
    if new:
        kind, arguments = next(iter(new))
        raise ProofError(f"pyflakes would report {kind}: {', '.join(map(str, arguments))}")
    try:
        compile(after.tree, home.filename, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        raise ProofError(f"it would not compile: {error}") from error


def _said(message: Flake) -> tuple[str, tuple[object, ...]]:
    name = type(message).__name__
    arguments = message.message_args
    # The message names the line of the first definition, which may have moved.
    return name, tuple(item for item in arguments if not isinstance(item, int))


def _same_constants(
    before: ast.AST, after: ast.AST, dropped: Iterable[str], written: Iterable[str]
) -> None:
    old, new = Counter(constants(before)), Counter(constants(after))
    lost = old - new - Counter(dropped)
    if lost:
        raise ProofError(f"the constant {next(iter(lost))} would be lost")
    added = new - old - Counter(written)
    if added:
        raise ProofError(f"the constant {next(iter(added))} would be changed or added")


def _same_comments(before: Source, after: Source) -> None:
    old = Counter(comment for _, comment in before.comments.values())
    new = Counter(comment for _, comment in after.comments.values())
    if old != new:
        changed = next(iter((old - new) or (new - old)))
        raise ProofError(f"the comment {changed!r} would be lost or changed")


def prove_findings(
    before: Iterable[Finding],
    after: Iterable[Finding],
    fixed: Sequence[tuple[str, int]],
    adds_no: Collection[str] = REWRITE_ADDS_NO,
) -> None:
    """Compare the linter's findings in the new text with those in the old one.

    Args:
        before: The findings of the old text.
        after: The findings of the new text.
        fixed: The function of every connection that is no longer managed by hand, and its line
            in the old text.
        adds_no: The rules that may find nothing new.

    Raises:
        ProofError: A finding is still there, or one is new.
    """
    # A fixed leak does not excuse another one in the same function.
    left = [
        finding
        for finding in before
        if finding.rule != LEAK or (finding.qualname, finding.line) not in fixed
    ]
    old = _counted(left)
    new = _counted(finding for finding in after if finding.rule in adds_no)
    for rule, qualname in new - old:
        raise ProofError(
            f"there would be a new finding of rule {rule} in `{qualname}`", qualname=qualname
        )
    for qualname, number in Counter(name for name, _ in fixed).items():
        if new["01", qualname] > old["01", qualname] - number:
            raise ProofError(f"`{qualname}` would still manage it by hand", qualname=qualname)


def _counted(findings: Iterable[Finding]) -> Counter[tuple[str, str]]:
    # 01 to 05 count as one rule: the rest of a function may go from several connections to one.
    return Counter(
        ("01" if finding.rule in MANUAL else finding.rule, finding.qualname) for finding in findings
    )
