"""Where the documentation is hosted; the one place that knows it."""

from __future__ import annotations

# To set when the site has an address, with a slash at its end; links are left out until then.
SITE: str | None = None


def rule_page(number: str) -> str | None:
    """Address of a rule's page, None while the site has no address."""
    return f"{SITE}rules/NAQ{number}/" if SITE else None
