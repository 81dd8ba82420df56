"""What flake8 would do here: its configuration, read by flake8's own code.

``naq-migrate`` and flake8 agree because there is one reading of the options, not two.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from flake8.options.config import load_config

_BASELINE_NAMES = ("naq-baseline", "naq_baseline")


def baseline_path(options: argparse.Namespace) -> Path | None:
    """Where the baseline is, None when the option is not set.

    A relative path in a configuration file counts from the folder of that file. flake8 makes a
    path absolute only when it has a slash in it, so the folder of a bare name is found here.

    Args:
        options: What flake8 parsed, `naq_baseline` and flake8's own options.
    """
    value: str = options.naq_baseline
    if not value:
        return None
    path = Path(value)
    if path.is_absolute():
        return path
    configuration, folder = load_config(
        options.config, options.append_config, isolated=options.isolated
    )
    written = [configuration.get("flake8", name, fallback=None) for name in _BASELINE_NAMES]
    return (Path(folder) / path if value in written else path).absolute()
