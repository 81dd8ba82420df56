"""Programs under both type checkers."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src"

Check = Callable[..., str]


@pytest.fixture(scope="module", params=["mypy", "pyright"])
def check(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Check:
    """Return a function that gives what a type checker finds in programs, given by their names."""
    folder = tmp_path_factory.mktemp("programs")

    def run(**programs: str) -> str:
        names = [f"{name}.py" for name in programs]
        for name, text in programs.items():
            (folder / f"{name}.py").write_text(text, encoding="utf-8")
        if request.param == "mypy":
            command = [sys.executable, "-m", "mypy", "--strict", *names]
        else:
            scripts = Path(sysconfig.get_path("scripts"))
            command = [str(scripts / "basedpyright"), "--level", "error", *names]
            (folder / "pyrightconfig.json").write_text('{"typeCheckingMode": "standard"}')
        found = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "MYPYPATH": str(SOURCE), "PYTHONPATH": str(SOURCE)},
        )
        assert found.returncode == 1, found.stdout + found.stderr
        return found.stdout

    return run
