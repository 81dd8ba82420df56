from naq import task


@task(queue="mail", retries=3)
def send_mail(to: str, subject: str) -> str:
    return f"{subject} to {to}"
