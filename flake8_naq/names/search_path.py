"""The folders in which a file's imports find modules of its project, by the file's path alone."""

from __future__ import annotations

from flake8_naq.names.files import Files, inside, parent_of

# A folder with one of these is a project's root; version control decides before the others.
_REPOSITORY = (".git", ".hg", ".svn")
_CONFIGURATION = ("pyproject.toml", "setup.cfg", "setup.py", "tox.ini", ".flake8")


def search_path(folder: str, files: Files) -> tuple[str, ...]:
    """The folders that an absolute import in a file of this folder looks in, the nearest first.

    The folder above the outermost package is the one that Python would look in; its parents up to
    the project's root follow, each with its `src`. Last come the folders inside the package, which
    Python looks in when a file there is run as a script.

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
    for place in _up_to(outermost, _root(folder, outermost, files)):
        found.append(place)
        if files.entries(place).get("src"):
            found.append(inside(place, "src"))
    return tuple(dict.fromkeys((*found, *packages)))


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
