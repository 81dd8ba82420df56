"""The server's clock, by which schedules run: machines' own may be minutes apart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from nats.aio.client import Client

from naq.buckets import server_time


def local_time() -> datetime:
    """Return the time by this machine's clock."""
    return datetime.now(UTC)


class ServerClock:
    """Tells the server's time, from this machine's clock and how far the two are apart.

    Args:
        bucket: the bucket of schedules, whose server is asked.
    """

    def __init__(self, bucket: str) -> None:
        self._bucket = bucket
        self._ahead = timedelta()

    async def set(self, conn: Client) -> None:
        """Ask the server for its time. One before 2.10 does not answer that: no difference then.

        Raises:
            nats.errors.Error: the server does not answer.
        """
        before = local_time()
        theirs = await server_time(conn, self._bucket)
        after = local_time()
        if before <= theirs <= after:
            self._ahead = timedelta()  # no difference that can be measured
        else:
            self._ahead = theirs - before - (after - before) / 2

    def now(self) -> datetime:
        """Return the server's time."""
        return local_time() + self._ahead
