from naq import Exponential
from naq.sync import task


@task(queue="shop", retries=3, retry=Exponential(1), retry_on=[ConnectionError])
def charge(order: int, cents: int) -> str:
    return f"order {order}: {cents} cents"
