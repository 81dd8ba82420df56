"""Line numbers of the user's file, as they were before the run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from functools import cached_property

from flake8_naq.message import Line, Message


@dataclass
class Lines:
    """The lines of a text that earlier turns have changed.

    Attributes:
        before: The lines before the run.
        now: The current lines.
    """

    before: list[str]
    now: list[str]

    def before_the_run(self, message: Message) -> Message:
        """A message with the line numbers of the text before the run."""
        return message if self.before is self.now else message.renumbered(self._renumbered)

    def _renumbered(self, line: Line) -> Line:
        return line if line.path else replace(line, number=self.number(line.number))

    def number(self, now: int) -> int:
        """The number of a line before the run."""
        return now if self.before is self.now else self._numbers[now - 1]

    @cached_property
    def _numbers(self) -> list[int]:
        """For each line its old number; a new line has that of the line it replaces."""
        # A turn indents lines and deletes some, so match the rest by their text.
        before, now = ([line.strip() for line in lines] for lines in (self.before, self.now))
        numbers: list[int] = []
        for _, first, last, start, end in SequenceMatcher(
            None, before, now, autojunk=False
        ).get_opcodes():
            most = max(first, last - 1)
            numbers += [min(first + index, most) + 1 for index in range(end - start)]
        return numbers
