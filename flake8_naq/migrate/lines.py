"""What a run says of lines, in the numbers that the user's file has before it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property

_NUMBER = re.compile(r"\bline (\d+)\b")


@dataclass
class Lines:
    """The lines of a text that earlier turns have changed.

    Attributes:
        before: The lines before the run.
        now: The lines as they are.
    """

    before: list[str]
    now: list[str]

    def before_the_run(self, text: str) -> str:
        """A reason or a note whose lines are given by their numbers now."""
        if self.before is self.now:
            return text
        return _NUMBER.sub(self._renumbered, text)

    def _renumbered(self, found: re.Match[str]) -> str:
        index = int(found[1]) - 1
        # The words may be the code's own: a reason quotes what it is about.
        if not 0 <= index < len(self._numbers):
            return found[0]
        return f"line {self._numbers[index]}"

    @cached_property
    def _numbers(self) -> list[int]:
        """For each line the number that it had; a new one has that of the line it came for."""
        # A turn moves lines to the side and takes some out: what is left is found by its text.
        before, now = ([line.strip() for line in lines] for lines in (self.before, self.now))
        numbers: list[int] = []
        for _, first, last, start, end in SequenceMatcher(
            None, before, now, autojunk=False
        ).get_opcodes():
            most = max(first, last - 1)
            numbers += [min(first + index, most) + 1 for index in range(end - start)]
        return numbers
