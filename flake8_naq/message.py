"""Messages of the codemod: text whose line numbers stay data until it is shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """A line number in a message, shown as ``line 12``.

    Attributes:
        number: Its number, counted from 1.
        path: Its file, empty for the file of the message itself.
    """

    number: int
    path: str = ""

    def __str__(self) -> str:
        return f"{self.path}, line {self.number}" if self.path else f"line {self.number}"


class Message:
    """One sentence for the user.

    Attributes:
        parts: Its text and its line numbers, in order.
    """

    __slots__ = ("parts",)

    def __init__(self, *parts: str | Line) -> None:
        self.parts = parts

    def __str__(self) -> str:
        return "".join(map(str, self.parts))

    def __repr__(self) -> str:
        return f"Message{self.parts!r}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Message) and self.parts == other.parts

    def __hash__(self) -> int:
        return hash(self.parts)

    @property
    def lines(self) -> list[Line]:
        """The lines in it."""
        return [part for part in self.parts if isinstance(part, Line)]

    def renumbered(self, number_of: Callable[[Line], Line]) -> Message:
        """The same message with other line numbers."""
        return Message(
            *(number_of(part) if isinstance(part, Line) else part for part in self.parts)
        )


class ExplainedError(Exception):
    """An error with a message for the user.

    Attributes:
        message: The message, with its line numbers as data.
    """

    def __init__(self, *parts: str | Line) -> None:
        self.message = Message(*parts)
        super().__init__(str(self.message))


class RefusedError(ExplainedError):
    """The codemod refuses a rewrite. The message is the reason."""
