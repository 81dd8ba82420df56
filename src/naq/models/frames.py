"""The line of a traceback that its reader looks for: the last one of the user's own code."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_FRAME: Final = re.compile(
    r'^ *(?:[|+] )?  File "(?P<file>[^"\n]+)", line (?P<line>\d+), in (?P<function>[^\n]+)\n'
    r"(?P<code>(?: *(?:[|+] )?    [^\n]+\n?)?)",
    re.MULTILINE,
)

_FOREIGN: Final = re.compile(
    r"[/\\](?:site|dist)-packages[/\\]|[/\\]lib[/\\]python3[^/\\]*[/\\]|[/\\]Lib[/\\]|^<frozen|"
    r"[/\\]naq[/\\]worker[/\\]"
)


@dataclass(frozen=True, slots=True)
class Frame:
    """A line of a traceback.

    Args:
        file: the path of its file.
        line: its number.
        function: the function's name.
        code: its text; "" where Python had none.
    """

    file: str
    line: int
    function: str
    code: str = ""


def user_frame(traceback: str) -> Frame | None:
    """Return the last frame of code that is neither Python's, nor installed, nor naq's.

    Args:
        traceback: a traceback as Python prints it. Of chained ones, the last that has such a frame
            counts.
    """
    own = [each for each in _FRAME.finditer(traceback) if not _FOREIGN.search(each["file"])]
    if not own:
        return None
    last = own[-1]
    return Frame(last["file"], int(last["line"]), last["function"], last["code"].strip(" |\n"))
