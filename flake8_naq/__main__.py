"""``python -m flake8_naq``: flake8 for this plugin's codes, as the pre-commit hook runs it.

flake8's own ``--select=NAQ`` would beat the repository's ``select``. So the selection stays the
repository's if it names any of our codes; otherwise it is all of ours, and none of flake8's own.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from flake8.exceptions import EarlyQuit, Flake8Exception
from flake8.main.cli import main as flake8
from flake8.options.parse_args import parse_args

_PREFIX = "NAQ"


def main(argv: Sequence[str]) -> int:
    """Run flake8.

    Args:
        argv: flake8's arguments, without the program's name.

    Returns:
        flake8's exit code.
    """
    return flake8(argv if _selects_ours(argv) else [f"--select={_PREFIX}", *argv])


def _selects_ours(argv: Sequence[str]) -> bool:
    try:
        _, options = parse_args(argv)
    except (Flake8Exception, EarlyQuit, ValueError):
        return True  # flake8 reports it
    codes = [*(options.select or ()), *(options.extend_select or ())]
    return any(code.startswith(_PREFIX) or _PREFIX.startswith(code) for code in codes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
