"""Whose context managers are used: those that fit the code, or those that were asked for."""

from flake8_naq.migrate.fixer import Options, Result, fix_text
from flake8_naq.migrate.plan.needed import Target

PLAIN = """\
import nats


async def ping(url):
    nc = await nats.connect(url)
    await nc.flush()
    await nc.close()
"""
HELPED = """\
from naq.connection import close_nats_connection, get_nats_connection


async def ping(url):
    nc = await get_nats_connection(url)
    try:
        await nc.flush()
    finally:
        await close_nats_connection(nc)
"""


def fix(text: str, target: Target | None, *, unsafe: bool = True) -> Result:
    return fix_text(text, "module.py", Options(target=target, unsafe=unsafe))


def test_by_default_the_code_s_own_helpers_decide() -> None:
    assert "await nats.connect(url) as nc" in fix(PLAIN, None).text
    assert "nats_connection(url) as nc" in fix(HELPED, None).text


def test_naq_s_managers_can_be_asked_for_in_plain_code() -> None:
    assert fix(PLAIN, "naq").text == (
        "from naq.connection import nats_connection\n\n\nasync def ping(url):\n"
        "    async with nats_connection(url) as nc:\n        await nc.flush()\n"
    )


def test_plain_code_can_be_asked_for_beside_naq_s_helpers() -> None:
    assert fix(HELPED, "nats-py").text == (
        "from naq.connection import get_nats_connection\n\n\nasync def ping(url):\n"
        "    async with await get_nats_connection(url) as nc:\n        await nc.flush()\n"
    )


def test_the_other_kind_is_never_a_safe_fix() -> None:
    for text, target in ((PLAIN, "naq"), (HELPED, "nats-py")):
        assert fix(text, target, unsafe=False).text == text
