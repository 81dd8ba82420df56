"""The facts of a scope, one for each call: a `finally` is lowered more than once."""

from __future__ import annotations

import ast

from flake8_naq.lifetimes.cfg.graph import Place
from flake8_naq.lifetimes.facts import Derived, Release, ReleaseMethod, Site
from flake8_naq.names import Scope
from flake8_naq.names.vocabulary import Flavour, HandleKind

_URL_KEYWORDS = ("servers", "url", "nats_url", "server")


class FactTable:
    """The acquisitions, releases and derivations of one scope."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._sites: dict[ast.Call, Site] = {}
        self._releases: dict[ast.Call, Release] = {}
        self._derived: dict[ast.Call, Derived] = {}

    def site(self, call: ast.Call, statement: ast.stmt, flavour: Flavour) -> Site:
        """The acquisition that a call makes."""
        if call not in self._sites:
            self._sites[call] = Site(
                self._scope.node,
                self._scope.qualname,
                call,
                statement,
                None,
                _url_argument(call),
                flavour,
            )
        return self._sites[call]

    def release(
        self, call: ast.Call, statement: ast.stmt, method: ReleaseMethod, *, in_finally: bool
    ) -> Release:
        """The release that a call makes."""
        if call not in self._releases:
            self._releases[call] = Release(call, statement, method, in_finally=in_finally)
        return self._releases[call]

    def derived(
        self,
        call: ast.Call,
        statement: ast.stmt,
        kind: HandleKind,
        source: Place,
        bucket: ast.expr | None,
    ) -> Derived:
        """The handle that a call derives."""
        if call not in self._derived:
            parent = None if source.startswith("%") else source
            self._derived[call] = Derived(kind, None, call, statement, parent, bucket)
        return self._derived[call]


def _url_argument(call: ast.Call) -> ast.expr | None:
    if call.args:
        return call.args[0]
    for keyword in call.keywords:
        if keyword.arg in _URL_KEYWORDS:
            return keyword.value
    return None
