"""A file of the project: its text, parsed only on demand."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from flake8_naq.names.files import Files
from flake8_naq.names.syntax import joined

# A line is found by the line break before it, in a text with one in front: `re` looks for a literal
# character ten times as fast as for `^`. The break's offset is that of the line in the text itself.
_IMPORT = re.compile(
    r"\n[ \t]*(?:from[ \t]+(?P<module>[.\w]+)[ \t]+import[ \t]*"
    r"(?P<names>\([^)]*\)|(?:[^\n\\;]|\\\n)*)"
    r"|import[ \t]+(?P<modules>[\w., \t]+))"
)
_COMMENT = re.compile(r"#[^\n]*")
# Definitions and other lines at the left margin, which end the definition before them.
_DEFINITION = re.compile(
    r"\n(?:(?P<indent>[ \t]*)(?:async[ \t]+def|def|class)[ \t]+(?P<name>\w+)|(?=[^\s#)\]}]))"
)
_ASSIGNMENT = re.compile(
    r"\n(?P<name>\w+)[ \t]*(?::[^=\n]*)?=[ \t]*(?:(?:functools\.)?partial\(\s*)?"
    r"(?P<value>[A-Za-z_][\w.]*)[ \t]*(?P<call>\()?"
)
# Match whole words: a match that starts inside a word costs an attempt for each letter.
CALLED = re.compile(r"(?<![\w.])([A-Za-z_][\w.]*+)[ \t]*+\(")


@dataclass(frozen=True, slots=True)
class Definition:
    """A function or class, found in the text.

    Attributes:
        start: The offset at which its line begins.
        end: The offset at which it ends.
    """

    start: int
    end: int


class SourceFile:
    """One file.

    Attributes:
        path: Its absolute path.
    """

    def __init__(self, path: str, files: Files) -> None:
        self.path = path
        self._files = files

    @cached_property
    def text(self) -> str:
        """The file's text, with every line ending as a newline."""
        text = self._files.read(self.path)
        return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text

    @cached_property
    def uses_nats(self) -> bool:
        """Whether it mentions NATS."""
        return "nats" in self.text

    @cached_property
    def runs_coroutines(self) -> bool:
        """Whether a function in it may wait for another one."""
        return "async" in self.text or "run_until_complete" in self.text

    @cached_property
    def tree(self) -> ast.Module | None:
        """Its syntax tree, None when it is not Python."""
        try:
            return ast.parse(self.text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None

    @cached_property
    def _imported(self) -> tuple[dict[str, str], list[str]]:
        return imports_of(self.text)

    @property
    def imports(self) -> dict[str, str]:
        """Local name to the dotted name that it was imported from."""
        return self._imported[0]

    @property
    def stars(self) -> list[str]:
        """The modules that a star import takes names from."""
        return self._imported[1]

    @cached_property
    def definitions(self) -> dict[str, Definition]:
        """Dotted name inside the module to the function or class of this name."""
        found: dict[str, Definition] = {}
        open_ones: list[tuple[int, str, int]] = []
        for match in _DEFINITION.finditer(f"\n{self.text}"):
            blank, name = match.groups()
            indent = len(blank.expandtabs()) if blank else 0
            while open_ones and open_ones[-1][0] >= indent:
                _, closed, start = open_ones.pop()
                found[closed] = Definition(start, match.start())
            if name:
                outer = f"{open_ones[-1][1]}." if open_ones else ""
                open_ones.append((indent, outer + name, match.start()))
        for _, closed, start in open_ones:
            found[closed] = Definition(start, len(self.text))
        return found

    @cached_property
    def assignments(self) -> dict[str, tuple[str, bool]]:
        """The module's own aliases: a name bound to another name, or to the result of calling it."""
        return {
            match["name"]: (match["value"], bool(match["call"]))
            for match in _ASSIGNMENT.finditer(f"\n{self.text}")
        }

    def called_in(self, definition: Definition) -> set[str]:
        """The dotted names that a definition calls."""
        return set(CALLED.findall(self.text, definition.start, definition.end))


def imports_of(text: str) -> tuple[dict[str, str], list[str]]:
    """The imports of a text: local name to dotted name, and the modules of its star imports."""
    imports: dict[str, str] = {}
    stars: list[str] = []
    for match in _IMPORT.finditer(f"\n{text}"):
        module = match["module"]
        for name, alias in _aliases(match["modules"] or match["names"]):
            if name == "*":
                stars.append(module)
            elif module:
                imports[alias or name] = joined(module, name)
            else:
                root = name.partition(".")[0]
                imports[alias or root] = name if alias else root
    return imports, stars


def _aliases(names: str) -> Iterator[tuple[str, str]]:
    """The names in an import's list, each with its alias."""
    for part in _COMMENT.sub("", names).replace("\\", " ").strip("() \t\n").split(","):
        name, _, alias = part.partition(" as ")
        if name.strip():
            yield name.strip(), alias.strip()
