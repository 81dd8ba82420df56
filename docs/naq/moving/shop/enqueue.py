import asyncio

from tasks import charge


async def main() -> None:
    handle = await charge.enqueue(7, 1999)
    print(await handle.result(timeout=10))


asyncio.run(main())
