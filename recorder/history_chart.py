"""The chart of a sample's history: the guide's shop as it grows, and as it is migrated tier by tier."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from recorder import sessions
from recorder.phases import ROOT
from recorder.terminal import SAMPLE

PICTURE = ROOT / "docs" / "images" / "history-shop.svg"

_FIX = "naq-migrate fix --allow-dirty --unsafe-fixes"


@dataclass(frozen=True)
class Step:
    """One commit.

    Args:
        day: its date.
        subject: its subject.
        files: what it takes over from the sample.
        command: what it runs after that.
    """

    day: str
    subject: str
    files: tuple[str, ...] = ()
    command: str = ""


STEPS = (
    Step("2025-01-13", "Take orders", ("setup.cfg", "shop/worker.py")),
    Step("2025-03-03", "Show the status of orders", files=("shop/status.py",)),
    Step("2025-06-16", "Report from the command line", files=("shop/cli.py",)),
    Step("2025-08-04", "Migrate high priority", command=f"{_FIX} --select NAQ1 shop"),
    Step("2025-09-15", "Migrate medium priority", command=f"{_FIX} --select NAQ1,NAQ2 shop"),
    Step("2025-10-20", "Migrate low priority", command=f"{_FIX} shop"),
    Step("2025-12-01", "Describe the shop", command="echo '# Orders' > README.md"),
)


def draw() -> str:
    """Commit the steps into a fresh repository and return the chart of its history."""
    with tempfile.TemporaryDirectory(prefix="naq-history-") as name:
        work = Path(name)
        environment = sessions.reader(name)
        _git(work, environment, "init", "-q")
        for step in STEPS:
            for file in step.files:
                (work / file).parent.mkdir(exist_ok=True)
                shutil.copyfile(SAMPLE / file, work / file)
            if step.command:
                sessions.run(step.command, work, environment)
            day = f"{step.day}T12:00:00+00:00"
            dated = {**environment, "GIT_AUTHOR_DATE": day, "GIT_COMMITTER_DATE": day}
            _git(work, dated, "add", ".")
            _git(work, dated, "commit", "-qm", step.subject)
        return (
            "\n".join(sessions.run("naq-migrate history --format svg shop", work, environment))
            + "\n"
        )


def _git(work: Path, environment: dict[str, str], *command: str) -> None:
    line = ("git", "-c", "user.name=reader", "-c", "user.email=reader@example.invalid", *command)
    subprocess.run(line, cwd=work, env=environment, check=True)
