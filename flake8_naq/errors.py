"""What stops ``naq-migrate``: always one clear line, never a traceback."""

from __future__ import annotations


class CommandError(Exception):
    """The command cannot go on. One line that names the file or option and says what to do."""


def missing_extra(command: str, package: str) -> CommandError:
    """The error of a command whose package is not installed."""
    return CommandError(f"{command} needs {package}: install flake8-naq with its extra `migrate`")
