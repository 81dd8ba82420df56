"""Gives both distributions their project URLs, from the one place that holds the hosted addresses."""

from __future__ import annotations

import tomllib
from email import message_from_string
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


class ProjectUrls(MetadataHookInterface):
    """Sets ``project.urls`` from ``[tool.hosted]``; leaves it out while that is empty."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add the URLs to the metadata of one distribution."""
        packed = Path(self.root, "PKG-INFO")
        metadata["urls"] = _packed_urls(packed) if packed.exists() else _hosted_urls()


def _packed_urls(info: Path) -> dict[str, str]:
    """The URLs that a source distribution was made with: it holds this folder alone."""
    lines = message_from_string(info.read_text("utf-8")).get_all("Project-URL", [])
    return dict(line.split(", ", 1) for line in lines)


def _hosted_urls() -> dict[str, str]:
    root = Path(__file__).parents[1]
    hosted = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["tool"]["hosted"]
    repository = hosted["repository"]
    urls = {
        "Documentation": hosted["site"],
        "Repository": repository,
        "Issues": repository and f"{repository}/issues",
        "Changelog": repository and f"{repository}/blob/main/CHANGELOG.md",
    }
    return {name: url for name, url in urls.items() if url}
