"""The rewrite of one connection: the first plan with a proof, or the reason of the refusal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from flake8_naq.files.source_text import Source
from flake8_naq.lifetimes import Site
from flake8_naq.message import Line, Message, RefusedError
from flake8_naq.migrate.plan.needed import Target
from flake8_naq.migrate.plan.parsed_module import ParsedModule
from flake8_naq.migrate.plan.planner import plan_rewrite
from flake8_naq.migrate.plan.rewrite import Rewrite
from flake8_naq.migrate.prove import Difference, Function, prove_function
from flake8_naq.migrate.prove.rewritten import prove_text
from flake8_naq.migrate.verify import ProofError
from flake8_naq.migrate.write.block_writer import BlockWriter
from flake8_naq.migrate.write.edits import Edits
from flake8_naq.names import Names
from flake8_naq.settings import Settings


def proven_rewrite(module: ParsedModule, site: Site, target: Target, settings: Settings) -> Rewrite:
    """Plan a rewrite and prove it; where the proof fails, try a more careful plan.

    A plan without a proof is unsafe, and the difference is its reason.

    Raises:
        RefusedError: There is no rewrite.
    """
    rewrite = plan_rewrite(module, site, target)
    if not rewrite.unsafe:
        _prove(rewrite, settings)
        if rewrite.unsafe and target == "nats-py":
            return _careful(module, site, settings) or rewrite
    return rewrite


def _careful(module: ParsedModule, site: Site, settings: Settings) -> Rewrite | None:
    """The rewrite that keeps every close before a `return` or a `raise`."""
    try:
        rewrite = plan_rewrite(module, site, "nats-py", keep_early=True)
        if not rewrite.unsafe:
            _prove(rewrite, settings)
    except RefusedError:
        return None
    return None if rewrite.unsafe else rewrite


def _prove(rewrite: Rewrite, settings: Settings) -> None:
    """Add the difference and the notes of the proof.

    Raises:
        RefusedError: The edit is not possible.
    """
    module, region = rewrite.module, rewrite.region
    edits = Edits(module.source)
    BlockWriter(rewrite, edits).write()
    before = Function(module.analysis.names, region.scope, settings, module.helpers)
    try:
        verdict = prove_text(before, module.source.lines, edits.apply())
    except SyntaxError as error:
        raise RefusedError(f"its rewrite would not parse: {error.msg}") from error
    if verdict.difference is not None:
        rewrite.unsafe.append(Message(*_numbered(verdict.difference)))
    rewrite.notes += [
        Message(
            f"closes `{region.handle}` on errors, before ", Line(line), "; until now it stayed open"
        )
        for line in sorted(verdict.closed_before)
    ]


def prove_together(rewrites: Sequence[Rewrite], source: Source, settings: Settings) -> None:
    """Prove functions in which several connections were rewritten, from the first text to the last.

    Args:
        rewrites: All rewrites of a run, in the order in which they were made.
        source: The module after them.
        settings: The linter's settings.

    Raises:
        ProofError: The rewrites together change a function, although each was proven by itself.
    """
    counts = Counter(rewrite.region.scope.qualname for rewrite in rewrites)
    unsafe = {rewrite.region.scope.qualname for rewrite in rewrites if rewrite.unsafe}
    several = {name for name, count in counts.items() if count > 1} - unsafe
    if not several:
        return
    module = rewrites[0].module
    old = module.analysis.names
    new = Names(source.tree, old.elsewhere)
    for name in sorted(several):
        pair = [
            Function(names, scope, settings, module.helpers)
            for names in (old, new)
            for scope in names.scopes.values()
            if scope.qualname == name
        ]
        if len(pair) != 2:
            continue  # several functions of that name
        difference = prove_function(*pair).difference
        if difference is not None:
            raise ProofError(*_numbered(difference), qualname=name)


def _numbered(difference: Difference) -> Iterator[str | Line]:
    return (Line(part) if isinstance(part, int) else part for part in difference.parts)
