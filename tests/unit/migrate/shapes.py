"""Hand-managed connections in every shape that has a safe rewrite; each can be traced."""

from tests.unit.migrate.programs import HEAD

BODIES = {
    "closed in a finally": """\
nc = await nats.connect(url, name='n', connect_timeout=2)
try:
    await nc.publish('a', b'1')
    got = await nc.request('b', b'2')
    note(got)
finally:
    await nc.close()
return got
""",
    "opened inside the try": """\
await step('first')
nc = None
try:
    nc = await nats.connect(url, connect_timeout=2)
    await nc.publish('a', b'1')
    return await nc.request('b', b'2')
finally:
    if nc is not None:
        await nc.close()
""",
    "under handlers": """\
nc = None
try:
    nc = await nats.connect(url, connect_timeout=2)
    await nc.publish('a', b'1')
    await nc.flush()
except ValueError as error:
    note(str(error))
    raise
except nats.errors.TimeoutError:
    note('late')
    return 'late'
finally:
    if nc:
        await nc.close()
return 'done'
""",
    "handlers inside": """\
nc = await nats.connect(url, connect_timeout=2)
try:
    await nc.publish('a', b'1')
except ValueError:
    await step('told')
    raise
else:
    await step('else')
finally:
    await step('cleanup')
    await nc.close()
""",
    "closed at the end": """\
note('before')
nc = await nats.connect(url, connect_timeout=2)
await nc.publish('a', b'1')
if await ask('early'):
    await nc.close()
    return 'early'
with contextlib.suppress(ValueError):
    await nc.flush()
await nc.close()
return 'late'
""",
    "an early close in a lock": """\
nc = await nats.connect(url, connect_timeout=2)
async with lock('l'):
    if await ask('early'):
        await nc.close()
        raise ValueError('early')
    await nc.publish('a', b'1')
await nc.close()
""",
    "in a loop": """\
for turn in range(2):
    await step('turn')
    nc = await nats.connect(url, connect_timeout=2)
    try:
        if await ask('skip'):
            continue
        await nc.publish('a', b'1')
        if await ask('stop'):
            break
    finally:
        await nc.close()
return 'done'
""",
    "drained": """\
nc = await nats.connect(url, connect_timeout=2)
try:
    await nc.publish('a', b'1')
finally:
    await nc.drain()
await step('end')
""",
    "drained under a handler": """\
nc = None
try:
    nc = await nats.connect(url, connect_timeout=2)
    await nc.publish('a', b'1')
except ValueError:
    note('no')
    return None
finally:
    if nc:
        try:
            await nc.drain()
        except Exception:
            pass
return 'done'
""",
    "a client made first": """\
nc = NATS()
await nc.connect(url, connect_timeout=2)
await nc.publish('a', b'1')
await nc.flush()
await nc.close()
""",
    "a client that fails to connect": """\
nc = NATS()
try:
    await step('first')
    await nc.connect(url, connect_timeout=2)
    await nc.publish('a', b'1')
except ValueError:
    await step('told')
    raise
finally:
    await nc.close()
""",
    "a client made in the try": """\
try:
    await step('first')
    nc = NATS()
    await nc.connect(url, connect_timeout=2)
    await nc.publish('a', b'1')
except ValueError:
    await step('told')
finally:
    await nc.drain()
""",
    "two connections": """\
source = await nats.connect(url, connect_timeout=2)
target = await nats.connect(url, connect_timeout=3)
try:
    got = await source.request('a', b'1')
    await target.publish('b', b'2')
finally:
    await target.close()
    await source.close()
return got
""",
    "a callback at the close": """\
got = None
async def closed():
    nonlocal got
    note('closed')
    got = 'closed'
nc = await nats.connect(url, closed_cb=closed)
try:
    await nc.publish('a', b'1')
finally:
    await nc.close()
return got
""",
    "a bucket": """\
nc = await get_nats_connection(url)
try:
    js = await get_jetstream_context(nc)
    kv = await js.key_value('k')
    await kv.put('x', b'1')
    got = await kv.get('x')
    return got
finally:
    await close_nats_connection(nc)
""",
    "JetStream under handlers": """\
nc = None
try:
    nc = await get_nats_connection(url)
    js = await get_jetstream_context(nc)
    await js.publish('a', b'1')
    await nc.flush()
    return 'done'
except ValueError as error:
    await step(str(error))
    raise
finally:
    if nc is not None:
        await close_nats_connection(nc)
""",
    "a subscription with a callback": """\
async def handler(message):
    note(message)
nc = await get_nats_connection(url)
try:
    await nc.subscribe('a', cb=handler)
    await nc.publish('a', b'1')
    await step('wait')
finally:
    await close_nats_connection(nc)
""",
    "a function that opens": """\
async def dial(to):
    return await nats.connect(to, connect_timeout=2)
nc = await dial(url)
try:
    await nc.publish('a', b'1')
    await nc.flush()
finally:
    await nc.close()
""",
}


def module(body: str) -> str:
    """A module whose ``work(url)`` has such a body."""
    lines = "".join(f"    {line}\n" if line else "\n" for line in body.splitlines())
    return f"{HEAD}async def work(url):\n{lines}"


SHAPES = {name: module(body) for name, body in BODIES.items()}
