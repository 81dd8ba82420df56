"""Resolves names, in a module and in the other files of its project."""

from flake8_naq.names.module import Known, Names
from flake8_naq.names.scopes import Scope, lookup_chain
from flake8_naq.names.syntax import (
    Function,
    ScopeNode,
    defaults_of,
    dotted,
    own_nodes,
    parameters_of,
    partial_of,
)

__all__ = [
    "Function",
    "Known",
    "Names",
    "Scope",
    "ScopeNode",
    "defaults_of",
    "dotted",
    "lookup_chain",
    "own_nodes",
    "parameters_of",
    "partial_of",
]
