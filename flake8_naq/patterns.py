"""Which shape a hand-managed connection has: one of the rules 01 to 05, the highest that holds."""

from __future__ import annotations

import ast
from typing import Literal

from flake8_naq.lifetimes import Site

Pattern = Literal["01", "02", "03", "04", "05"]


def pattern_of(site: Site) -> Pattern | None:
    """The rule that a connection falls under, None when it is not managed by hand."""
    if not site.manual:
        return None
    if site.in_loop is not None or site.collected:
        return "05"
    if site.shared_with:
        return "04"
    buckets = [derived for derived in site.derived if derived.kind == "kv"]
    others = [derived for derived in site.derived if derived.kind not in ("kv", "jetstream")]
    if len(buckets) == 1 and not others and not _used_beside(site):
        return "03"
    if any(derived.kind == "jetstream" for derived in site.derived):
        return "02"
    return "01"


def _used_beside(site: Site) -> bool:
    """Whether anything but the bucket is used: the connection itself, or its JetStream."""
    buckets = {derived.name for derived in site.derived if derived.kind == "kv"}
    return any(ast.unparse(use) not in buckets for use in site.uses)
