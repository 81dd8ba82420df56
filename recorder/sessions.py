"""The console sessions of the site's pages, run as a reader would run them.

A page with ``<!-- session: FOLDER -->`` has its ``console`` blocks run in order, in a fresh copy
of that folder (beside the page) under git; ``with a server`` after the folder starts a nats-server for it,
and makes it the configured one. So is a block of any language whose title is a command after
``$``: it holds what that one command prints. The output is written into the page, so it is reviewed
like any other text and never typed. ``...`` stands for a part that differs from run to run.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from naq.server import run_nats_server
from recorder.phases import ROOT

WIDTH = 84

_SESSION = re.compile(
    r"^<!-- session: (?P<folder>[\w/.-]+)(?P<server> with a server)? -->$", re.MULTILINE
)
_BLOCK = re.compile(
    r"^(?P<open>(?P<indent> *)```+ ?(?P<info>[^\n`]+)\n)(?P<body>.*?)(?P<close>^ *```+$)",
    re.MULTILINE | re.DOTALL,
)
_CONSOLE = re.compile(r"\{?\.?console\b")
_TITLE = re.compile(r'title="\$ (?P<command>[^"]+)"')
_PROMPT = "$ "
_GIT = ("git", "-c", "user.name=reader", "-c", "user.email=reader@example.invalid")


class SessionError(RuntimeError):
    """A page's session can't be run."""


def pages() -> list[Path]:
    """Every page of the site that holds a session."""
    return [
        page
        for page in sorted((ROOT / "docs").rglob("*.md"))
        if _SESSION.search(page.read_text(encoding="utf-8"))
    ]


def play(page: Path) -> str:
    """Return a page's text with the current output of its commands.

    Raises:
        SessionError: the folder that it names does not exist.
    """
    text = page.read_text(encoding="utf-8")
    match = _SESSION.search(text)
    if match is None:
        return text
    source = page.parent / match["folder"]
    if not source.is_dir():
        raise SessionError(f"{page}: there is no folder {source}")
    server = run_nats_server() if match["server"] else nullcontext()
    with server as running, workspace(source) as (work, environment):
        if running:
            environment["NAQ_SERVERS"] = running.url
        return _BLOCK.sub(lambda block: _played(block, work, environment), text)


@contextmanager
def workspace(source: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """A fresh copy of a folder under git, and the environment of a reader's terminal."""
    with tempfile.TemporaryDirectory(prefix="naq-session-") as name:
        work = Path(name) / source.name
        shutil.copytree(source, work, ignore=shutil.ignore_patterns("__pycache__"))
        for command in (("init", "-q"), ("add", "."), ("commit", "-qm", "Before the migration")):
            subprocess.run([*_GIT, *command], cwd=work, check=True)
        yield work, reader(name)


def reader(home: str) -> dict[str, str]:
    """The environment of a reader's terminal, without this machine's settings; home is a folder."""
    return {
        "PATH": f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ['PATH']}",
        "HOME": home,
        "LANG": "C.UTF-8",
        "COLUMNS": str(WIDTH),
        "NO_COLOR": "1",
        "PYTHONUNBUFFERED": "1",  # both streams go to one place, in the order of a terminal
        "GIT_PAGER": "cat",
    }


def _played(block: re.Match[str], work: Path, environment: dict[str, str]) -> str:
    indent = block["indent"]
    written = [line.removeprefix(indent) for line in block["body"].splitlines()]
    if title := _TITLE.search(block["info"]):
        played = _output(title["command"], written, work, environment)
    elif _CONSOLE.match(block["info"]):
        played = []
        for command, old in _commands(written):
            played += [_PROMPT + command, *_output(command, old, work, environment)]
    else:
        return block[0]
    body = "".join(f"{indent}{line}".rstrip() + "\n" for line in played)
    return block["open"] + body + block["close"]


def _output(command: str, written: list[str], work: Path, environment: dict[str, str]) -> list[str]:
    """The command's output, or the lines written already where they match it."""
    printed = run(command, work, environment)
    return written if _same(written, printed) else printed


def _commands(lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Each command of a block with the output that is written there."""
    starts = [number for number, line in enumerate(lines) if line.startswith(_PROMPT)]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        yield lines[start].removeprefix(_PROMPT), lines[start + 1 : end]


def run(command: str, work: Path, environment: dict[str, str]) -> list[str]:
    """Return the lines that a command prints, to either stream."""
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=work,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    return [line.rstrip() for line in done.stdout.splitlines()]


def _same(written: list[str], printed: list[str]) -> bool:
    pattern = re.escape("\n".join(line.rstrip() for line in written)).replace(r"\.\.\.", ".*?")
    return re.fullmatch(pattern, "\n".join(printed), re.DOTALL) is not None
