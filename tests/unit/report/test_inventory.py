"""The inventory: its data about a connection, and its formats."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flake8_naq.cli import main

HELPERS = (
    "from naq.connection import get_nats_connection, get_jetstream_context, close_nats_connection"
)


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def inventory(capsys: pytest.CaptureFixture[str], code: str, name: str = "a.py") -> dict[str, Any]:
    """The JSON document of one module."""
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(f"import nats\n{HELPERS}\n\n\n{code}", "utf-8")
    main(["inventory", "--format", "json"])
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def only(document: dict[str, Any]) -> dict[str, Any]:
    (connection,) = document["connections"]
    return dict(connection)


@pytest.mark.parametrize(
    ("closing", "code"),
    [
        (
            "finally",
            "async def f(u):\n    nc = await nats.connect(u)\n    try:\n"
            "        await nc.flush()\n    finally:\n        await nc.close()\n",
        ),
        (
            "straight",
            "async def f(u):\n    nc = await nats.connect(u)\n    await nc.flush()\n"
            "    await nc.close()\n",
        ),
        ("never", "async def f(u):\n    nc = await nats.connect(u)\n    await nc.flush()\n"),
    ],
)
def test_the_closing_habit_is_named(
    capsys: pytest.CaptureFixture[str], closing: str, code: str
) -> None:
    document = inventory(capsys, code)
    assert only(document)["closing"] == closing
    assert document["tiers"]["low"]["closing"][closing] == 1


CONNECT = "async def f(u):\n    nc = await get_nats_connection(u)\n"
DERIVE = CONNECT + "    js = await get_jetstream_context(nc)\n"
BIND = DERIVE + "    kv = await js.key_value('b')\n"
CLOSE = "    await close_nats_connection(nc)\n"


@pytest.mark.parametrize(
    ("category", "rule", "code"),
    [
        ("A", "01", CONNECT + "    await nc.publish('s', b'')\n" + CLOSE),
        ("B", "02", DERIVE + "    await js.publish('s', b'')\n" + CLOSE),
        ("C", "03", BIND + "    await kv.put('k', b'')\n" + CLOSE),
        ("C", "03", BIND + "    await kv.put('k', b'')\n    await kv.get('k')\n" + CLOSE),
        ("D", "01", CONNECT + "    await nc.publish('s', b'')\n    await nc.flush()\n" + CLOSE),
        ("D", "02", DERIVE + "    await js.publish('s', b'')\n    await nc.flush()\n" + CLOSE),
    ],
)
def test_the_category_follows_the_uses_of_the_connection(
    capsys: pytest.CaptureFixture[str], category: str, rule: str, code: str
) -> None:
    found = only(inventory(capsys, code))
    assert (found["category"], found["shape"]["rule"]) == (category, rule)


def test_the_findings_about_a_connection_stand_with_it(capsys: pytest.CaptureFixture[str]) -> None:
    found = only(inventory(capsys, CONNECT + "    await nc.flush()\n" + CLOSE))
    assert [one["code"] for one in found["findings"]] == ["NAQ301", "NAQ311"]


def test_the_most_urgent_tier_comes_first(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a.py", "b/scheduler.py", "c/queue.py"):
        document = inventory(capsys, CONNECT + CLOSE, name)
    assert [one["tier"] for one in document["connections"]] == ["high", "medium", "low"]


def test_error_handling_around_a_use_is_noticed(capsys: pytest.CaptureFixture[str]) -> None:
    body = "    try:\n        await nc.flush()\n    {clause}:\n        pass\n"
    without = inventory(capsys, CONNECT + body.format(clause="finally") + CLOSE)
    assert not only(without)["handles_errors"]
    handled = inventory(capsys, CONNECT + body.format(clause="except OSError") + CLOSE)
    assert only(handled)["handles_errors"]


def test_what_is_done_already_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    document = inventory(
        capsys,
        "from naq.connection import nats_connection\n\n\n"
        "async def g(config):\n    async with nats_connection(config) as conn:\n"
        "        await conn.flush()\n" + CONNECT + CLOSE,
    )
    assert document["managed"] == 1
    assert len(document["connections"]) == 1


def test_what_noqa_silences_is_counted_but_not_listed(capsys: pytest.CaptureFixture[str]) -> None:
    code = "async def f(u):\n    nc = await nats.connect(u)  # noqa: NAQ\n    await nc.close()\n"
    document = inventory(capsys, code)
    assert (document["silenced"], document["connections"]) == (1, [])


def test_a_selection_of_tiers_holds_for_places_without_a_finding(
    capsys: pytest.CaptureFixture[str],
) -> None:
    factory = "async def connect(u):\n    return await nats.connect(u)\n"
    for name in ("queue.py", "scheduler.py"):
        document = inventory(capsys, factory, name)
    assert [one["path"] for one in document["connections"]] == ["queue.py", "scheduler.py"]
    main(["inventory", "--format", "json", "--select", "NAQ1"])
    (found,) = json.loads(capsys.readouterr().out)["connections"]
    assert (found["path"], found["shape"], found["closing"]) == ("queue.py", None, "elsewhere")


def test_the_markdown_is_a_table_a_tier(capsys: pytest.CaptureFixture[str]) -> None:
    inventory(capsys, CONNECT + "    await nc.flush()\n" + CLOSE, "shop/queue.py")
    inventory(capsys, CONNECT + "    await nc.flush()\n" + CLOSE, "shop/other.py")
    main(["inventory", "--format", "markdown"])
    assert (
        capsys.readouterr().out
        == """\
## NATS connections

2 files: 2 connections managed by hand, 0 in a context manager (0% of 2), 0 owned elsewhere.

| priority | by hand | in finally | straight path only | on some paths | never | elsewhere |
| --- | --- | --- | --- | --- | --- | --- |
| high | 1 |  | 1 |  |  |  |
| low | 1 |  | 1 |  |  |  |
| all | 2 |  | 2 |  |  |  |

### High priority: 1 connection

| place | function | shape | category | closed | operations | except | findings |
| --- | --- | --- | --- | --- | --- | --- | --- |
| `shop/queue.py:6` | `f` | 01 manual-connection | A | straight path only | 1 |  | NAQ101 NAQ111 |

### Low priority: 1 connection

| place | function | shape | category | closed | operations | except | findings |
| --- | --- | --- | --- | --- | --- | --- | --- |
| `shop/other.py:6` | `f` | 01 manual-connection | A | straight path only | 1 |  | NAQ301 NAQ311 |

Categories: A simple: connect, one operation, close; B JetStream: derive it, one operation; \
C key-value: derive JetStream, bind a bucket, operate on it; \
D complex: several operations on one connection.
"""
    )


def test_a_long_table_is_folded(capsys: pytest.CaptureFixture[str]) -> None:
    inventory(capsys, "\n\n".join((CONNECT + CLOSE).replace("f(u)", f"f{n}(u)") for n in range(40)))
    main(["inventory", "--format", "markdown"])
    assert "<details><summary>40 places</summary>" in capsys.readouterr().out


def test_the_table_for_people_names_every_place(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    inventory(capsys, CONNECT + "    await nc.flush()\n" + CLOSE, "shop/queue.py")
    main(["inventory"])
    lines = capsys.readouterr().out.splitlines()
    place = lines.index("shop/queue.py")
    assert lines[place - 1] == "High priority: 1 connection"
    assert lines[place + 1].split() == [
        *("6", "f", "01", "manual-connection", "A", "straight", "path", "only", "NAQ101", "NAQ111"),
    ]


def test_no_code_is_cut_in_a_narrow_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    code = CONNECT + "    await nc.flush()\n" + CLOSE
    inventory(capsys, code.replace("f(u)", f"{'f' * 30}(u)"))
    main(["inventory"])
    assert {"NAQ301", "NAQ311"} <= set(capsys.readouterr().out.split())


def test_a_path_that_looks_like_markup_is_printed_as_it_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    inventory(capsys, CONNECT + CLOSE, "[bold]/a.py")
    main(["inventory"])
    assert "[bold]/a.py" in capsys.readouterr().out


def test_nothing_to_report_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    main(["inventory"])
    assert capsys.readouterr().out == (
        "0 files: 0 connections managed by hand, 0 in a context manager, 0 owned elsewhere.\n"
    )


def test_the_documented_fields_are_the_fields(capsys: pytest.CaptureFixture[str]) -> None:
    from flake8_naq.report import document

    made = inventory(capsys, CONNECT + CLOSE)
    text = document.__doc__ or ""
    for name in (*made, *only(made)):
        assert name in text, name
