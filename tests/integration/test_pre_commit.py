"""The hooks that other projects use, tried by the real pre-commit on a scratch repository."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.xdist_group("pre-commit")  # its fixtures are made once

ROOT = Path(__file__).parents[2]
BY_HAND = """\
import nats


async def publish(url):
    nc = await nats.connect(url)
    try:
        await nc.publish("orders", b"1")
    finally:
        await nc.close()
"""
LEAK = BY_HAND.replace("    try:\n        await", "    await").replace("    finally:\n    ", "")
CLEAN = """\
import nats


async def publish(url):
    async with await nats.connect(url) as nc:
        await nc.publish("orders", b"1")
"""


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    done = subprocess.run(
        ["git", *identity, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )
    return done.stdout


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """pre-commit keeps what it installs for these tests apart; nothing of a tox run leaks in."""
    home = tmp_path_factory.mktemp("pre-commit-home")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return kept | {"PRE_COMMIT_HOME": str(home)}


@pytest.fixture(scope="module")
def hooks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This repository as it stands, as one commit that pre-commit can clone."""
    folder = tmp_path_factory.mktemp("hooks")
    listed = git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    needed = (
        "flake8_naq/",
        "src/hatch_build.py",
        "pyproject.toml",
        "README.md",
        "LICENSE",
        ".pre-commit-hooks.yaml",
    )
    for name in filter(None, listed.split("\0")):
        if name.startswith(needed) and (ROOT / name).is_file():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((ROOT / name).read_bytes())
    git(folder, "init", "-q")
    git(folder, "add", "--all", "--force")
    git(folder, "commit", "-q", "-m", "As it stands")
    return folder


def repository(folder: Path, hooks: Path, hook: str, environment: dict[str, str]) -> Path:
    """A repository of some other project that uses one of the hooks."""
    folder.mkdir()
    revision = git(hooks, "rev-parse", "HEAD").strip()
    (folder / ".pre-commit-config.yaml").write_text(
        f"repos:\n- repo: {hooks.as_uri()}\n  rev: {revision}\n  hooks:\n  - id: {hook}\n", "utf-8"
    )
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "Start")
    command = [sys.executable, "-m", "pre_commit", "install"]
    subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=True)
    return folder


def commit(
    folder: Path, text: str, environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """What a developer does: change a file, stage it, commit."""
    (folder / "shop.py").write_text(text, "utf-8")
    git(folder, "add", "shop.py")
    author = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    return subprocess.run(
        ["git", *author, "commit", "-q", "-m", "Sell"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


@pytest.mark.timeout(300)
def test_flake8_naq_blocks_a_manual_connection_and_lets_a_clean_one_through(
    tmp_path: Path, hooks: Path, environment: dict[str, str]
) -> None:
    folder = repository(tmp_path / "shop", hooks, "flake8-naq", environment)
    blocked = commit(folder, BY_HAND, environment)
    assert "shop.py:5:16: NAQ301" in blocked.stdout + blocked.stderr
    assert blocked.returncode == 1
    assert commit(folder, CLEAN, environment).returncode == 0
    assert git(folder, "log", "--format=%s").split() == ["Sell", "Start"]


@pytest.mark.timeout(300)
def test_flake8_naq_keeps_the_selection_of_the_repository(
    tmp_path: Path, hooks: Path, environment: dict[str, str]
) -> None:
    folder = repository(tmp_path / "shop", hooks, "flake8-naq", environment)
    (folder / "ast.py").write_text("raise SystemExit('shadows the standard library')\n", "utf-8")

    def reported(configuration: str) -> list[str]:
        """Codes that stop a commit of a low-priority leak with an unused import."""
        (folder / "setup.cfg").write_text(f"[flake8]\n{configuration}\n", "utf-8")
        done = commit(folder, "import os\n" + LEAK, environment)
        lines = (done.stdout + done.stderr).splitlines()
        return [line.split()[1] for line in lines if line.startswith("shop.py:")]

    assert reported("") == ["NAQ301", "NAQ311"]
    assert reported("select = E9") == ["NAQ301", "NAQ311"]
    assert reported("extend-ignore = NAQ301") == ["NAQ311"]
    assert reported("per-file-ignores = shop.py:NAQ311") == ["NAQ301"]
    assert reported("select = F,NAQ311") == ["F401", "NAQ311"]
    assert reported("select = NAQ1") == []


@pytest.mark.timeout(300)
def test_naq_migrate_rewrites_what_is_staged_and_lets_the_result_through(
    tmp_path: Path, hooks: Path, environment: dict[str, str]
) -> None:
    folder = repository(tmp_path / "shop", hooks, "naq-migrate", environment)
    blocked = commit(folder, BY_HAND, environment)
    assert "files were modified by this hook" in blocked.stdout + blocked.stderr
    assert blocked.returncode == 1
    assert (folder / "shop.py").read_text("utf-8") == CLEAN
    assert commit(folder, CLEAN, environment).returncode == 0


def test_this_repository_uses_the_hooks_that_it_offers() -> None:
    offered, used = (
        yaml.safe_load((ROOT / name).read_text("utf-8"))
        for name in (".pre-commit-hooks.yaml", ".pre-commit-config.yaml")
    )
    ours = {hook["id"]: hook for repo in used["repos"] for hook in repo["hooks"]}
    for hook in offered:
        for key in ("entry", "args", "types", "require_serial"):
            assert ours[hook["id"]].get(key) == hook.get(key)


@pytest.mark.timeout(300)
def test_this_repository_passes_its_own_hooks(tmp_path: Path, environment: dict[str, str]) -> None:
    clone = tmp_path / "clone"
    git(ROOT, "clone", "-q", "--local", str(ROOT), str(clone))
    scripts = Path(sys.executable).parent
    done = subprocess.run(
        [sys.executable, "-m", "pre_commit", "run", "--all-files"],
        cwd=clone,
        env=environment | {"PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("Passed") == 4
