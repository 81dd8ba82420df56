"""Connections that a function of another file opens or closes: what is proven of them."""

from pathlib import Path

import pytest

from flake8_naq.migrate.batch import candidates, fix_files
from flake8_naq.migrate.fixer import Options

OPENS = "import nats\nfrom nats.aio.client import Client\n\n\nasync def open_bus(url, **options):\n"
PAIR = OPENS + "    nc: Client = await nats.connect(url)\n    return nc, nc.jetstream()\n"
MADE = OPENS + "    nc = Client()\n    await nc.connect(url)\n    return nc, nc.jetstream()\n"
ONE = OPENS + "    return await nats.connect(url)\n"
USES = """\
import asyncio
import logging

from shop.bus import open_bus


async def main(url, use):
    {target} = await open_bus(url)
    try:
        await asyncio.gather(use({target}), use(url))
    except ValueError as e:
        logging.exception(e)
    finally:
        await nc.close()
        logging.info("closed")
"""
CLOSES = """\
import nats

from shop.bus import shut


async def main(url):
    nc = await nats.connect(url)
    try:
        await nc.flush()
    finally:
        await shut({given})
"""


def fixed(folder: Path, bus: str, main: str) -> tuple[str, list[str]]:
    """The new text of the file that uses the other, and why its sites are left."""
    for name, text in {"shop/__init__.py": "", "shop/bus.py": bus, "shop/main.py": main}.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    paths = [str(path) for path in sorted(folder.rglob("*.py"))]
    options = Options()
    found, failures = candidates(paths, frozenset(), options)
    assert not failures
    outcomes = [o for o in fix_files(found, options, 1, paths) if o.path.endswith("main.py")]
    left = [str(r.message) for o in outcomes for r in o.reports if r.kind == "left"]
    return "".join(o.text for o in outcomes if o.changed), left


@pytest.mark.parametrize(
    ("bus", "target"),
    [(PAIR, "nc, js"), (MADE, "nc, js"), (ONE, "nc")],
    ids=["pair", "made", "one"],
)
def test_a_client_that_another_file_opens_is_rewritten(
    tmp_path: Path, bus: str, target: str
) -> None:
    text, left = fixed(tmp_path, bus, USES.format(target=target))
    assert left == []
    assert "    async with" in text


@pytest.mark.parametrize(
    "bus",
    [
        OPENS + "    return Client() if options else await nats.connect(url)\n",
        "import functools\n" + ONE.replace("async def", "@functools.cache\nasync def"),
    ],
    ids=["branches", "decorated"],
)
def test_what_another_file_may_give_besides_a_client_is_not_called_safe(
    tmp_path: Path, bus: str
) -> None:
    text, _ = fixed(tmp_path, bus, USES.format(target="nc"))
    assert text == ""


SHUTS = "import logging\n\n\nasync def shut(nc, log=None):\n"


@pytest.mark.parametrize(
    ("body", "given"),
    [
        ("    await nc.close()\n", "nc"),
        ("    await nc.drain()\n", "nc=nc"),
        ("    if nc is None or nc.is_closed:\n        return\n    await nc.close()\n", "nc"),
        (
            "    try:\n        await nc.drain()\n    except Exception as e:\n        log(e)\n",
            "nc, log=print",
        ),
        ("    try:\n        await nc.drain()\n    finally:\n        await nc.close()\n", "nc"),
    ],
    ids=["close", "drain", "guard", "swallowed", "both"],
)
def test_a_function_of_another_file_that_always_closes_stays_in_the_block(
    tmp_path: Path, body: str, given: str
) -> None:
    text, left = fixed(tmp_path, SHUTS + body, CLOSES.format(given=given))
    assert left == []
    assert "    async with await nats.connect(url) as nc:\n        try:" in text
    assert f"await shut({given})" in text


@pytest.mark.parametrize(
    "body",
    [
        "    if nc.is_connected:\n        await nc.close()\n",
        "    if log:\n        return\n    await nc.close()\n",
        "    for _ in range(3):\n        await nc.close()\n",
        "    nc.close = log\n    await nc.close()\n",
        "    nc = log\n    await nc.close()\n",
        "    await nc.close()\n    await nc.connect()\n",
        "    yield await nc.close()\n",
        "    nc.close()\n",
        "    return\n    await nc.close()\n",
        "    pass\n\n\nif logging:\n\n    async def shut(nc):\n        await nc.close()\n",
        "    await nc.close()\n\n\nshut = logging.shut\n",
    ],
)
def test_a_function_that_may_leave_it_open_is_not_called_a_close(tmp_path: Path, body: str) -> None:
    text, _ = fixed(tmp_path, SHUTS + body, CLOSES.format(given="nc"))
    assert text == ""


def test_a_drain_that_another_file_swallows_stays_where_callbacks_would_notice(
    tmp_path: Path,
) -> None:
    body = "    try:\n        await nc.drain()\n    except Exception as e:\n        log(e)\n"
    main = CLOSES.format(given="nc").replace("connect(url)", "connect(url, closed_cb=print)")
    text, _ = fixed(tmp_path, SHUTS + body, main)
    assert text == ""
