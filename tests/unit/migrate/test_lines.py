"""Lines are named by the numbers that they have in the file before the run."""

from flake8_naq.message import Line, Message
from flake8_naq.migrate.fixer import Options, fix_text
from flake8_naq.migrate.lines import Lines

TEXT = """\
import nats


async def ping(url):
    nc = await nats.connect(url)
    try:
        await nc.flush()
    finally:
        await nc.close()


async def find(url):
    nc = await nats.connect(url)
    if not url:
        return
    await nc.flush()
    await nc.close()


async def keep(url):
    nc = await nats.connect(url)
    return nc.flush(), nc
"""


def test_a_reason_names_the_line_as_it_was_before_an_earlier_turn() -> None:
    reports = fix_text(TEXT, "module.py", Options()).reports
    assert [(report.line, str(report.message).partition(",")[0]) for report in reports] == [
        (13, "adds a close on line 15")
    ]


def test_lines_that_moved_keep_their_numbers() -> None:
    before = ["import a\n", "try:\n", "    one()\n", "    two()\n", "finally:\n", "    end()\n"]
    now = ["import a\n", "import b\n", "with x:\n", "    one()\n", "two()\n"]
    lines = Lines(before, now)
    assert [lines.number(number) for number in (1, 4, 5)] == [1, 3, 4]


def test_a_quotation_of_the_code_keeps_its_numbers() -> None:
    lines = Lines(["a\n", "b\n"], ["b\n"])
    message = lines.before_the_run(Message("`bus['line 1']` is bound on ", Line(1)))
    assert str(message) == "`bus['line 1']` is bound on line 2"


def test_a_line_of_another_file_keeps_its_number() -> None:
    lines = Lines(["a\n", "b\n"], ["b\n"])
    message = Message("it is derived in ", Line(1, "other.py"))
    assert str(lines.before_the_run(message)) == "it is derived in other.py, line 1"
