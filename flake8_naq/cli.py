"""``naq-migrate``: the command line around the codemod and the reports."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence

from flake8_naq import __version__
from flake8_naq.errors import CommandError
from flake8_naq.migrate import command as fix
from flake8_naq.report import add_noqa, explain, inventory, ratchet
from flake8_naq.report.history import command as history

# Exit codes; a command itself returns 0 or 1.
ERROR = 2
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: Arguments without the program's name, those of the process by default.

    Returns:
        The exit code: 0 nothing to do or done, 1 as the command defines it, 2 usage or unreadable input.
    """
    arguments = _parser().parse_args(argv)
    for stream in (sys.stdout, sys.stderr):
        # A path may hold undecodable bytes: escape them, a traceback helps nobody.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        code: int = arguments.run(arguments)
        sys.stdout.flush()
    except CommandError as error:
        print(f"naq-migrate: {error}", file=sys.stderr)
        return ERROR
    except BrokenPipeError:
        # The reader has closed the pipe: leave Python nothing to flush at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return INTERRUPTED
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="naq-migrate",
        description="Move hand-managed NATS connections to context managers.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in (fix, inventory, ratchet, add_noqa, history, explain):
        command.add_parser(subparsers)
    return parser
