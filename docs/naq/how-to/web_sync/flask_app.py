from flask import Flask, abort, request
from tasks import send_mail

from naq import JOB_STATUS

app = Flask(__name__)


@app.post("/mails")
def create_mail() -> tuple[dict[str, str], int]:
    handle = send_mail.enqueue(request.form["to"], request.form["subject"])
    return {"job": handle.job_id}, 202


@app.get("/mails/<job_id>")
def read_mail(job_id: str) -> dict[str, str]:
    handle = send_mail.handle(job_id)
    status = handle.status()
    if status is None:
        abort(404)
    if status is not JOB_STATUS.COMPLETED:
        return {"status": status}
    return {"status": status, "sent": handle.result()}
