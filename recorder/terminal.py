"""The terminal picture of the start page: the real output of the commands, drawn by rich."""

from __future__ import annotations

import io
import re

from rich.console import Console
from rich.text import Text

from recorder import sessions
from recorder.phases import ROOT

PICTURE = ROOT / "docs" / "images" / "run.svg"
SAMPLE = ROOT / "docs" / "guide" / "shop"
COMMANDS = ("naq-migrate inventory shop", "naq-migrate fix shop")
WIDTH = 100

# rich's picture asks another host for its font; a reader's own will do.
_FONT = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


def draw() -> str:
    """Run the commands on the guide's sample and return the picture."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    with sessions.workspace(SAMPLE) as (work, environment):
        del environment["NO_COLOR"]
        environment |= {"FORCE_COLOR": "1", "COLUMNS": str(WIDTH), "TERM": "xterm-256color"}
        for command in COMMANDS:
            console.print(Text.assemble(("$ ", "green"), (command, "bold")))
            console.print(Text.from_ansi("\n".join(sessions.run(command, work, environment))))
            console.print()
    svg = console.export_svg(title="shop", unique_id="run")
    return _FONT.sub("", svg).rstrip() + "\n"
