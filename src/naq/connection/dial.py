"""Connects: the first attempt fails with one clear error, later outages are waited out."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import math
import os
import random
import socket
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import nats.errors

from naq.config import Config
from naq.connection.nats_py.client import NaqClient
from naq.exceptions import (
    NaqAuthorizationError,
    NaqConnectionError,
    NaqNoServersError,
    NaqRefusedError,
    NaqTimeoutError,
    NaqTLSError,
)

logger = logging.getLogger("naq.connection")

Callback = Callable[[], Awaitable[None]]


async def dial(
    config: Config,
    *,
    disconnected_cb: Callback | None = None,
    reconnected_cb: Callback | None = None,
) -> NaqClient:
    """Connect to one of the configured servers.

    Each server gets one try of at most ``connect_timeout``. The connection that comes of it
    then outlives the loss of its server: it comes back by itself, to whichever is there.

    Args:
        config: the servers, and the manners.
        disconnected_cb: called after each loss of the server.
        reconnected_cb: called after each return.

    Raises:
        NaqConnectionError: no server accepts a connection; the message names the server and the cause.
    """
    options = _options(config) | {
        "disconnected_cb": disconnected_cb,
        "reconnected_cb": reconnected_cb,
    }
    failures: list[NaqConnectionError] = []
    servers = random.sample(config.servers, len(config.servers))
    for server in servers:
        try:
            client = await _try(config, server, options)
        except NaqConnectionError as error:
            failures.append(error)
        else:
            client.add_servers([other for other in servers if other != server])
            return client
    if len(failures) == 1:
        raise failures[0]
    raise NaqNoServersError(
        f"none of {len(failures)} NATS servers can be used: {'; '.join(map(str, failures))}"
    ) from failures[-1]


class _Errors:
    """Takes nats-py's errors: keeps those of the first connect, and logs the later ones.

    Args:
        name: the connection's name.
    """

    def __init__(self, name: str) -> None:
        self.causes: list[Exception] = []
        self.connected = False
        self._name = name

    async def note(self, error: Exception) -> None:
        """Keep or log an error."""
        if not self.connected:
            self.causes.append(error)
        elif "permissions violation" in str(error).lower():
            logger.warning("connection %r: %s", self._name, str(error).removeprefix("nats: "))
        elif isinstance(error, (OSError, nats.errors.StaleConnectionError)):
            # Each attempt to reconnect in an outage repeats the error.
            logger.debug("connection %r: %s", self._name, error)
        else:
            logger.error("connection %r: %s", self._name, error, exc_info=error)


async def _try(config: Config, server: str, options: dict[str, Any]) -> NaqClient:
    task = asyncio.current_task()
    assert task is not None
    cancelling = task.cancelling()
    errors = _Errors(config.name)
    client = NaqClient()
    client.tls_required = config.tls
    try:
        async with asyncio.timeout(config.connect_timeout):
            await client.connect(
                server,
                error_cb=errors.note,
                # With nats-py's defaults a missing server is noticed after 120 s.
                allow_reconnect=False,
                max_reconnect_attempts=1,
                reconnect_time_wait=0,
                connect_timeout=math.ceil(config.connect_timeout),
                **options,
            )
            # Here and not with the first request, which may belong to a lease: the
            # subscription to replies is everybody's.
            await client.open_reply_inbox()
            if task.cancelling() > cancelling:
                # Python 3.11's wait_for loses a cancellation that comes with the last byte.
                raise asyncio.CancelledError
    except BaseException as error:
        client.abandon()
        if isinstance(error, (OSError, nats.errors.Error)):
            cause = errors.causes[0] if errors.causes else error
            if isinstance(cause, ConnectionError) and client.was_greeted:
                raise NaqRefusedError(
                    f"the NATS server at {address(server)} greets and closes the connection: "
                    "it is full, or wants a client certificate"
                ) from cause
            raise _explain(cause, server, config) from cause
        raise
    errors.connected = True
    client.options.update(
        allow_reconnect=True,
        max_reconnect_attempts=config.max_reconnect_attempts,
        reconnect_time_wait=config.reconnect_time_wait,
        connect_timeout=config.connect_timeout,
        drain_timeout=config.drain_timeout,
        ping_interval=config.ping_interval,
    )
    return client


def _options(config: Config) -> dict[str, Any]:
    """Return the options of nats-py for a configuration's name, credentials and TLS.

    Raises:
        NaqConnectionError: a file that the configuration names can't be used.
    """
    options: dict[str, Any] = {
        "name": config.name,
        "user": config.user,
        "password": config.password,
        "token": config.token,
        "tls_hostname": config.tls_hostname,
        "tls_handshake_first": config.tls_first,
    }
    for setting, option in (("credentials", "user_credentials"), ("nkey_seed", "nkeys_seed")):
        path: Path | None = getattr(config, setting)
        if path is not None:
            options[option] = _readable(path, setting)
            _need_nkeys(setting)
            _check_seed(path, setting)
    if config.tls:
        options["tls"] = _tls_context(config)
    return options


def _readable(path: Path, setting: str) -> str:
    try:
        path.read_bytes()
    except OSError as error:
        raise NaqAuthorizationError(f"{setting}: {path}: {error.strerror}") from error
    return str(path)


def _need_nkeys(setting: str) -> None:
    if importlib.util.find_spec("nkeys") is None:
        raise NaqAuthorizationError(
            f"{setting} needs the package nkeys: install naq with its extra `nkeys`"
        )


def _check_seed(path: Path, setting: str) -> None:
    """Refuse a file that nats-py would read into a traceback.

    Raises:
        NaqAuthorizationError: the file is not what the setting asks for.
    """
    text = path.read_text(encoding="utf-8", errors="replace")
    if setting == "credentials":
        wanted = ("-----BEGIN NATS USER JWT-----", "-----BEGIN USER NKEY SEED-----")
        if not all(mark in text for mark in wanted):
            raise NaqAuthorizationError(
                f"{setting}: {path} is no credentials file: it holds no user JWT and nkey seed"
            )
        text = text.partition(wanted[1])[2].partition("\n")[2]
    seed = next((line.strip() for line in text.splitlines() if line.strip()), "")
    nkeys: Any = importlib.import_module("nkeys")
    try:
        nkeys.from_seed(bytearray(seed.encode()))
    except (nkeys.NkeysError, ValueError) as error:
        raise NaqAuthorizationError(f"{setting}: {path} holds no valid nkey seed") from error


def _tls_context(config: Config) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=config.tls_ca)
        if config.tls_cert is not None:
            context.load_cert_chain(config.tls_cert, config.tls_key)
    except OSError as error:
        files = [str(path) for path in (config.tls_ca, config.tls_cert, config.tls_key) if path]
        raise NaqTLSError(f"TLS: {' and '.join(files)}: {error.strerror or error}") from error
    return context


def address(server: str) -> str:
    """Return a server's host and port, without the credentials that its URL may hold."""
    parts = urlsplit(server if "://" in server else f"nats://{server}")
    return f"{parts.hostname}:{parts.port or 4222}"


def where(config: Config) -> str:
    """Return words for the configured servers, for an error's message."""
    return f"NATS server at {' or '.join(address(server) for server in config.servers)}"


def _explain(error: Exception, server: str, config: Config) -> NaqConnectionError:
    place = f"NATS server at {address(server)}"
    if isinstance(error, ssl.SSLError):
        reason = getattr(error, "verify_message", "") or error.reason or error
        return NaqTLSError(f"no secure connection to the {place}: {reason}")
    if isinstance(error, nats.errors.SecureConnWantedError):
        return NaqTLSError(f"the {place} offers no TLS, which the configuration asks for")
    if isinstance(error, TimeoutError):
        return NaqTimeoutError(f"the {place} did not answer within {config.connect_timeout:g} s")
    if isinstance(error, socket.gaierror):
        return NaqNoServersError(f"no {place}: the host's name is unknown")
    if isinstance(error, OSError):
        # asyncio's own text names the address once more, in Python's words.
        reason = os.strerror(error.errno) if error.errno else str(error)
        return NaqNoServersError(f"no {place}: {reason}")
    text = str(error).removeprefix("nats: ").strip("'")
    if "authorization violation" in text.lower():
        return NaqAuthorizationError(f"the {place} refuses these credentials")
    return NaqRefusedError(f"the {place} refuses the connection: {text}")
