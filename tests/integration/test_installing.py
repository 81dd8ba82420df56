"""Every install command of the README and the site works from a clone, in a fresh environment."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
COMMAND = re.compile(r"(?:python -m )?pip install [^`\n#&|]+")
PROVIDED = {
    ".": ["flake8 --version"],
    ".[migrate]": ["flake8 --version", "naq-migrate --version"],
    "./src": ["naq --version"],
    "./src[server]": ["naq --version", "nats-server --version"],
    "./src[dashboard]": ["naq dashboard --help"],
    "./src[nkeys]": ["naq --version"],
}
"""What each of ours brings, as commands that succeed once it is there."""
OTHERS = {"tox", "flake8-formatter-junit-xml", "flake8-gl-codeclimate"}
"""Other projects' packages, which are on PyPI."""


def installed() -> Iterator[str]:
    """What each install command installs."""
    for page in PAGES:
        for command in COMMAND.findall(page.read_text("utf-8")):
            *_, what = shlex.split(command)
            yield what.replace("${CLONE}", ".").replace("/path/to/clone", ".")


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fresh") / "clone"
    subprocess.run(["git", "clone", "-q", "--local", str(ROOT), str(folder)], check=True)
    return folder


def test_no_page_installs_what_is_not_published() -> None:
    assert set(installed()) <= {*PROVIDED, *OTHERS}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("what", sorted(set(installed()) - OTHERS))
def test_an_install_command_works_in_a_fresh_environment(
    clone: Path, tmp_path: Path, what: str
) -> None:
    # uv does what pip does, in a tenth of the time.
    environment = {**os.environ, "PYTHONPATH": ""}
    fresh = str(tmp_path / "fresh")
    uv = [sys.executable, "-m", "uv", "--quiet"]
    for arguments in (["venv", fresh], ["pip", "install", "--python", fresh, what]):
        subprocess.run([*uv, *arguments], cwd=clone, env=environment, check=True)
    scripts = tmp_path / "fresh" / ("Scripts" if sys.platform == "win32" else "bin")
    for command in PROVIDED[what]:
        program, *arguments = command.split()
        done = subprocess.run(
            [scripts / program, *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        assert program != "flake8" or "flake8-naq" in done.stdout
