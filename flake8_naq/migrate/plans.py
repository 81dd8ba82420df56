"""What the codemod decides about a place: a rewrite, or a refusal with its reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from flake8_naq.migrate.edits import Edits

Target = Literal["naq", "nats-py"]


class RefusedError(Exception):
    """A place that stays as it is. The message is the reason, in one line."""


@dataclass(frozen=True, slots=True)
class Import:
    """A name that a rewrite needs.

    Attributes:
        name: The name to import; empty for ``import module``.
        module: The module it comes from, with leading dots when relative.
        beside: The local name of the import that it is to stand beside, at that import's own
            place in the file.
        scope: Qualified name of the function that needs it, empty for the module.
    """

    name: str
    module: str
    beside: str
    scope: str = ""


@dataclass(slots=True)
class Rewrite:
    """A rewrite that has been decided on.

    Attributes:
        first: First line that it touches.
        last: Last line that it touches.
        edit: Makes the edits.
        imports: Names that it needs.
        unsafe: How it may change the meaning; empty for a safe rewrite.
        notes: What a reviewer is told of a safe rewrite.
        dropped: Constants that go with the statements it takes out, as `constants` names them.
    """

    first: int
    last: int
    edit: Callable[[Edits], None]
    imports: list[Import] = field(default_factory=list)
    unsafe: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
