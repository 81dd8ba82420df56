"""GitHub's workflow commands, which the log of a run turns into annotations beside the lines.

https://docs.github.com/actions/reference/workflow-commands-for-github-actions
"""

from __future__ import annotations


def annotation(level: str, text: str, **properties: str | int) -> str:
    """One workflow command.

    Args:
        level: ``error``, ``warning`` or ``notice``.
        text: The message.
        properties: ``file``, ``line``, ``col``, ``title``.
    """
    given = ",".join(f"{name}={_property(str(value))}" for name, value in properties.items())
    return f"::{level} {given}::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
