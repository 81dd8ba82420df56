"""Edits of whole lines, gathered against one source and applied together."""

from __future__ import annotations

from dataclasses import dataclass, field

from flake8_naq.files.source_text import Source


@dataclass(frozen=True, slots=True)
class Shift:
    """One level to the right or to the left for what stands below ``base``.

    Attributes:
        base: White space of the block that moves, as it stands before.
        unit: White space of one level.
        right: Whether it moves to the right.
    """

    base: str
    unit: str
    right: bool

    def move(self, line: str) -> str:
        """The line, moved; a continuation line further left than its block may stay."""
        if self.right:
            if line.startswith(self.base):
                return self.base + self.unit + line[len(self.base) :]
            # A line inside brackets may start anywhere; a comment further left is there on purpose.
            return line if line.lstrip().startswith("#") else self.unit + line
        outer = self.base.removesuffix(self.unit)
        return outer + line[len(self.base) :] if line.startswith(self.base) else line


@dataclass
class Edits:
    """The edits of a source. Other lines stay unchanged.

    Attributes:
        source: The source of the line numbers.
        replaced: Line number to the lines instead of it; they come without line endings.
        changed: Line number to its new content, which still moves with its block.
        inserted: Line number to lines that come before it, without line endings.
        shifts: Line number to its moves.
    """

    source: Source
    replaced: dict[int, list[str]] = field(default_factory=dict)
    changed: dict[int, str] = field(default_factory=dict)
    inserted: dict[int, list[str]] = field(default_factory=dict)
    shifts: dict[int, list[Shift]] = field(default_factory=dict)

    def replace(self, first: int, last: int, lines: list[str]) -> None:
        """Replace lines; no new lines means deletion."""
        for number in range(first, last + 1):
            self.replaced[number] = []
        self.replaced[first] = lines

    def insert(self, before: int, lines: list[str]) -> None:
        """Insert lines before a line, after those inserted there earlier."""
        self.inserted.setdefault(before, []).extend(lines)

    def shift(self, first: int, last: int, shift: Shift) -> None:
        """Move lines; those that start inside a string keep their content."""
        for number in range(first, last + 1):
            self.shifts.setdefault(number, []).append(shift)

    def apply(self) -> str:
        """The text with every edit made; a missing newline at the end stays missing."""
        source = self.source
        parts: list[str] = []
        for number, line in enumerate(source.lines, 1):
            parts += [new + source.newline for new in self.inserted.get(number, ())]
            if number in self.replaced:
                parts += [new + source.newline for new in self.replaced[number]]
            else:
                parts.append(self._moved(number, self.changed.get(number, line)))
        end = len(source.lines) + 1
        parts += [new + source.newline for new in self.inserted.get(end, ())]
        if source.text.endswith(("\n", "\r")):
            return "".join(parts)
        complete = [
            part if part.endswith(("\n", "\r")) else part + source.newline for part in parts
        ]
        return "".join(complete).removesuffix(source.newline)

    def _moved(self, number: int, line: str) -> str:
        if number in self.source.inside_string or not line.strip():
            return line
        for shift in self.shifts.get(number, ()):
            line = shift.move(line)
        return line
