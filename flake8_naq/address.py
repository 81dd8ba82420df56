"""Where the documentation is hosted, as the distribution's metadata has it.

The metadata comes from ``[tool.hosted]`` in ``pyproject.toml``, the one place that holds the address.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, metadata

_LABEL = "Documentation"


def site() -> str | None:
    """Address of the documentation with a slash at its end, None while it has none."""
    try:
        urls = metadata("flake8-naq").get_all("Project-URL") or []
    except PackageNotFoundError:
        return None
    for entry in urls:
        label, _, url = entry.partition(", ")
        if label == _LABEL:
            return f"{url.rstrip('/')}/"
    return None


def rule_page(number: str) -> str | None:
    """Address of a rule's page, None while the site has no address."""
    hosted = site()
    return f"{hosted}rules/NAQ{number}/" if hosted else None
