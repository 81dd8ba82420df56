"""The pattern of a hand-managed connection: the highest of the rules 01 to 05 that applies."""

from __future__ import annotations

from typing import Literal

from flake8_naq.lifetimes import Site
from flake8_naq.names import dotted

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
    if len(buckets) == 1 and not _used_beside(site):
        return "03"
    if any(derived.kind == "jetstream" for derived in site.derived):
        return "02"
    return "01"


def _used_beside(site: Site) -> bool:
    """Whether code uses more than the bucket and its watchers: the connection, its JetStream."""
    of_bucket = {derived.name for derived in site.derived if derived.kind == "kv"}
    for derived in site.derived:
        if derived.kind not in ("kv", "jetstream"):
            if derived.parent not in of_bucket:
                return True
            of_bucket.add(derived.name)
    return any((dotted(use) or "") not in of_bucket for use in site.uses)
