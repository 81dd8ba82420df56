"""The other files of a project: definitions of imported names, and connections they may open.

Imports are followed one by one, on demand; nothing scans the project. A file whose text cannot open
a connection is never parsed.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from flake8_naq.names.files import Disk, Files, inside, parent_of
from flake8_naq.names.module import Known, Names
from flake8_naq.names.search_path import search_path
from flake8_naq.names.source import CALLED, SourceFile, imports_of
from flake8_naq.names.syntax import joined
from flake8_naq.names.vocabulary import NAQ_CLOSE, NAQ_CONNECT, NAQ_JETSTREAM, Vocabulary
from flake8_naq.settings import Settings, may_reach_nats

# Modules that never belong to a project, whatever the names of its files.
_LIBRARIES = frozenset(sys.stdlib_module_names) | {"nats"}
_HELPERS = NAQ_CONNECT | NAQ_JETSTREAM | NAQ_CLOSE
# The longest chain of re-exports; a longer one is a circle.
_LONGEST_WAY = 40
_BASES = re.compile(r"class[ \t]+\w+[ \t]*\(([^)]*)\)")
_DOTTED = re.compile(r"[A-Za-z_][\w.]*")


@dataclass(frozen=True, slots=True)
class Located:
    """The definition of a name.

    Attributes:
        source: The file.
        qualname: The function's or class's dotted name in it, empty for the file itself.
    """

    source: SourceFile
    qualname: str


class Project:
    """The project files that this process has read.

    Args:
        files: Their source.
        opening_names: Last names of the functions that open a connection.
    """

    def __init__(self, files: Files, opening_names: frozenset[str]) -> None:
        self._files = files
        self._opening_names = opening_names
        self._sources: dict[str, SourceFile] = {}
        self._search_paths: dict[str, tuple[str, ...]] = {}
        self._located: dict[tuple[str, str], Located | None] = {}
        self._opening: dict[Located, bool] = {}
        self._stars: dict[tuple[SourceFile, str], Located | None] = {}
        self._names: dict[SourceFile, Names | None] = {}
        self._around: ProjectView | None = None

    def locate(self, origin: str, folder: str, way: int = 0) -> Located | None:
        """The definition of a dotted name, None outside of the project.

        Args:
            origin: The name as it was imported, ``.bus.open_bus`` or ``app.bus.open_bus``.
            folder: The folder of the file that imports it.
            way: How many re-exports led here.
        """
        key = (folder, origin)
        if key not in self._located:
            self._located[key] = None  # a circle of re-exports leads nowhere
            self._located[key] = self._look_up(origin, folder, way)
        return self._located[key]

    def may_open(self, start: Located) -> bool:
        """Whether a function or class may open a connection by its text, directly or through calls."""
        waiting, seen = [start], set[Located]()
        while waiting:
            at = waiting.pop()
            if at in seen:
                continue
            seen.add(at)
            known = self._opening.get(at)
            if known or (known is None and self._opens(at)):
                self._opening[start] = True
                return True
            if known is None:
                waiting += self._callees(at)
        self._opening.update(dict.fromkeys(seen, False))
        return False

    def known(self, located: Located) -> Known | None:
        """The syntax of a definition, None when the text was misread."""
        names = self.names(located.source)
        if names is None or not located.qualname:
            return None
        return names.member(located.qualname)

    def names(self, source: SourceFile) -> Names | None:
        """The names of a project file, resolved; None when it is not Python."""
        if source not in self._names:
            tree, around = source.tree, ProjectView(self, source.path)
            self._names[source] = None if tree is None else Names(tree, around, source.text)
        return self._names[source]

    def around(self, path: str) -> ProjectView:
        """The project as one file sees it; cached for the last file, since callers ask twice."""
        if self._around is None or self._around.path != path:
            self._around = ProjectView(self, path)
        return self._around

    def source(self, path: str) -> SourceFile:
        """A file by its absolute path."""
        if path not in self._sources:
            self._sources[path] = SourceFile(path, self._files)
        return self._sources[path]

    def methods(self, located: Located) -> set[str]:
        """The names of the methods of a class and of its bases; none for a function."""
        found: set[str] = set()
        waiting, seen = [located], set[Located]()
        while waiting:
            at = waiting.pop()
            if at not in seen:
                seen.add(at)
                inside_it = f"{at.qualname}."
                found |= {
                    name.removeprefix(inside_it)
                    for name in at.source.definitions
                    if name.startswith(inside_it)
                }
                waiting += self._bases(at)
        return found

    def module_names(self, source: SourceFile) -> Iterator[str]:
        """The dotted names under which a file can be imported."""
        folder = parent_of(source.path)
        path = source.path.removesuffix(".py").removesuffix(f"{os.sep}__init__")
        for place in self._places("", "", folder):
            if path.startswith(place + os.sep):
                yield path[len(place) + 1 :].replace(os.sep, ".")

    # Looking up

    def _look_up(self, origin: str, folder: str, way: int) -> Located | None:
        name = origin.lstrip(".")
        if way > _LONGEST_WAY or not name:
            return None
        parts = name.split(".")
        for place in self._places(origin, parts[0], folder):
            found = self._walk(place, parts, way)
            if found is not None:
                return found
        return None

    def _places(self, origin: str, first: str, folder: str) -> tuple[str, ...]:
        level = len(origin) - len(origin.lstrip("."))
        if level:
            for _ in range(level - 1):
                folder = parent_of(folder)
            return (folder,)
        if first in _LIBRARIES:
            return ()
        if folder not in self._search_paths:
            self._search_paths[folder] = search_path(folder, self._files)
        return self._search_paths[folder]

    def _walk(self, folder: str, parts: list[str], way: int) -> Located | None:
        """Go down from a folder as an import does."""
        for index, part in enumerate(parts):
            entries = self._files.entries(folder)
            below = inside(folder, part)
            is_folder = entries.get(part, False)
            is_package = is_folder and "__init__.py" in self._files.entries(below)
            rest = parts[index + 1 :]
            if is_package:
                found = self._inside(self.source(inside(below, "__init__.py")), rest, way)
                if found is not None:
                    return found
            elif f"{part}.py" in entries:
                return self._inside(self.source(f"{below}.py"), rest, way)
            if not is_folder:
                return None
            folder = below
        return None

    def _inside(self, source: SourceFile, parts: list[str], way: int) -> Located | None:
        """The definition of a dotted name in a file."""
        if not parts:
            return Located(source, "")
        first, rest = parts[0], parts[1:]
        folder = parent_of(source.path)
        if first in source.definitions:
            return Located(source, ".".join(parts))
        if first in source.imports:
            return self.locate(".".join([source.imports[first], *rest]), folder, way + 1)
        if first in source.assignments and way <= _LONGEST_WAY:
            value, is_call = source.assignments[first]
            # The methods of `bus = Bus()` are those of its class.
            if (rest or not is_call) and value.partition(".")[0] != first:
                return self._inside(source, [*value.split("."), *rest], way + 1)
            return None
        starred = self._starred(source, first, way)
        if starred is None or not rest:
            return starred
        if not starred.qualname:
            return self._inside(starred.source, rest, way + 1)
        return Located(starred.source, ".".join([starred.qualname, *rest]))

    def _starred(self, source: SourceFile, name: str, way: int) -> Located | None:
        """What a star import gives a file under a name; each name is looked for once in a file."""
        key = (source, name)
        if key not in self._stars:
            self._stars[key] = None  # star imports in a circle
            for star in reversed(source.stars if way <= _LONGEST_WAY else []):
                module = self.locate(star, parent_of(source.path), way + 1)
                if module is not None and not module.qualname:
                    found = self._inside(module.source, [name], way + 1)
                    if found is not None:
                        self._stars[key] = found
                        break
        return self._stars[key]

    # What a text may open

    def _opens(self, at: Located) -> bool:
        source = at.source
        definition = source.definitions.get(at.qualname)
        if definition is None or not source.uses_nats:
            return False
        return any(
            name.rpartition(".")[2] in self._opening_names
            or source.imports.get(name, "").rpartition(".")[2] in self._opening_names
            for name in source.called_in(definition)
        )

    def _callees(self, at: Located) -> Iterator[Located]:
        """The callees of a function; those of a method include its whole class."""
        source = at.source
        top = at.qualname.partition(".")[0]
        definition = source.definitions.get(top)
        if definition is None:
            return
        if top != at.qualname:
            yield Located(source, top)
            return
        yield from self._bases(at)
        if not source.runs_coroutines:
            return
        for name in source.called_in(definition):
            first = name.partition(".")[0]
            if first in source.definitions or self._is_imported(first, source):
                found = self._inside(source, name.split("."), 0)
                if found is not None:
                    yield found

    def _is_imported(self, name: str, source: SourceFile) -> bool:
        """Whether a name may come from another file of the project."""
        origin = source.imports.get(name)
        if origin is None:
            return bool(source.stars) or name in source.assignments
        return origin.partition(".")[0] not in _LIBRARIES

    def _bases(self, at: Located) -> Iterator[Located]:
        definition = at.source.definitions.get(at.qualname)
        header = definition and _BASES.match(at.source.text, definition.start)
        for name in _DOTTED.findall(header[1]) if header else ():
            found = self._inside(at.source, name.split("."), 0)
            if found is not None:
                yield found


class ProjectView:
    """The project as one file of it sees it.

    Args:
        project: The project.
        path: Absolute path of the file.
    """

    def __init__(self, project: Project, path: str) -> None:
        self._project = project
        self._folder = parent_of(path)
        self._opening: dict[tuple[str, str], set[str]] = {}
        self.path = path

    def locate(self, origin: str) -> Located | None:
        """The definition of a name that this file imports."""
        return self._project.locate(origin, self._folder)

    def defines(self, origin: str) -> bool:
        """Whether a file of the project defines what has this dotted name."""
        return self.locate(origin) is not None

    def known(self, origin: str, *, opening: bool) -> Known | None:
        """The function or class that this file imports under a dotted name.

        Args:
            origin: The name as it was imported.
            opening: Search only for functions that may open a connection.
        """
        located = self.locate(origin)
        if located is None or not located.qualname:
            return None
        if opening and not self._project.may_open(located):
            return None
        return self._project.known(located)

    def aliases(self, origin: str, others: frozenset[str]) -> frozenset[str]:
        """Every dotted name of what this file imports; of `others` those that lead to the same."""
        located = self.locate(origin)
        return frozenset() if located is None else self._aliases(located, others)

    def own_aliases(self, qualname: str, others: frozenset[str]) -> frozenset[str]:
        """Every dotted name of a function of this file."""
        return self._aliases(Located(self._project.source(self.path), qualname), others)

    def is_naqs(self, origin: str) -> bool:
        """Whether naq, or a copy of naq by another name, defines a name that this file imports.

        A copy of naq's `connection` module is one that defines all of naq's helpers.
        """
        located = self.locate(origin)
        if located is None:
            return False
        names = self._project.module_names(located.source)
        if any(name.startswith("naq.") for name in names):
            return True
        is_connection = located.source.path.endswith(f"{os.sep}connection.py")
        return is_connection and located.source.definitions.keys() >= _HELPERS

    def reaches_nats(self, text: str) -> bool:
        """Whether this file, which has this text, calls anything that may open a connection."""
        source = self._project.source(self.path)
        # The text may come from an editor or from an old commit.
        same = source.text == text
        imports, stars = (source.imports, source.stars) if same else imports_of(text)
        own = {
            local: origin
            for local, origin in imports.items()
            if origin.partition(".")[0] not in _LIBRARIES
        }
        if not own and not stars:
            return False
        if any(self._names_that_open(local, origin) for local, origin in own.items()):
            return True
        if stars:
            starred = (("*", star) for star in stars)
            return bool(self.opening_names((*own.items(), *starred), set(CALLED.findall(text))))
        return bool(self.opening_names(own.items(), set(self._called_of(own, text))))

    def _called_of(self, imports: dict[str, str], text: str) -> Iterator[str]:
        """What a text calls of the modules that it imports, ``bus.open_bus``.

        A function or class is left out: what it opens, its attributes included, is known by now.
        """
        for local, origin in imports.items():
            located = self.locate(origin)
            if located is not None and located.qualname:
                continue
            start = text.find(f"{local}.")
            while start >= 0:
                match = CALLED.match(text, start)
                if match:
                    yield match[1]
                start = text.find(f"{local}.", start + 1)

    def opening_names(self, imports: Iterable[tuple[str, str]], called: set[str]) -> set[str]:
        """Last names of what this file calls of others that may open a connection.

        Args:
            imports: Local names and the dotted names that they were imported from; ``*`` for all
                the names of a module.
            called: The dotted names that the file calls.
        """
        origins = _origins(imports, called)
        found: set[str] = set()
        for local, origin in origins.items():
            found |= self._names_that_open(local, origin)
        for name in called:
            first, _, rest = name.partition(".")
            if rest and first in origins:
                last = rest.rpartition(".")[2]
                found |= self._names_that_open(last, f"{origins[first]}.{rest}")
        return found

    def _names_that_open(self, local: str, origin: str) -> set[str]:
        """The last names by which a file may call an opener; for a class, also its methods."""
        key = (local, origin)
        if key not in self._opening:
            located = self.locate(origin)
            opens = located is not None and located.qualname and self._project.may_open(located)
            self._opening[key] = (
                {local, *self._project.methods(located)} if located and opens else set()
            )
        return self._opening[key]

    def _aliases(self, located: Located, others: frozenset[str]) -> frozenset[str]:
        found = {
            f"{module}.{located.qualname}" if located.qualname else module
            for module in self._project.module_names(located.source)
        }
        found.update(name for name in others if self.locate(name) == located)
        return frozenset(found)


def _origins(imports: Iterable[tuple[str, str]], called: set[str]) -> dict[str, str]:
    """Local names and their origins; a star import may bind every plain name that is called."""
    found: dict[str, str] = {}
    for local, origin in imports:
        if local == "*":
            found.update((name, joined(origin, name)) for name in called if "." not in name)
        else:
            found[local] = origin
    return found


def surroundings(path: str | None, settings: Settings) -> ProjectView | None:
    """The project as one file sees it; None for a text without a file."""
    if path is None or path in ("-", "stdin"):
        return None
    return project_of(settings).around(os.path.abspath(path))  # noqa: PTH100  ten times as fast


def reaches_nats(text: str, path: str, settings: Settings) -> bool:
    """Whether a file calls anything of its project that may open a connection.

    Args:
        text: The file's text.
        path: Its path.
        settings: Names of the project's own helpers.
    """
    if not may_reach_nats(text):
        return False
    around = surroundings(path, settings)
    return around is not None and around.reaches_nats(text)


@cache
def project_of(settings: Settings) -> Project:
    """The projects on this machine; the cache lives as long as the process."""
    return Project(Disk(), frozenset(Vocabulary(settings).opening_names))
