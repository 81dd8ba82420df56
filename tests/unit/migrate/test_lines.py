"""Lines are named by the numbers that they have in the file before the run."""

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
    assert [(report.line, report.text.partition(" left ")[0]) for report in reports] == [
        (13, "line 15")
    ]


def test_lines_that_moved_keep_their_numbers() -> None:
    before = ["import a\n", "try:\n", "    one()\n", "    two()\n", "finally:\n", "    end()\n"]
    now = ["import a\n", "import b\n", "with x:\n", "    one()\n", "two()\n"]
    lines = Lines(before, now)
    said = [lines.before_the_run(f"line {number}") for number in (1, 4, 5)]
    assert said == ["line 1", "line 3", "line 4"]


def test_a_number_that_is_no_line_is_left_as_it_is() -> None:
    lines = Lines(["a\n", "b\n"], ["b\n"])
    assert lines.before_the_run("`f('line 99', 'line 0')` on line 1") == (
        "`f('line 99', 'line 0')` on line 2"
    )
