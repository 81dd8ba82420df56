"""The README's first command: one phase from finding to measured effect."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from recorder.phases import ROOT

pytestmark = pytest.mark.xdist_group("demo")  # its fixtures are made once


@pytest.fixture(scope="module")
def temporary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def demo(temporary: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "recorder", "demo"],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(temporary), "COLUMNS": "160"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


def test_it_ends_well(demo: subprocess.CompletedProcess[str]) -> None:
    assert demo.returncode == 0, demo.stdout + demo.stderr


@pytest.mark.parametrize(
    "part",
    [
        "NAQ203",
        'async with nats_kv_store("scheduled_jobs", self.nats_url) as kv:',
        'async with nats_kv_store("scheduled_jobs", self.config) as kv:',
        "nothing left",
        "Same results, same exceptions, same stored state.",
    ],
)
def test_it_shows_each_step(demo: subprocess.CompletedProcess[str], part: str) -> None:
    assert part in demo.stdout


def test_it_leaves_no_file_behind(demo: subprocess.CompletedProcess[str], temporary: Path) -> None:
    assert list(temporary.iterdir()) == []


def test_it_leaves_no_process_behind(
    demo: subprocess.CompletedProcess[str], temporary: Path
) -> None:
    left = [
        process.name
        for process in Path("/proc").glob("[0-9]*")
        if str(temporary).encode() in _command_line(process)
    ]
    assert left == []


def _command_line(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:  # it has ended meanwhile
        return b""
