"""The folders in which a file's imports find modules of its project, by the file's path alone."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

from flake8_naq.names.files import Files, inside, parent_of

# A folder with one of these is a project's root; version control decides before the others.
_REPOSITORY = (".git", ".hg", ".svn")
_CONFIGURATION = ("pyproject.toml", "setup.cfg", "setup.py", "tox.ini", ".flake8")
# In a text without these, no table declares a folder of modules.
_DECLARING = ("workspace", "pythonpath", "path =", "path=")


def search_path(folder: str, files: Files) -> tuple[str, ...]:
    """The folders that an absolute import in a file of this folder looks in, the nearest first.

    The folder above the outermost package is the one that Python would look in; its parents up to
    the project's root follow, each with its `src` and with what its ``pyproject.toml`` declares.
    Last come the folders inside the package, which Python looks in when a file there is run as a
    script.

    Args:
        folder: Absolute path of the file's folder.
        files: The source of the project's files.
    """
    packages = []
    outermost = folder
    while "__init__.py" in files.entries(outermost) and parent_of(outermost) != outermost:
        packages.append(outermost)
        outermost = parent_of(outermost)
    found = []
    declared: list[str] = []
    for place in _up_to(outermost, _root(folder, outermost, files)):
        found += _with_src(place, files)
        declared += _declared_in(place, files)
    return tuple(dict.fromkeys((*found, *declared, *packages)))


def _root(folder: str, outermost: str, files: Files) -> str:
    """The project's root: without any sign of one, the folder above the outermost package."""
    places = list(_up_to(folder, ""))
    for signs in (_REPOSITORY, _CONFIGURATION):
        for place in places:
            entries = files.entries(place)
            if any(sign in entries for sign in signs):
                return place if len(place) <= len(outermost) else outermost
    return outermost


def _up_to(folder: str, last: str) -> list[str]:
    """A folder and its parents, up to a last one."""
    found = [folder]
    while folder != last and parent_of(folder) != folder:
        folder = parent_of(folder)
        found.append(folder)
    return found


def _with_src(place: str, files: Files) -> list[str]:
    return [place, inside(place, "src")] if files.entries(place).get("src") else [place]


# What a project's configuration declares: the members of a workspace, packages beside it, and the
# folders that pytest puts on the path.


def _declared_in(place: str, files: Files) -> Iterator[str]:
    """The folders of modules that the ``pyproject.toml`` of a folder declares."""
    if "pyproject.toml" not in files.entries(place):
        return
    text = files.read(inside(place, "pyproject.toml"))
    if not any(word in text for word in _DECLARING):
        return
    tool = _tool_tables(text)
    for path in _strings(_table(tool, "pytest", "ini_options").get("pythonpath")):
        yield from _matching(place, path, files)
    for path in _packages(tool):
        for member in _matching(place, path, files):
            yield from _with_src(member, files)


def _packages(tool: dict[str, Any]) -> Iterator[str]:
    """The paths of the packages beside a project."""
    yield from _strings(_table(tool, "uv", "workspace").get("members"))
    for table in (_table(tool, "uv", "sources"), _table(tool, "poetry", "dependencies")):
        for source in table.values():
            yield from _strings(source.get("path") if isinstance(source, dict) else None)


def _tool_tables(text: str) -> dict[str, Any]:
    import tomllib  # few files need it

    try:
        return _table(tomllib.loads(text), "tool")
    except tomllib.TOMLDecodeError:
        return {}


def _table(tables: Any, *names: str) -> dict[str, Any]:
    for name in names:
        tables = tables.get(name) if isinstance(tables, dict) else None
    return tables if isinstance(tables, dict) else {}


def _strings(value: Any) -> list[str]:
    """The strings of a value that is one, or a list of them."""
    values = value.split() if isinstance(value, str) else value
    return [one for one in values if isinstance(one, str)] if isinstance(values, list) else []


def _matching(place: str, path: str, files: Files) -> list[str]:
    """The folders that a relative path leads to, in which ``*`` stands for any name."""
    found = [place]
    for part in path.strip("/").split("/"):
        if part == "..":
            found = [parent_of(folder) for folder in found]
        elif part not in ("", "."):
            found = [
                inside(folder, name)
                for folder in found
                for name, is_folder in sorted(files.entries(folder).items())
                if is_folder and fnmatchcase(name, part)
            ]
    return found
