"""What the worker of this page can do."""


def greet(name: str, times: int = 1) -> str:
    return " ".join([f"Hello, {name}!"] * times)


def send(address: str) -> None:
    raise ConnectionError(f"no mail server for {address}")
