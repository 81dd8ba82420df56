"""Comments whose statement a rewrite removes: they stay, and a note names their line."""

import pytest

from flake8_naq.migrate.fixer import Options
from tests.unit.migrate.record_pairs import fix

HEAD = "import nats\n\n\nasync def main(url):\n    nc = await nats.connect(url)\n    await nc.flush()\n"


@pytest.mark.parametrize(
    ("end", "lines"),
    [
        ("    # Wrap off and disconnect\n    await nc.close()\n", [7]),
        ("    # Wrap off\n    # and disconnect\n    await nc.close()\n", [7, 8]),
        ("    await nc.close()  # noqa: BLE001\n", [7]),
        ("    print(1)  # a comment of another statement\n    await nc.close()\n", []),
        ("    # above a blank line\n\n    await nc.close()\n", []),
    ],
    ids=["above", "two lines", "beside", "another statement", "apart"],
)
def test_a_note_names_each_comment_whose_statement_is_gone(end: str, lines: list[int]) -> None:
    outcome = fix("app", f"{HEAD}{end}".encode(), Options())
    assert outcome.changed
    notes = [str(report.message) for report in outcome.reports if report.kind == "note"]
    assert notes == [
        f"the comment on line {line} stays, the statement that it describes is gone"
        for line in lines
    ]


FINALLY = """\
    try:  # 7
        await nc.publish("a", b"")
        # of the body
    # 10
    finally:  # 11
        # 12
        await nc.close()  # 13
        # 14
    # after it
"""
HANDLED = FINALLY.replace("    # 10", "    except ValueError:\n        pass  # handled\n    # 12")


@pytest.mark.parametrize(
    ("text", "lines"),
    [(FINALLY, [7, 10, 11, 12, 13, 14]), (HANDLED, [12, 13, 14, 15, 16])],
    ids=["the try goes", "the try stays"],
)
def test_a_note_names_each_comment_of_a_finally_that_goes(text: str, lines: list[int]) -> None:
    outcome = fix("app", f"{HEAD}{text}".encode(), Options())
    assert outcome.changed
    notes = [str(report.message) for report in outcome.reports if report.kind == "note"]
    assert notes == [
        f"the comment on line {line} stays, the statement that it describes is gone"
        for line in lines
    ]
