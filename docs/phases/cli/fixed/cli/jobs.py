"""``naq job``, ``naq queue`` and ``naq schedule``: what is stored, and how to be rid of it."""

import asyncio
import json
from typing import Any, Dict

import cloudpickle
import typer
from nats.js.errors import BucketNotFoundError, KeyNotFoundError, NotFoundError

from ..connection import (
    nats_jetstream,
    nats_kv_store,
)

job = typer.Typer(help="One job.")
queue = typer.Typer(help="Queues.")
schedule = typer.Typer(help="Scheduled jobs.")

URL = typer.Option("nats://localhost:4222", "--url", "-u")
AS_JSON = typer.Option(False, "--json")


def show(document: Dict[str, Any], as_json: bool) -> None:
    """Print what a command has to say."""
    if as_json:
        print(json.dumps(document))
    else:
        print("\n".join(f"{name}: {value}" for name, value in document.items()))


async def ensure_bucket(bucket: str, nats_url: str) -> None:
    """Make a bucket that does not exist yet."""
    async with nats_jetstream(nats_url) as (nc, js):
        try:
            await js.key_value(bucket)
        except BucketNotFoundError:
            await js.create_key_value(bucket=bucket)


async def read_result(job_id: str, nats_url: str) -> Any:
    """Return the result of a job."""
    await ensure_bucket("job_results", nats_url)
    async with nats_kv_store("job_results", nats_url) as kv:
        try:
            entry = await kv.get(job_id)
        except KeyNotFoundError:
            typer.echo(f"job {job_id} has no result", err=True)
            raise typer.Exit(1)
    return cloudpickle.loads(entry.value)


async def queue_sizes(nats_url: str) -> Dict[str, int]:
    """Return how many jobs are in each queue."""
    sizes: Dict[str, int] = {}
    async with nats_jetstream(nats_url) as (nc, js):
        try:
            info = await js.stream_info("naq_jobs", subjects_filter=">")
        except NotFoundError:
            return sizes
        for subject in info.state.subjects or {}:
            name = subject.split(".")[2]
            sizes[name] = sizes.get(name, 0) + 1
    return dict(sorted(sizes.items()))


async def purge_queue(name: str, nats_url: str) -> int:
    """Remove every job from a queue; return how many there were."""
    count = (await queue_sizes(nats_url)).get(name, 0)
    if count:
        async with nats_jetstream(nats_url) as (nc, js):
            await js.purge_stream("naq_jobs", subject=f"naq.jobs.{name}.*")
    return count


async def cancel_scheduled_job(job_id: str, nats_url: str) -> bool:
    """Remove a scheduled job; return whether there was one."""
    async with nats_jetstream(nats_url) as (nc, js):
        try:
            kv = await js.key_value("scheduled_jobs")
            await kv.get(job_id)
            await kv.delete(job_id)
            return True
        except KeyNotFoundError:
            return False


@job.command("result")
def job_result(job_id: str, url: str = URL, json_: bool = AS_JSON) -> None:
    """Print the result of a job."""
    result = asyncio.run(read_result(job_id, url))
    show({"job_id": job_id, "result": result}, json_)


@queue.command("list")
def queue_list(url: str = URL, json_: bool = AS_JSON) -> None:
    """List the queues that hold jobs, and how many."""
    show(asyncio.run(queue_sizes(url)), json_)


@queue.command("purge")
def queue_purge(name: str, url: str = URL, json_: bool = AS_JSON) -> None:
    """Remove every job from a queue."""
    show({"queue": name, "purged": asyncio.run(purge_queue(name, url))}, json_)


@schedule.command("cancel")
def schedule_cancel(job_id: str, url: str = URL, json_: bool = AS_JSON) -> None:
    """Remove a scheduled job."""
    if not asyncio.run(cancel_scheduled_job(job_id, url)):
        typer.echo(f"there is no scheduled job {job_id}", err=True)
        raise typer.Exit(1)
    show({"job_id": job_id, "cancelled": True}, json_)
