from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, HTTPException
from tasks import send_mail

from naq import JOB_STATUS, close_all_connections


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    await close_all_connections()


app = FastAPI(lifespan=lifespan)


@app.post("/mails", status_code=202)
async def create_mail(to: str, subject: str) -> dict[str, str]:
    handle = await send_mail.enqueue(to, subject)
    return {"job": handle.job_id}


@app.get("/mails/{job_id}")
async def read_mail(job_id: str) -> dict[str, str]:
    handle = send_mail.handle(job_id)
    status = await handle.status()
    if status is None:
        raise HTTPException(404)
    if status is not JOB_STATUS.COMPLETED:
        return {"status": status}
    return {"status": status, "sent": await handle.result()}
