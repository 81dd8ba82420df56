"""Functions in the manual style that run: what the codemod must keep, it must keep by execution.

Each is a module with a coroutine ``work(url)``; ``seen`` collects what handlers see.
"""

PLAIN = "import asyncio\n\nimport nats\n\nseen = []\n\n\n"
HELPED = """\
import asyncio

from nats.errors import Error

from naq.connection import (
    close_nats_connection,
    get_jetstream_context,
    get_nats_connection,
)

seen = []


"""

SHAPES = {
    "kv store in a finally": HELPED
    + """\
async def work(url):
    nc = await get_nats_connection(url)
    try:
        js = await get_jetstream_context(nc)
        kv = await js.key_value("bucket")
        await kv.put("a", b"1")
        entry = await kv.get("old")
        return entry.value
    finally:
        await close_nats_connection(nc)
""",
    "handlers around the whole": HELPED
    + """\
async def work(url):
    nc = None
    try:
        nc = await get_nats_connection(url)
        js = await get_jetstream_context(nc)
        kv = await js.key_value("bucket")
        await kv.put("a", b"1")
        return await kv.delete("old")
    except ValueError as error:
        seen.append(repr(error))
        return None
    except Error:
        seen.append("nats")
        raise
    finally:
        if nc is not None:
            await close_nats_connection(nc)
""",
    "handlers that must not see the binding": HELPED
    + """\
async def work(url):
    nc = await get_nats_connection(url)
    try:
        js = await get_jetstream_context(nc)
        kv = await js.key_value("bucket")
        for key in ("a", "b"):
            await kv.put(key, b"1")
    except Exception as error:
        seen.append(type(error).__name__)
        raise
    finally:
        await close_nats_connection(nc)
""",
    "jetstream closed straight": HELPED
    + """\
async def work(url):
    nc = await get_nats_connection(url)
    js = await get_jetstream_context(nc)
    ack = await js.publish("stream.a", b"1")
    info = await js.stream_info("stream")
    await close_nats_connection(nc)
    return ack.seq, info.state.messages
""",
    "core publish after a flush": HELPED
    + """\
async def work(url):
    nc = await get_nats_connection(url=url)
    try:
        await nc.publish("stream.b", b"2")
        await nc.flush()
    finally:
        seen.append("closing")
        await close_nats_connection(nc)
""",
    "two buckets on two connections": HELPED
    + """\
async def work(url):
    nc1 = await get_nats_connection(url)
    js1 = await get_jetstream_context(nc1)
    kv1 = await js1.key_value("bucket")

    nc2 = await get_nats_connection(url)
    js2 = await get_jetstream_context(nc2)
    kv2 = await js2.key_value("other")

    entry = await kv1.get("old")
    await kv2.put("copy", entry.value)
    await close_nats_connection(nc1)
    await close_nats_connection(nc2)
""",
    "one name for two connections": HELPED
    + """\
async def work(url):
    nc = await get_nats_connection(url)
    js = await get_jetstream_context(nc)
    kv = await js.key_value("bucket")
    entry = await kv.get("old")
    await close_nats_connection(nc)
    nc = await get_nats_connection(url)
    try:
        js = await get_jetstream_context(nc)
        await js.publish("stream.h", entry.value)
    finally:
        await close_nats_connection(nc)
""",
    "a callback": HELPED
    + """\
async def work(url):
    got = asyncio.Event()

    async def handler(message):
        # A message that still waits is handled or not, before as after.
        got.set()

    nc = await get_nats_connection(url)
    try:
        await nc.subscribe("stream.c", cb=handler)
        await nc.publish("stream.c", b"3")
        await asyncio.wait_for(got.wait(), 5)
    finally:
        await close_nats_connection(nc)
""",
    "plain, straight": PLAIN
    + """\
async def work(url):
    nc = await nats.connect(url)
    js = nc.jetstream()
    kv = await js.key_value("bucket")
    revision = await kv.put("a", b"1")
    await nc.close()
    return revision > 0, nc.is_closed
""",
    "plain, drained in a finally": PLAIN
    + """\
async def work(url):
    nc = await nats.connect(url)
    try:
        await nc.publish("stream.d", b"4")
        return await nc.request("nobody", b"", timeout=0.2)
    finally:
        await nc.drain()
""",
    "plain, drained under handlers": PLAIN
    + """\
async def work(url):
    nc = None
    try:
        nc = await nats.connect(url)
        await nc.publish("stream.d", b"4")
        await nc.flush()
        return 1
    except Exception as error:
        seen.append(type(error).__name__)
        return None
    finally:
        if nc is not None:
            try:
                await nc.drain()
            except Exception:
                pass
""",
    "plain, an early return with a close of its own": PLAIN
    + """\
async def work(url):
    nc = await nats.connect(url)
    kv = await nc.jetstream().key_value("bucket")
    entry = await kv.get("old")
    if entry.value == b"0":
        await nc.close()
        return "early"
    await kv.put("a", b"1")
    await nc.close()
    return "late"
""",
    "plain, crossing lifetimes": PLAIN
    + """\
async def work(url):
    first = await nats.connect(url)
    second = await nats.connect(url)
    await first.publish("stream.e", b"5")
    await first.flush()
    await first.close()
    await second.publish("stream.f", b"6")
    await second.flush()
    await second.close()
    return first.is_closed, second.is_closed
""",
    "plain, dialled in a try of its own": PLAIN
    + """\
async def work(url):
    try:
        nc = await nats.connect(url)
    except OSError as error:
        seen.append("dial")
        raise RuntimeError("no server") from error
    try:
        await nc.publish("stream.g", b"7")
        await nc.flush()
    except ValueError:
        seen.append("value")
    finally:
        await nc.close()
""",
    "plain, in a loop": PLAIN
    + """\
async def work(url):
    sizes = []
    for number in range(2):
        nc = await nats.connect(url)
        try:
            kv = await nc.jetstream().key_value("bucket")
            await kv.put(f"n{number}", b"1")
            if number:
                continue
            sizes.append(len(await kv.keys()))
        finally:
            await nc.close()
    return sizes
""",
    "plain, an async comprehension and a match": PLAIN
    + """\
async def work(url):
    nc = await nats.connect(url)
    kv = await nc.jetstream().key_value("bucket")
    values = [(await kv.get(key)).value async for key in names()]
    match values:
        case [b"0"]:
            await kv.put("matched", b"1")
        case _:
            await kv.put("other", b"1")
    await nc.close()
    return values


async def names():
    yield "old"
""",
}

# What only `--unsafe-fixes` does: one connection in the place of several.
JOINED = {
    "two buckets": SHAPES["two buckets on two connections"],
    "one after the other": SHAPES["one name for two connections"],
    "one inside the other": HELPED
    + """\
async def work(url):
    nc = await get_nats_connection(url)
    try:
        await nc.publish("stream.i", b"1")
        await nc.flush()
        inner = await get_nats_connection(url)
        try:
            js = await get_jetstream_context(inner)
            ack = await js.publish("stream.j", b"2")
        except Error as error:
            seen.append(repr(error))
            raise
        finally:
            await close_nats_connection(inner)
        return ack.seq
    finally:
        await close_nats_connection(nc)
""",
    "one on each turn": HELPED
    + """\
async def work(url):
    nc = await get_nats_connection(url)
    for key in ("a", "b"):
        inner = await get_nats_connection(url)
        try:
            js = await get_jetstream_context(inner)
            kv = await js.key_value("bucket")
            await kv.put(key, b"1")
        finally:
            await close_nats_connection(inner)
    await nc.publish("stream.k", b"1")
    await nc.flush()
    await close_nats_connection(nc)
""",
    "plain, listening and speaking": PLAIN
    + """\
async def work(url):
    listener = await nats.connect(url)
    speaker = await nats.connect(url)
    try:
        subscription = await listener.subscribe("words")
        await listener.flush()
        await listener.flush()
        await speaker.publish("words", b"1")
        await speaker.flush()
        message = await subscription.next_msg(timeout=2)
        return message.data
    finally:
        await speaker.close()
        await listener.close()
""",
}
