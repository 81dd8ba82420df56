"""The configuration: the one module that reads the environment and configuration files."""

from __future__ import annotations

import dataclasses
import difflib
import os
import re
import tomllib
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from naq.exceptions import ConfigurationError
from naq.names import Names, check_prefix

DEFAULT_SERVER = "nats://localhost:4222"
DAY = 86_400.0

_PREFIX = "NAQ_"
_FILE_VARIABLE = "NAQ_CONFIG"
_NO_SETTINGS = {_FILE_VARIABLE, "NAQ_DASHBOARD_TOKEN"}
"""Variables with the prefix that are no settings."""
_OF_A_SERVICE = re.compile(r"NAQ_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_\w+)")

_SCHEMES = ("nats", "tls")
_BOOLEANS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
_SECRET = {"secret": True}
_ABOVE_0 = {"above": 0}
_FROM_0 = {"least": 0}
_FROM_1 = {"least": 1}


@dataclass(frozen=True, kw_only=True, repr=False)
class Config:
    """The servers, and the settings of naq. All times are in seconds.

    The constructor uses its arguments alone. ``Config.load`` also reads the environment and the
    configuration file.

    Args:
        servers: URLs of the servers of one cluster, ``nats://`` or ``tls://``.
        name: the client's name in the server's monitoring.
        prefix: stands before the names of naq's own streams, buckets and subjects, so that several
            applications can use one server; letters, digits, ``_`` and ``-``.
        user: user name; needs ``password``.
        password: the user's password.
        token: an authentication token.
        credentials: a credentials file with a JWT and its seed (needs ``naq[nkeys]``).
        nkey_seed: a file with the seed of an nkey (needs ``naq[nkeys]``).
        tls_ca: a file of certificate authorities to trust in place of the system's.
        tls_cert: the client's certificate chain.
        tls_key: the key of that certificate, where it is not in the same file.
        tls_hostname: the name to expect in the server's certificate.
        tls_first: do the TLS handshake before the server's greeting.
        connect_timeout: how long a server may take to accept a connection and answer on it.
        request_timeout: how long JetStream may take to answer a request.
        enqueue_timeout: how long enqueue and schedule try again in an election or an outage.
        drain_timeout: how long the drain of subscriptions may take.
        close_timeout: how long an orderly close may take before the socket is dropped.
        ping_interval: how often an idle connection is checked; the third check left without
            an answer is the end of it.
        reconnect_time_wait: the pause before another attempt to come back after an outage.
        max_reconnect_attempts: attempts a server gets in an outage; -1 is no limit.
        idle_time: how long a shared connection without a lease stays open.
        replicas: copies that the servers keep of naq's own buckets and streams.
        result_ttl: how long a result is kept; 0 is for ever.
        failed_ttl: how long a failed job is kept, ready to be requeued; 0 is for ever.
        worker_ttl: how long a worker that went silent is still listed; 0 is for ever.
        worker_stale_after: the silence after which a worker is presumed dead.
        leader_ttl: the silence after which another scheduler takes the lead.

    Raises:
        ConfigurationError: a value is bad, or two contradict each other.
    """

    servers: tuple[str, ...] = (DEFAULT_SERVER,)
    name: str = "naq"
    prefix: str = ""
    user: str | None = None
    password: str | None = field(default=None, metadata=_SECRET)
    token: str | None = field(default=None, metadata=_SECRET)
    credentials: Path | None = None
    nkey_seed: Path | None = None
    tls_ca: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_hostname: str | None = None
    tls_first: bool = False
    connect_timeout: float = field(default=2.0, metadata=_ABOVE_0)
    request_timeout: float = field(default=5.0, metadata=_ABOVE_0)
    enqueue_timeout: float = field(default=15.0, metadata=_FROM_0)
    drain_timeout: float = field(default=5.0, metadata=_ABOVE_0)
    close_timeout: float = field(default=2.0, metadata=_ABOVE_0)
    ping_interval: float = field(default=20.0, metadata=_ABOVE_0)
    reconnect_time_wait: float = field(default=0.1, metadata=_FROM_0)
    max_reconnect_attempts: int = field(default=-1, metadata={"least": -1})
    idle_time: float = field(default=30.0, metadata=_FROM_0)
    replicas: int = field(default=1, metadata=_FROM_1)
    result_ttl: float = field(default=7 * DAY, metadata=_FROM_0)
    failed_ttl: float = field(default=30 * DAY, metadata=_FROM_0)
    worker_ttl: float = field(default=DAY, metadata=_FROM_0)
    worker_stale_after: float = field(default=30.0, metadata=_ABOVE_0)
    leader_ttl: float = field(default=10.0, metadata=_FROM_1)

    def __post_init__(self) -> None:
        for name, value in vars(self).copy().items():
            object.__setattr__(self, name, _checked(name, value, "Config"))
        self._check_credentials()
        # A lease looks its connection up by the configuration: hash the fields but once.
        object.__setattr__(self, "_hash", hash(tuple(vars(self).values())))

    def _check_credentials(self) -> None:
        if (self.user is None) != (self.password is None):
            raise ConfigurationError("Config: user and password need each other")
        if self.tls_key is not None and self.tls_cert is None:
            raise ConfigurationError("Config: tls_key needs tls_cert")
        ways = [
            name
            for name in ("user", "token", "credentials", "nkey_seed")
            if getattr(self, name) is not None
        ]
        if len(ways) > 1:
            raise ConfigurationError(f"Config: choose one of {' and '.join(ways)}")

    def __hash__(self) -> int:
        value: int = self.__dict__["_hash"]
        return value

    def __getstate__(self) -> dict[str, Any]:
        # A hash of strings is another one in every process.
        return {setting.name: getattr(self, setting.name) for setting in dataclasses.fields(self)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def __repr__(self) -> str:
        shown = []
        for setting in dataclasses.fields(self):
            value = getattr(self, setting.name)
            if setting.name == "servers":
                value = tuple(without_secrets(url) for url in value)
            elif value == setting.default:
                continue
            elif "secret" in setting.metadata:
                value = "***"
            shown.append(f"{setting.name}={value!r}")
        return f"Config({', '.join(shown)})"

    @cached_property
    def names(self) -> Names:
        """The names of naq's own streams, buckets and subjects, by the prefix."""
        return Names(self.prefix)

    @property
    def tls(self) -> bool:
        """Whether nothing but an encrypted connection will do."""
        return bool(
            self.tls_ca
            or self.tls_cert
            or self.tls_hostname
            or self.tls_first
            or any(server.startswith("tls://") for server in self.servers)
        )

    @classmethod
    def load(cls, part: str | None = None, **values: Any) -> Self:
        """Return the configuration from arguments, the environment and a file.

        A setting is taken from the first that has it: the arguments; the variable ``NAQ_`` and
        its name; the file. The file is the one that ``NAQ_CONFIG`` names, or ``naq.toml``, or
        the table ``[tool.naq]`` of ``pyproject.toml``, in the working directory or the nearest
        one above it.

        Args:
            part: a name. The settings in the file's table ``parts.<name>`` come before all but
                the arguments then: for example, the servers of one kind of jobs.
            values: settings by name.

        Raises:
            ConfigurationError: a setting is unknown or bad, or the file has no such part; the
                message names the source.
        """
        merged: dict[str, Any] = {}
        for name, value, source in _settings(part):
            merged[name] = _checked(name, value, source)
        for name, value in values.items():
            _check_name(name, "the argument", name)
            merged[name] = value
        return cls(**merged)


def without_secrets(url: str) -> str:
    """Return a server's URL without the user name, password or token in it."""
    if "@" not in url:
        return url
    scheme, mark, rest = url.rpartition("://")
    return f"{scheme}{mark}***@{rest.rpartition('@')[2]}"


def _check_name(name: str, source: str, written: str) -> None:
    names = [setting.name for setting in dataclasses.fields(Config)]
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"; do you mean {near[0]}?" if near else ""
        raise ConfigurationError(f"{source}: there is no setting {written}{hint}")


@cache
def _types() -> dict[str, Any]:
    return typing.get_type_hints(Config)


def _checked(name: str, value: Any, source: str) -> Any:
    """Return a setting's value in its own type.

    Raises:
        ConfigurationError: it has no such meaning; the message names the source.
    """
    try:
        kind = _types()[name]
        if isinstance(kind, types.UnionType):
            if value is None:
                return None
            kind = typing.get_args(kind)[0]
        if name == "servers":
            return _servers(value)
        converted = _converted(kind, value)
        if name == "prefix":
            check_prefix(converted)
    except ValueError as error:
        raise ConfigurationError(f"{source}: {name} {error}") from None
    limits = Config.__dataclass_fields__[name].metadata
    if "above" in limits and not converted > limits["above"]:
        raise ConfigurationError(f"{source}: {name} must be above {limits['above']}, not {value}")
    if "least" in limits and not converted >= limits["least"]:
        raise ConfigurationError(f"{source}: {name} must be {limits['least']} or more, not {value}")
    return converted


def _converted(kind: type, value: Any) -> Any:
    if kind is bool and isinstance(value, str) and value.lower() in _BOOLEANS:
        return _BOOLEANS[value.lower()]
    if kind in (int, float) and isinstance(value, str | int | float) and value is not True:
        try:
            return kind(value) if kind is float or not isinstance(value, float) else _whole(value)
        except ValueError:
            pass  # the error is raised below
    if kind is Path and isinstance(value, str | os.PathLike):
        return Path(value).expanduser()
    if kind in (bool, str) and isinstance(value, kind):
        return value
    wanted = {bool: "true or false", int: "a whole number", float: "a number of seconds"}
    # The value may be a secret in the wrong place: name its type only.
    raise ValueError(f"must be {wanted.get(kind, 'a string')}, not this {type(value).__name__}")


def _whole(value: float) -> int:
    if not value.is_integer():
        raise ValueError
    return int(value)


def _servers(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        value = value.split(",")
    if not isinstance(value, list | tuple) or not all(isinstance(url, str) for url in value):
        raise ValueError("must be a URL or a list of URLs")
    servers = tuple(url.strip() for url in value)
    if not all(servers) or not servers:
        raise ValueError("must name at least one server, and no empty one")
    for url in servers:
        _check_url(url)
    return servers


def _check_url(url: str) -> None:
    parts = urlsplit(url if "://" in url else f"nats://{url}")
    try:
        usable = parts.scheme in _SCHEMES and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError(
            f"must be like nats://host:4222 or tls://host:4222, not {without_secrets(url)!r}"
        )


def _settings(part: str | None) -> Iterator[tuple[str, Any, str]]:
    """Yield each setting outside the arguments with its source; the last of a name counts."""
    path, table = _find_file()
    parts = table.pop("parts", {})
    yield from _from_table(table, path)
    for variable, value in os.environ.items():
        if variable.startswith(_PREFIX) and not _is_no_setting(variable, value):
            name = variable.removeprefix(_PREFIX).lower()
            _check_name(name, "the environment", variable)
            yield name, value, f"the environment's {variable}"
    if part is not None:
        if part not in parts:
            raise ConfigurationError(f"{path}: there is no part {part!r} of the configuration")
        yield from _from_table(parts[part], path)


def _is_no_setting(variable: str, value: str) -> bool:
    """Whether a variable with the prefix was never meant as a setting.

    Kubernetes puts the addresses of a service that is called ``naq``, or ``naq-dashboard``, into
    every container (Kubernetes' documentation, "Service", environment variables).
    """
    if variable in _NO_SETTINGS or _OF_A_SERVICE.fullmatch(variable):
        return True
    return variable.endswith("_PORT") and "://" in value


def _from_table(table: Mapping[str, Any], path: Path) -> Iterator[tuple[str, Any, str]]:
    for name, value in table.items():
        _check_name(name, str(path), name)
        if isinstance(value, str) and Path in typing.get_args(_types()[name]):
            value = path.parent / Path(value).expanduser()
        yield name, value, str(path)


def _find_file() -> tuple[Path, dict[str, Any]]:
    named = os.environ.get(_FILE_VARIABLE)
    if named:
        return Path(named), _read(Path(named))
    here = Path.cwd()
    for directory in (here, *here.parents):
        own = directory / "naq.toml"
        if own.is_file():
            return own, _read(own)
        project = directory / "pyproject.toml"
        if project.is_file():
            table = _read(project).get("tool", {}).get("naq")
            if table is not None:
                return project, table
    return here / "naq.toml", {}


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigurationError(f"{path}: {error}") from error


_current: Config | None = None
_parts: dict[str, Config] = {}
_at_urls: dict[str, tuple[Config, Config]] = {}


def get_config(part: str | None = None) -> Config:
    """Return the configuration of this process, which is loaded when first asked for.

    Args:
        part: the part of it, by its name in the configuration file; None is the whole.

    Raises:
        ConfigurationError: a setting is unknown or bad, or there is no such part; the message
            names its source.
    """
    if part is not None:
        if part not in _parts:
            _parts[part] = Config.load(part)
        return _parts[part]
    return configure() if _current is None else _current


def configure(config: Config | None = None, **values: Any) -> Config:
    """Set the configuration of this process, and return it.

    Args:
        config: the configuration, whole.
        values: settings by name, in place of a whole configuration: the others come from the
            environment and the configuration file, which are read again.

    Raises:
        ConfigurationError: a setting is unknown or bad, or there are both kinds of arguments.
    """
    global _current
    if config is not None and values:
        raise ConfigurationError("configure: give a Config or single settings, not both")
    _current = Config.load(**values) if config is None else config
    _parts.clear()
    return _current


def as_config(config: Config | str | None = None) -> Config:
    """Return the configuration for a constructor's argument.

    Args:
        config: a configuration; or a URL, which stands for the process's configuration with
            that server in place of its own; or None for the process's configuration.

    Raises:
        ConfigurationError: it is none of these.
    """
    if config is None:
        return get_config()
    if isinstance(config, Config):
        return config
    if isinstance(config, str):
        return _at(config)
    raise ConfigurationError(f"config must be a Config, a URL or None, not {type(config).__name__}")


def _at(url: str) -> Config:
    config = get_config()
    known = _at_urls.get(url)
    if known is not None and known[0] is config:
        return known[1]
    own = "@" in url
    changes: dict[str, Any] = (
        dict.fromkeys(("user", "password", "token", "credentials", "nkey_seed")) if own else {}
    )
    made = dataclasses.replace(config, servers=tuple(url.split(",")), **changes)
    _at_urls[url] = config, made
    return made
