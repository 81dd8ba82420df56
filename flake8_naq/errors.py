"""The errors of ``naq-migrate``: one line each, never a traceback."""

from __future__ import annotations


class CommandError(Exception):
    """The command cannot go on. The message is one line: the file or option, and what to do."""


def missing_extra(command: str, package: str) -> CommandError:
    """The error of a command whose package is not installed."""
    return CommandError(f"{command} needs {package}: install flake8-naq with its extra `migrate`")
