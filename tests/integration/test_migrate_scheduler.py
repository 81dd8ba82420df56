"""The recorded scheduler through the codemod, as a user runs it."""

import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

BEFORE = Path(__file__).parents[2] / "docs" / "phases" / "scheduler" / "before"


@pytest.fixture
def phase(tmp_path: Path) -> Path:
    return Path(shutil.copytree(BEFORE, tmp_path / "before"))


def fix(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sysconfig.get_path("scripts")) / "naq-migrate"), "fix", *arguments, "."]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_the_safe_fixes_put_the_three_methods_on_the_bucket_manager(phase: Path) -> None:
    done = fix(phase)
    text = (phase / "scheduler.py").read_text()
    assert done.returncode == 0, done.stderr
    assert text.count('async with nats_kv_store("scheduled_jobs", self.nats_url) as kv:') == 3
    assert "from .connection import nats_kv_store\n" in text
    assert "finally" not in text


def test_the_helpers_stay_as_they_are(phase: Path) -> None:
    fix(phase, "--unsafe-fixes")
    assert (phase / "connection.py").read_bytes() == (BEFORE / "connection.py").read_bytes()


def test_the_unsafe_fix_moves_the_constructor_to_a_config(phase: Path) -> None:
    fix(phase, "--unsafe-fixes")
    text = (phase / "scheduler.py").read_text()
    assert "from .config import Config, get_config\n" in text
    assert (
        "def __init__(self, config: Config | None = None):\n        self.config = config or get_config()"
        in text
    )
    assert "nats_url" not in text


def test_a_second_run_has_nothing_to_say(phase: Path) -> None:
    fix(phase, "--unsafe-fixes")
    done = fix(phase, "--unsafe-fixes", "--diff")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_diff_writes_nothing_and_exits_with_one(phase: Path) -> None:
    done = fix(phase, "--diff")
    assert done.returncode == 1
    assert (phase / "scheduler.py").read_bytes() == (BEFORE / "scheduler.py").read_bytes()
