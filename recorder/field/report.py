"""The kept outcome of a field report: one JSON document of positions and figures."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from recorder.field.projects import FOLDER, Project

FIELD = FOLDER / "field.json"


def read() -> dict[str, Any]:
    """Read the kept report; an empty one if it was never made."""
    if not FIELD.exists():
        return {"projects": [], "suites": []}
    document: dict[str, Any] = json.loads(FIELD.read_text(encoding="utf-8"))
    return document


def read_suites(file: Path | None) -> list[dict[str, Any]]:
    """Read the outcome of the projects' own tests; the kept one without a file."""
    if file is None:
        return list(read()["suites"])
    suites: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))["suites"]
    return suites


def write(
    listed: list[Project], surveyed: dict[Project, dict[str, Any]], suites: list[dict[str, Any]]
) -> None:
    """Keep a report, with the date and the versions that made it.

    Args:
        listed: the projects of the report, in its order.
        surveyed: those that were surveyed now; the others keep their figures.
        suites: the outcome of the projects' own tests.
    """
    kept = {(one["name"], one["commit"]): one for one in read()["projects"]}
    kept |= {(project.name, project.commit): one for project, one in surveyed.items()}
    places = [(project.name, project.commit) for project in listed]
    document = {
        "made": {
            "on": f"{datetime.now(UTC):%Y-%m-%d}",
            "versions": {name: version(name) for name in ("flake8-naq", "ast-grep-cli")},
        },
        "projects": [kept[place] for place in places if place in kept],
        "suites": suites,
    }
    text = json.dumps(document, ensure_ascii=False, indent=1)
    FIELD.write_text(text + "\n", encoding="utf-8")
