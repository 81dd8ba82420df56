"""Each module of naq can be the first that a program imports."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import importlib, pkgutil, sys
import naq
names = [each.name for each in pkgutil.walk_packages(naq.__path__, "naq.")]
names = [name for name in names if not name.endswith("__main__")]
for name in names:
    for loaded in [each for each in sys.modules if each.split(".")[0] == "naq"]:
        del sys.modules[loaded]
    try:
        importlib.import_module(name)
    except ImportError as error:
        print(f"{name}: {error}")
"""


def test_every_module_can_be_imported_first() -> None:
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=100)
    assert done.stdout == ""
