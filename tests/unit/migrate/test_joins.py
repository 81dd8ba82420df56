"""Connections of one function that are joined: only as an unsafe fix, and only where it serves."""

import pytest

from flake8_naq.migrate.fixer import Options, Result, fix_text
from flake8_naq.migrate.verify import ProofError

HELPED = """\
from naq.connection import close_nats_connection, get_jetstream_context, get_nats_connection


"""
PLAIN = "import nats\n\n\n"


def fix(text: str, *, unsafe: bool = True) -> Result:
    return fix_text(text, "module.py", Options(unsafe=unsafe))


def joined(text: str) -> bool:
    result = fix(text)
    assert len(result.rewritten) == text.count("await get_nats_connection") + text.count(
        "await nats.connect"
    )
    reports = [
        str(report.message)
        for report in result.reports
        if "connection of its own" in str(report.message)
    ]
    return bool(reports)


def plain(body: str, *, options: str = "", parameters: str = "url") -> str:
    """Two connections, alive together, with a body of one line."""
    return f"""\
{PLAIN}async def work({parameters}):
    a = await nats.connect(url{options})
    b = await nats.connect(url{options})
    {body}
    await b.close()
    await a.close()
"""


def test_without_unsafe_fixes_each_keeps_its_own_block() -> None:
    text = plain("await a.request('x', await b.request('y', b''))")
    assert fix(text, unsafe=False).text.count("async with") == 2
    assert fix(text).text == (
        f"{PLAIN}async def work(url):\n    async with await nats.connect(url) as a:\n"
        "        await a.request('x', await a.request('y', b''))\n"
    )


def test_the_message_names_the_shared_connection() -> None:
    (report,) = fix(plain("await a.publish('x', b'')")).reports
    assert (report.line, report.kind) == (6, "unsafe")
    assert str(report.message) == "it no longer has a connection of its own, but that of line 5"


@pytest.mark.parametrize(
    "body",
    [
        "await b.subscribe('x', cb=print)",
        "print(a.client_id)",
        "print(b.is_connected)",
        "keep(b)",
        "later(lambda: b.publish('x', b''))",
        "await b.drain()",
        "url = url + 'x'",
    ],
)
def test_a_client_that_is_identified_or_handed_on_is_not_joined(body: str) -> None:
    assert not joined(plain(body))


@pytest.mark.parametrize(
    "options", [", no_echo=True", ", closed_cb=on_close", ", **options", ", name=next(names)"]
)
def test_options_that_are_for_one_client_alone_are_not_joined(options: str) -> None:
    assert not joined(plain("await b.flush()", options=options))


def test_the_same_options_are_joined() -> None:
    assert joined(plain("await b.flush()", options=", connect_timeout=2, name='work'"))


def test_a_url_that_is_set_in_between_is_another() -> None:
    text = f"""\
{HELPED}class Work:
    async def work(self):
        a = await get_nats_connection(self.url)
        await a.flush()
        self.url = "nats://other"
        b = await get_nats_connection(self.url)
        await b.flush()
        await close_nats_connection(b)
        await close_nats_connection(a)
"""
    assert not joined(text)


def test_a_block_that_stood_there_before_is_left_alone() -> None:
    text = f"""\
{PLAIN}async def work(url):
    async with await nats.connect(url) as kept:
        await kept.flush()
    a = await nats.connect(url)
    await a.flush()
    await a.close()
"""
    assert fix(text).text.count("async with") == 2


def test_what_is_left_as_it_is_is_not_joined_with_what_is_not() -> None:
    text = f"""\
{PLAIN}async def work(url):
    a = await nats.connect(url)
    b = await nats.connect(url)
    await a.flush()
    await b.flush()
    await a.close()
    return b
"""
    assert "connection of its own" not in "".join(
        str(report.message) for report in fix(text).reports
    )


def test_names_that_the_function_uses_are_not_taken() -> None:
    text = f"""\
{HELPED}async def work(url, conn, js):
    for bucket in (conn, js):
        nc = await get_nats_connection(url)
        stream = await get_jetstream_context(nc)
        kv = await stream.key_value("first")
        await kv.put(bucket, b"")
        await close_nats_connection(nc)
        nc = await get_nats_connection(url)
        stream = await get_jetstream_context(nc)
        kv = await stream.key_value("second")
        await kv.put(bucket, b"")
        await close_nats_connection(nc)
"""
    assert fix(text).text == (
        """\
from naq.connection import nats_jetstream


async def work(url, conn, js):
    for bucket in (conn, js):
        async with nats_jetstream(url) as (nc, jetstream):
            kv = await jetstream.key_value("first")
            await kv.put(bucket, b"")
            kv = await jetstream.key_value("second")
            await kv.put(bucket, b"")
"""
    )


def test_a_manager_s_name_that_means_something_else_is_no_obstacle_to_the_rest() -> None:
    text = f"""\
{HELPED}def nats_jetstream():
    pass


async def work(url):
    nc = await get_nats_connection(url)
    js = await get_jetstream_context(nc)
    kv = await js.key_value("first")
    await kv.delete("x")
    await close_nats_connection(nc)
    nc2 = await get_nats_connection(url)
    js2 = await get_jetstream_context(nc2)
    kv2 = await js2.key_value("second")
    await kv2.delete("x")
    await close_nats_connection(nc2)
"""
    assert fix(text).text.count("async with nats_kv_store(") == 2


def test_strings_and_comments_of_a_joined_body_stay() -> None:
    text = f"""\
{HELPED}async def work(url):
    nc = await get_nats_connection(url)
    try:  # the outer
        # opens
        nc2 = await get_nats_connection(url)  # the inner
        try:
            await nc2.publish("x", b'''
  as it
stands''')  # published
            # then
        finally:
            # closes
            await close_nats_connection(nc2)
    finally:
        await close_nats_connection(nc)
"""
    assert fix(text).text == (
        """\
from naq.connection import get_jetstream_context, nats_connection


async def work(url):
    async with nats_connection(url) as nc2:
        # the outer
        # opens
        # the inner
        await nc2.publish("x", b'''
  as it
stands''')  # published
        # then
        # closes
"""
    )


def test_a_comment_at_the_end_of_the_first_body_stays_there() -> None:
    text = f"""\
{PLAIN}async def work(url):
    async def inner():
        nc = await nats.connect(url)
        try:
            await nc.flush()
            # flushed
        finally:
            await nc.close()
        # between
        nc = await nats.connect(url)
        try:
            await nc.flush()
        finally:
            await nc.close()
"""
    assert fix(text).text == (
        """\
import nats


async def work(url):
    async def inner():
        async with await nats.connect(url) as nc:
            await nc.flush()
            # flushed
            # between
            await nc.flush()
"""
    )


@pytest.mark.parametrize(
    ("between", "one"),
    [
        ("self.rotate()", False),
        ("await rotate(self)", False),
        ("rotate(who=self)", False),
        ("self.url = 'x'", False),
        ("self.seen += 1", True),
        ("self.log.info('x')", True),
        ("print(self.url)", True),
    ],
)
def test_a_url_on_an_object_may_have_changed_after_a_call_that_sees_the_object(
    between: str, *, one: bool
) -> None:
    text = f"""\
{PLAIN}async def work(self):
    nc = await nats.connect(self.url)
    await nc.publish("x", b"")
    {between}
    await nc.close()
    nc = await nats.connect(self.url)
    await nc.publish("x", b"")
    await nc.close()
    self.rotate()
"""
    assert joined(text) == one


def test_a_join_that_is_blocked_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise ProofError("there would be a new finding of rule 14 in `work`")

    monkeypatch.setattr("flake8_naq.migrate.join.joining.prove_findings", refuse)
    result = fix(plain("await a.publish('x', b'')"))
    (report,) = result.reports
    assert (report.line, report.kind) == (6, "note")
    assert str(report.message) == (
        "it keeps a connection of its own: there would be a new finding of rule 14 in `work`"
    )
    assert result.text.count("async with") == 2
