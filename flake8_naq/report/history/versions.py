"""The connections that one version of a file opens, whatever its path and its commit.

A version is analysed alone, once for each blob. Analysis that follows imports into other files of
the project needs the project as it was at a commit: it would enter here, as an argument of
`read_versions`, and the key of a version would then be its blob and those that it imports from.
"""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from flake8_naq.flake8_config import Flake8
from flake8_naq.lifetimes import analyse
from flake8_naq.modules import ReadError, module_of
from flake8_naq.patterns import pattern_of
from flake8_naq.processes import map_in_processes
from flake8_naq.report.history import git
from flake8_naq.settings import mentions_nats

# A process reads so many blobs with one `git cat-file`.
_BATCH = 40
# Starting a process costs more than these do.
_WORTH_A_PROCESS = 4 * _BATCH


@dataclass(frozen=True, slots=True)
class OpenedConnection:
    """One call that opens a connection.

    Attributes:
        function: Dotted name of the enclosing function or class, empty at module level.
        rule: Number of the rule 01 to 05 that it falls under, None when it is not by hand.
        managed: Whether it stands in a context manager.
        noqa: The text that flake8 searches for ``noqa``, None when the whole file is silenced.
    """

    function: str
    rule: str | None
    managed: bool
    noqa: str | None


@dataclass(frozen=True, slots=True)
class Version:
    """The content of one blob.

    Attributes:
        openings: Its connections.
        error: Why it cannot be read, empty when it can.
    """

    openings: tuple[OpenedConnection, ...] = ()
    error: str = ""


_NOTHING = Version()


def batches(blobs: Sequence[str]) -> list[Sequence[str]]:
    """The blobs in the portions in which `read_versions` gives them."""
    return [blobs[start : start + _BATCH] for start in range(0, len(blobs), _BATCH)]


def read_versions(
    portions: Sequence[Sequence[str]], flake8: Flake8, jobs: int
) -> Iterator[list[Version]]:
    """Analyse blobs, in as many processes as are worth it.

    Args:
        portions: Names of blobs, each once.
        flake8: The configuration.
        jobs: How many processes to use at most.

    Yields:
        The versions of one portion, in its order.
    """
    read = partial(_read_portion, flake8=flake8)
    if jobs < 2 or len(portions) * _BATCH < _WORTH_A_PROCESS:
        yield from map(read, portions)
    else:
        yield from map_in_processes(read, portions, jobs)


def _read_portion(blobs: Sequence[str], flake8: Flake8) -> list[Version]:
    with warnings.catch_warnings(), _no_collector():
        warnings.simplefilter("ignore")  # of old code, about its escapes
        return [_version(content, flake8) for content in git.contents(blobs)]


@contextmanager
def _no_collector() -> Iterator[None]:
    """Switch the garbage collector off: over many syntax trees it takes half of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
        gc.collect()


def _version(content: bytes | None, flake8: Flake8) -> Version:
    if content is None:
        return Version(error="missing from this repository: `git fsck` shows more")
    try:
        module = module_of("", content)
        if not mentions_nats(module.text, flake8.settings):
            return _NOTHING
        tree = module.parse()
    except ReadError as error:
        return Version(error=str(error).partition(": ")[2])
    sites = analyse(tree, flake8.settings, text=module.text).sites
    if not sites:
        return _NOTHING
    noqa = flake8.noqa_lines("", module.lines)
    return Version(
        tuple(
            OpenedConnection(
                site.qualname,
                pattern_of(site),
                site.managed,
                noqa(site.call.lineno) if noqa else None,
            )
            for site in sites
        )
    )
