"""However flake8 is run, it finds the same: jobs, standard input, start method, interpreter."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest

from flake8_naq.rules import all_rules

pytestmark = pytest.mark.xdist_group("flake8-runs")  # its fixtures are made once

MAIN = "import sys; from flake8.main.cli import main; sys.exit(main(sys.argv[1:]))"
# Everything that flake8 needs to run with the plugin; all of it is plain Python.
DISTRIBUTIONS = ("flake8", "pycodestyle", "pyflakes", "mccabe", "flake8-naq")
MODULES = ("flake8", "pycodestyle", "pyflakes", "mccabe", "flake8_naq")


def flake8(
    project: Path,
    *arguments: str,
    stdin: str | None = None,
    main: str = MAIN,
    interpreter: str = sys.executable,
    environment: dict[str, str] | None = None,
) -> list[str]:
    """What flake8 prints, sorted."""
    done = subprocess.run(
        [interpreter, "-c", main, "--isolated", "--select=NAQ", *arguments],
        cwd=project,
        input=stdin,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.stderr == ""
    return sorted(done.stdout.splitlines())


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every example of every rule, a file each, so several processes have work."""
    folder = tmp_path_factory.mktemp("project")
    for rule in all_rules():
        for number, example in enumerate((*rule.bad, *rule.good, *rule.misses)):
            (folder / f"rule_{rule.number}_{number:02}.py").write_text(example.code, "utf-8")
    return folder


@pytest.fixture(scope="module")
def expected(project: Path) -> list[str]:
    """The findings of one process; those that the examples promise."""
    found = flake8(project, "--jobs=1", ".")
    promised = sum(
        len(numbers.split())
        for rule in all_rules()
        for example in (*rule.bad, *rule.misses)
        for numbers in example.findings.values()
    )
    assert len(found) == promised > 0
    return found


def test_several_jobs_find_what_one_does(project: Path, expected: list[str]) -> None:
    assert flake8(project, "--jobs=4", ".") == expected


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_the_start_method_of_the_processes_does_not_matter(
    project: Path, expected: list[str], method: str
) -> None:
    start = f"import multiprocessing; multiprocessing.set_start_method({method!r}); "
    assert flake8(project, "--jobs=2", ".", main=start + MAIN) == expected


@pytest.mark.parametrize("number", [rule.number for rule in all_rules()])
def test_standard_input_finds_what_the_file_does(
    project: Path, expected: list[str], number: str
) -> None:
    file = project / f"rule_{number}_00.py"
    name = f"./{file.name}"
    found = flake8(project, f"--stdin-display-name={name}", "-", stdin=file.read_text("utf-8"))
    assert found == [line for line in expected if line.startswith(f"{name}:")]


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_every_supported_interpreter_finds_the_same(
    tmp_path: Path, project: Path, expected: list[str], version: str, jobs: str
) -> None:
    interpreter = shutil.which(f"python{version}")
    # A shim of pyenv is there even when its version is switched off.
    trial = [interpreter or "", "-c", ""]
    if not interpreter or subprocess.run(trial, capture_output=True, check=False).returncode:
        pytest.skip(f"no Python {version} here")
    for name in MODULES:
        place = Path(__import__(name).__file__ or "")
        place = place.parent if place.name == "__init__.py" else place
        (tmp_path / place.name).symlink_to(place)
    for name in DISTRIBUTIONS:
        (metadata,) = {
            Path(str(distribution(name).locate_file(file))).parent
            for file in distribution(name).files or ()
            if file.name == "METADATA"
        }
        (tmp_path / metadata.name).symlink_to(metadata)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    found = flake8(project, f"--jobs={jobs}", ".", interpreter=interpreter, environment=environment)
    assert found == expected
