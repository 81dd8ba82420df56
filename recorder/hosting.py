"""The addresses of the hosted site and sources, empty while there is no host."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass

from recorder.phases import ROOT

LATEST = "latest"
"""The folder of the newest version. Search engines are to list the pages of this one alone."""


@dataclass(frozen=True, slots=True)
class Hosting:
    """The addresses under ``[tool.hosted]``.

    Attributes:
        repository: The sources, such as ``https://github.com/OWNER/NAME``.
        site: The site, such as ``https://OWNER.github.io/NAME/``. It has a folder for each version.
    """

    repository: str = ""
    site: str = ""

    @property
    def latest(self) -> str:
        """The address of the newest version, empty without a site."""
        return f"{self.site.rstrip('/')}/{LATEST}/" if self.site else ""


def hosting() -> Hosting:
    """The addresses that ``pyproject.toml`` has."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    return Hosting(**tomllib.loads(text)["tool"]["hosted"])
