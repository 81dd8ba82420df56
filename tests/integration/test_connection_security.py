"""Connections to servers that ask for credentials or TLS, and to servers that refuse."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import time
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import nats.errors
import nkeys
import pytest
import trustme
from nacl.signing import SigningKey
from nats.js.errors import APIError

from naq.buckets import ensure_buckets
from naq.config import Config
from naq.connection import close_all_connections, nats_connection, nats_kv_store
from naq.exceptions import (
    NaqAuthorizationError,
    NaqConnectionError,
    NaqNoServersError,
    NaqRefusedError,
    NaqTimeoutError,
    NaqTLSError,
)
from naq.server import NatsServer, run_nats_server

SECRET = "s3cret-word"


async def reach(config: Config | str) -> None:
    """Make one round trip."""
    async with nats_connection(config) as conn:
        await conn.flush()
    await close_all_connections()


async def refusal(config: Config | str) -> NaqConnectionError:
    """Return the error of a connection that does not come about."""
    async with asyncio.timeout(10):  # 2 s, and room for a busy machine
        with pytest.raises(NaqConnectionError) as caught:
            await reach(config)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    return caught.value


@pytest.fixture(autouse=True)
def _no_secret_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.DEBUG)
    yield
    assert SECRET not in caplog.text


def at(server: NatsServer, **settings: object) -> Config:
    return Config(servers=(server.url,), **settings)  # type: ignore[arg-type]


# Credentials


@pytest.fixture
def token_server() -> Iterator[NatsServer]:
    with run_nats_server(options=f'authorization {{ token: "{SECRET}" }}') as server:
        yield server


@pytest.fixture
def password_server() -> Iterator[NatsServer]:
    options = f'authorization {{ user: me, password: "{SECRET}" }}'
    with run_nats_server(options=options) as server:
        yield server


async def test_a_token(token_server: NatsServer) -> None:
    await reach(at(token_server, token=SECRET))


async def test_a_token_in_the_url(token_server: NatsServer) -> None:
    await reach(token_server.url.replace("//", f"//{SECRET}@"))


async def test_a_user_and_a_password(password_server: NatsServer) -> None:
    await reach(at(password_server, user="me", password=SECRET))


async def test_a_user_and_a_password_in_the_url(password_server: NatsServer) -> None:
    await reach(password_server.url.replace("//", f"//me:{SECRET}@"))


async def test_a_wrong_token_is_refused(token_server: NatsServer) -> None:
    error = await refusal(at(token_server, token="other"))
    assert isinstance(error, NaqAuthorizationError)
    assert isinstance(error, nats.errors.AuthorizationError)
    assert f"127.0.0.1:{token_server.port}" in str(error)


async def test_a_wrong_password_is_refused(password_server: NatsServer) -> None:
    error = await refusal(at(password_server, user="me", password="other"))
    assert isinstance(error, NaqAuthorizationError)


async def test_missing_credentials_are_refused(password_server: NatsServer) -> None:
    assert isinstance(await refusal(password_server.url), NaqAuthorizationError)


async def test_an_nkey(tmp_path: Path) -> None:
    pair = key_pair(nkeys.PREFIX_BYTE_USER)
    (tmp_path / "user.nk").write_bytes(bytes(pair.seed))
    options = f"authorization {{ users: [{{ nkey: {pair.public_key.decode()} }}] }}"
    with run_nats_server(options=options) as server:
        await reach(at(server, nkey_seed=tmp_path / "user.nk"))


async def test_a_credentials_file(tmp_path: Path) -> None:
    operator, account, user = (
        key_pair(prefix)
        for prefix in (
            nkeys.PREFIX_BYTE_OPERATOR,
            nkeys.PREFIX_BYTE_ACCOUNT,
            nkeys.PREFIX_BYTE_USER,
        )
    )
    account_id = account.public_key.decode()
    options = (
        f"operator: {jwt(operator, operator, 'operator')}\n"
        "resolver: MEMORY\n"
        f"resolver_preload: {{ {account_id}: {jwt(account, operator, 'account')} }}"
    )
    file = tmp_path / "user.creds"
    file.write_text(
        f"-----BEGIN NATS USER JWT-----\n{jwt(user, account, 'user')}\n"
        "------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{bytes(user.seed).decode()}\n"
        "------END USER NKEY SEED------\n"
    )
    with run_nats_server(options=options, jetstream=False) as server:
        await reach(at(server, credentials=file))
        assert isinstance(await refusal(server.url), NaqAuthorizationError)


async def test_a_missing_credentials_file_is_named(nats_server: NatsServer, tmp_path: Path) -> None:
    error = await refusal(at(nats_server, credentials=tmp_path / "none.creds"))
    assert str(error) == f"credentials: {tmp_path / 'none.creds'}: No such file or directory"


def key_pair(prefix: int) -> nkeys.KeyPair:
    """Make a new pair of keys."""
    return nkeys.from_seed(bytearray(nkeys.encode_seed(bytes(SigningKey.generate()), prefix)))


def jwt(subject: nkeys.KeyPair, issuer: nkeys.KeyPair, kind: str) -> str:
    """Write a JWT as nats-server reads it (https://docs.nats.io, "JWTs: a deep dive")."""
    limits: dict[str, object] = {"subs": -1, "data": -1, "payload": -1}
    if kind == "account":
        limits = {"limits": limits | {"conn": -1, "leaf": -1, "imports": -1, "exports": -1}}
    claims = {
        "jti": kind,
        "iat": int(time.time()),
        "iss": issuer.public_key.decode(),
        "sub": subject.public_key.decode(),
        "name": kind,
        "nats": {"type": kind, "version": 2} | (limits if kind != "operator" else {}),
    }
    parts = [{"typ": "JWT", "alg": "ed25519-nkey"}, claims]
    text = b".".join(unpadded(json.dumps(part).encode()) for part in parts)
    return b".".join((text, unpadded(bytes(issuer.sign(text))))).decode()


def unpadded(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


# TLS


class Certificates:
    """An authority, and certificates of it as files."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.authority = trustme.CA()
        self.ca = directory / "ca.pem"
        self.authority.cert_pem.write_to_path(self.ca)

    def issue(self, name: str, not_after: datetime | None = None) -> Path:
        file = self.directory / f"{name}.pem"
        certificate = self.authority.issue_cert(name, not_after=not_after)
        certificate.private_key_and_cert_chain_pem.write_to_path(file)
        return file

    def options(self, certificate: Path, more: str = "") -> str:
        return (
            f'tls {{ cert_file: "{certificate}", key_file: "{certificate}", '
            f'ca_file: "{self.ca}", {more} }}'
        )


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path)


async def test_tls(certificates: Certificates) -> None:
    options = certificates.options(certificates.issue("127.0.0.1"))
    with run_nats_server(options=options) as server:
        await reach(at(server, tls_ca=certificates.ca))
        await reach(Config(servers=(f"tls://127.0.0.1:{server.port}",), tls_ca=certificates.ca))


async def test_tls_before_the_greeting(certificates: Certificates) -> None:
    options = certificates.options(certificates.issue("127.0.0.1"), "handshake_first: true")
    with run_nats_server(options=options) as server:
        await reach(at(server, tls_ca=certificates.ca, tls_first=True))


async def test_a_client_certificate(certificates: Certificates) -> None:
    options = certificates.options(certificates.issue("127.0.0.1"), "verify: true")
    client = certificates.issue("client.example")
    with run_nats_server(options=options) as server:
        await reach(at(server, tls_ca=certificates.ca, tls_cert=client))
        assert isinstance(await refusal(at(server, tls_ca=certificates.ca)), NaqConnectionError)


async def test_another_name_in_the_certificate(certificates: Certificates) -> None:
    options = certificates.options(certificates.issue("nats.example"))
    with run_nats_server(options=options) as server:
        await reach(at(server, tls_ca=certificates.ca, tls_hostname="nats.example"))
        error = await refusal(at(server, tls_ca=certificates.ca))
        assert isinstance(error, NaqTLSError)


async def test_an_expired_certificate(certificates: Certificates) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    options = certificates.options(certificates.issue("127.0.0.1", not_after=yesterday))
    with run_nats_server(options=options) as server:
        error = await refusal(at(server, tls_ca=certificates.ca))
    assert isinstance(error, NaqTLSError)
    assert isinstance(error, nats.errors.SecureConnFailedError)
    assert str(error).endswith(f"127.0.0.1:{server.port}: certificate has expired")


async def test_a_certificate_of_an_unknown_authority(certificates: Certificates) -> None:
    options = certificates.options(certificates.issue("127.0.0.1"))
    with run_nats_server(options=options) as server:
        assert isinstance(await refusal(server.url), NaqTLSError)


async def test_a_missing_authority_file_is_named(nats_server: NatsServer) -> None:
    error = await refusal(at(nats_server, tls_ca=Path("/nowhere/ca.pem")))
    assert str(error) == "TLS: /nowhere/ca.pem: No such file or directory"


async def test_credentials_do_not_go_to_a_server_without_the_tls_asked_for(
    certificates: Certificates, nats_server: NatsServer
) -> None:
    config = at(nats_server, tls_ca=certificates.ca, token=SECRET)
    error = await refusal(config)
    assert isinstance(error, NaqTLSError)
    assert "offers no TLS" in str(error)


# Servers that are not there, or not of use


async def test_an_absent_server() -> None:
    error = await refusal("nats://127.0.0.1:1")
    assert isinstance(error, NaqNoServersError)
    assert str(error).startswith("no NATS server at 127.0.0.1:1: ")


async def test_an_unknown_host() -> None:
    error = await refusal("nats://nowhere.invalid:4222")
    assert isinstance(error, nats.errors.NoServersError)
    assert "nowhere.invalid:4222" in str(error)


async def test_a_mute_server(nats_server: NatsServer) -> None:
    nats_server.pause()
    error = await refusal(nats_server.url)
    assert isinstance(error, NaqTimeoutError)
    assert isinstance(error, nats.errors.TimeoutError)
    assert (
        str(error) == f"the NATS server at 127.0.0.1:{nats_server.port} did not answer within 2 s"
    )


async def test_something_else_than_a_nats_server(nats_server: NatsServer) -> None:
    assert nats_server.monitoring_port
    error = await refusal(f"nats://127.0.0.1:{nats_server.monitoring_port}")
    assert isinstance(error, NaqTimeoutError)


async def test_a_server_with_too_many_connections() -> None:
    with run_nats_server(options="max_connections: 1") as server:
        async with nats_connection(server.url):
            with pytest.raises(NaqRefusedError, match=r"maximum connections|it is full"):
                async with nats_connection(server.url, exclusive=True):
                    pass
        await close_all_connections()


async def test_one_of_several_servers_is_enough(nats_server: NatsServer) -> None:
    await reach(Config(servers=("nats://127.0.0.1:1", nats_server.url, "nats://127.0.0.1:2")))


async def test_an_error_names_each_of_several_servers() -> None:
    error = await refusal(Config(servers=("nats://127.0.0.1:1", "nats://127.0.0.1:2")))
    assert isinstance(error, NaqNoServersError)
    assert "127.0.0.1:1" in str(error)
    assert "127.0.0.1:2" in str(error)


async def test_a_full_store_is_said_by_the_operation(tmp_path: Path) -> None:
    options = f'jetstream {{ store_dir: "{tmp_path}", max_file: 64K }}'
    with run_nats_server(options=options, jetstream=False) as server:
        await ensure_buckets(server.url, ("colours",))

        async def fill() -> None:
            async with nats_kv_store("colours", server.url) as kv:
                for number in range(100):
                    await kv.put(f"key{number}", bytes(4096))

        with pytest.raises(APIError, match="insufficient"):
            await fill()
        await close_all_connections()
