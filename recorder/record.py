"""The record of a phase: generated from the modules before, never typed."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from recorder.measure import VariantRun, play, time_calls
from recorder.own_commands import Left, ReportedFinding, left, lint, migrate
from recorder.phases import ROOT, Phase
from recorder.variants import VARIANTS

_REPLAYS = {"before": 2, "fixed": 2, "now": 0}
"""How often a state that differs from its record is played again.

The modules before and their rewrites use nats-py's own listings (``keys``, ``watchall``), which come back
empty when the server's answer overtakes the entries: now and then, on a busy machine more often.
naq itself has one try.
"""

UNSAFE = ("--unsafe-fixes",)


@dataclass(frozen=True)
class Migration:
    """The findings and rewrites of a phase's ``before``.

    Args:
        findings: on the modules before.
        safe: the diff of the safe fixes.
        after_safe: findings once these are made.
        unsafe: the diff of the unsafe fixes, made on top of the safe ones.
        fixed: the migrated modules' new text, by path below ``before``.
        remaining: findings on the result.
        left: the sites that the codemod left, with its reasons.
    """

    findings: list[ReportedFinding]
    safe: str
    after_safe: list[ReportedFinding]
    unsafe: str
    fixed: dict[Path, bytes]
    remaining: list[ReportedFinding]
    left: list[Left]


def run_migration(phase: Phase) -> Migration:
    """Lint and fix a copy of the phase's modules, in a temporary folder."""
    place = phase.before.relative_to(ROOT)
    with tempfile.TemporaryDirectory(prefix="naq-record-") as name:
        copy = Path(name)
        shutil.copytree(phase.before, copy / place, ignore=shutil.ignore_patterns("__pycache__"))
        findings = lint(place, copy)
        safe = migrate(place, copy, "--diff")
        migrate(place, copy)
        after_safe = lint(place, copy)
        unsafe = migrate(place, copy, "--diff", *UNSAFE)
        migrate(place, copy, *UNSAFE)
        fixed = {
            file.relative_to(phase.before): (
                copy / place / file.relative_to(phase.before)
            ).read_bytes()
            for file in phase.files(phase.before)
        }
        return Migration(
            findings, safe, after_safe, unsafe, fixed, lint(place, copy), left(place, copy)
        )


def _code_lines(files: list[Path]) -> int:
    return sum(
        1
        for file in files
        for line in file.read_text(encoding="utf-8").splitlines()
        if line.strip()
    )


def lines(phase: Phase) -> dict[str, int]:
    """The lines of code of each state, blank lines not counted."""
    return {
        "before": _code_lines(list(phase.files(phase.before))),
        "fixed": _code_lines(list(phase.files(phase.fixed))),
        "now": _code_lines([ROOT / path for path in phase.successor_paths]),
    }


def _outputs(phase: Phase, migration: Migration) -> dict[Path, bytes]:
    outputs = {phase.fixed / path: content for path, content in migration.fixed.items()}
    outputs[phase.diff("safe")] = migration.safe.encode()
    outputs[phase.diff("unsafe")] = migration.unsafe.encode()
    return outputs


def _differs(path: Path, content: bytes) -> bool:
    return not path.exists() or path.read_bytes() != content


def stale_files(phase: Phase, migration: Migration) -> list[Path]:
    """Return the files of a phase's record that linter and codemod no longer make."""
    outputs = _outputs(phase, migration)
    stale = [path for path, content in outputs.items() if _differs(path, content)]
    stale += set(phase.fixed.rglob("*.py")) - set(outputs)
    recorded = read(phase)
    if any(recorded.get(name) != made for name, made in _findings(migration).items()):
        stale.append(phase.record)
    return stale


def _findings(migration: Migration) -> dict[str, list[dict[str, object]]]:
    return {
        "findings": _documents(migration.findings),
        "after_safe": _documents(migration.after_safe),
        "remaining": _documents(migration.remaining),
        "left": _documents(migration.left),
    }


def _documents(found: Sequence[ReportedFinding | Left]) -> list[dict[str, object]]:
    return [asdict(one) for one in found]


def _write_outputs(phase: Phase, migration: Migration) -> None:
    shutil.rmtree(phase.fixed, ignore_errors=True)
    for path, content in _outputs(phase, migration).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


@dataclass(frozen=True)
class Played:
    """A scenario played, and how often that took.

    Args:
        outcome: of the last time.
        replays: how often it was played again because it differed from the record.
    """

    outcome: VariantRun
    replays: int


def play_as_recorded(phase: Phase, state: str) -> Played:
    """Play a scenario; play it again where that is allowed and the outcome is not the recorded one.

    Args:
        phase: the phase.
        state: ``before``, ``fixed`` or ``now``.
    """
    recorded = read(phase).get("variants", {}).get(state)
    outcome = play(phase, state)
    for replays in range(_REPLAYS[state]):
        if outcome.document() == recorded:
            return Played(outcome, replays)
        outcome = play(phase, state)
    return Played(outcome, _REPLAYS[state])


def replays_text(replays: int) -> str:
    """One line that counts the replays of ``before`` and ``fixed``."""
    return f"Played again, because the outcome of `before` or `fixed` differed: {replays}"


def read(phase: Phase) -> dict[str, Any]:
    """Read a phase's record; an empty one if it was never made."""
    if not phase.record.exists():
        return {}
    document: dict[str, Any] = json.loads(phase.record.read_text(encoding="utf-8"))
    return document


@dataclass(frozen=True)
class Made:
    """The outcome of making a phase's record again.

    Args:
        stale: the files that were stale and are new now.
        replays: how often a scenario was played again because its outcome differed.
    """

    stale: list[Path]
    replays: int


def make(phase: Phase, *, timed: bool) -> Made:
    """Make the record of one phase again.

    Args:
        phase: the phase.
        timed: measure the time of 1,000 calls again. It is the one part that differs between two
            runs, so it is kept otherwise.
    """
    migration = run_migration(phase)
    stale = stale_files(phase, migration)
    _write_outputs(phase, migration)
    old = read(phase)
    played = {state: play_as_recorded(phase, state) for state in VARIANTS}
    document = {
        **_findings(migration),
        "variants": {state: one.outcome.document() for state, one in played.items()},
        "seconds": time_calls(phase, VARIANTS) if timed else old.get("seconds", {}),
    }
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    if _differs(phase.record, text.encode()):
        phase.record.write_text(text, encoding="utf-8")
        stale = [*(path for path in stale if path != phase.record), phase.record]
    return Made(stale, sum(one.replays for one in played.values()))
