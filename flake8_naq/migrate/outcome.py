"""The results of a run: one report for each site, one outcome for each file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from flake8_naq.files.documents import Document
from flake8_naq.message import Message

Kind = Literal["rewritten", "left", "unsafe", "note"]


@dataclass(frozen=True, slots=True)
class Report:
    """One line for the user about one site.

    Attributes:
        line: Line of the acquiring call in the file before the run.
        code: Code of the finding.
        qualname: The function.
        kind: Whether it was rewritten, left or noted.
        message: The reason of a refusal, or a note for the reviewer.
    """

    line: int
    code: str
    qualname: str
    kind: Kind
    message: Message


@dataclass(slots=True)
class FileOutcome:
    """The outcome for one file.

    Attributes:
        path: Its path.
        document: The file before the run; None when it could not be read.
        text: Its new text.
        rewritten: The findings that were fixed.
        reports: The messages for the user.
        error: Why it could not be read, one line.
    """

    path: str
    document: Document | None = None
    text: str = ""
    rewritten: list[Report] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    error: str | None = None

    @property
    def changed(self) -> bool:
        """Whether there is anything to write."""
        return self.document is not None and self.text != self.document.text
