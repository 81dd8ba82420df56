"""Lifetime analysis: follows every connection on every path of a function."""

from flake8_naq.lifetimes.analysis import analyse
from flake8_naq.lifetimes.facts import (
    Closing,
    Derived,
    Escape,
    Failure,
    LateUse,
    Leak,
    ModuleAnalysis,
    Release,
    Site,
)
from flake8_naq.names.vocabulary import Flavour

__all__ = [
    "Closing",
    "Derived",
    "Escape",
    "Failure",
    "Flavour",
    "LateUse",
    "Leak",
    "ModuleAnalysis",
    "Release",
    "Site",
    "analyse",
]
