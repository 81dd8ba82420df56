from functools import partial

from django.db import transaction
from django.http import Http404, HttpRequest, JsonResponse
from django.views.decorators.http import require_GET, require_POST
from tasks import send_mail

from naq import JOB_STATUS


@require_POST
def create_mail(request: HttpRequest) -> JsonResponse:
    job_id = f"order-{request.POST['order']}"
    send = send_mail.options(job_id=job_id)
    # After the commit: a worker must not look for rows that are not there yet.
    transaction.on_commit(partial(send.enqueue, request.POST["to"], request.POST["subject"]))
    return JsonResponse({"job": job_id}, status=202)


@require_GET
def read_mail(request: HttpRequest, job_id: str) -> JsonResponse:
    handle = send_mail.handle(job_id)
    status = handle.status()
    if status is None:
        raise Http404
    if status is not JOB_STATUS.COMPLETED:
        return JsonResponse({"status": status})
    return JsonResponse({"status": status, "sent": handle.result()})
