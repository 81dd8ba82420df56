"""The kind of context manager that a rewrite writes, and the imports that it needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Target = Literal["naq", "nats-py"]


@dataclass(frozen=True, slots=True)
class Import:
    """A name that a rewrite needs.

    Attributes:
        name: The name to import; empty for ``import module``.
        module: The module it comes from, with leading dots when relative.
        beside: The local name of the import to put it beside, at that import's own
            place in the file.
        scope: Qualified name of the function that needs it, empty for the module.
    """

    name: str
    module: str
    beside: str
    scope: str = ""
