"""mkdocs hooks: pages made from the rules and from the phases' records.

https://www.mkdocs.org/user-guide/configuration/#hooks
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from mkdocs.exceptions import PluginError

from recorder import record
from recorder.pages import PARTS
from recorder.phases import ROOT, all_phases, load

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

_MARKER = re.compile(r"^<!-- record: (\w+) -->$", re.MULTILINE)


def on_pre_build(config: MkDocsConfig) -> None:
    """Refuse to build from a record that the linter and the codemod no longer make.

    Raises:
        PluginError: a phase's record is stale.
    """
    for phase in all_phases():
        stale = record.stale_files(phase, record.run_migration(phase))
        if stale:
            names = ", ".join(str(path.relative_to(ROOT)) for path in stale)
            raise PluginError(f"stale: {names}; run `tox run -e record` and commit the result")


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put a phase's record where its page asks for it.

    Raises:
        PluginError: the page asks for a part that does not exist.
    """
    place = PurePosixPath(page.file.src_uri)

    def part(match: re.Match[str]) -> str:
        make = PARTS.get(match[1])
        if make is None:
            raise PluginError(f"{place}: no part of a record is called {match[1]!r}")
        return make(load(place.parent.name))

    return _MARKER.sub(part, markdown)
