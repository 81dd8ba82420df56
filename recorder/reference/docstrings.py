"""Lets mkdocstrings read the cross-references that the docstrings are written with."""

from __future__ import annotations

import re
from typing import Any

import griffe

_ROLE = re.compile(r":(?:class|func|meth|mod|attr):`~?([\w.]+)`")


class CrossReferences(griffe.Extension):
    """Turns the roles of Sphinx into links, where the site has the place they name."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite one docstring."""
        if obj.docstring:
            obj.docstring.value = _ROLE.sub(_link, obj.docstring.value)


def _link(match: re.Match[str]) -> str:
    name = match[1]
    return f'<autoref identifier="{name}" optional><code>{name}</code></autoref>'
