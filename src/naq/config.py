"""The configuration: the one place that knows of the environment and of files."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import lru_cache

from naq.exceptions import ConfigurationError

DEFAULT_SERVER = "nats://localhost:4222"


@dataclass(frozen=True, kw_only=True)
class Config:
    """How to reach the servers, and how naq behaves there. Times are seconds.

    Args:
        servers: the URLs of the servers of one cluster.
        name: the client's name in the server's monitoring.
        connect_timeout: how long a server may take to accept a connection and answer on it.
        request_timeout: how long JetStream may take to answer a request.
        drain_timeout: how long the drain of an exclusive connection may take.
        reconnect_time_wait: the pause between two attempts to come back after a lost connection.
        idle_time: how long a shared connection without a lease stays open.
    """

    servers: tuple[str, ...] = (DEFAULT_SERVER,)
    name: str = "naq"
    connect_timeout: float = 2.0
    request_timeout: float = 5.0
    drain_timeout: float = 5.0
    reconnect_time_wait: float = 0.1
    idle_time: float = 30.0

    def __post_init__(self) -> None:
        servers = (self.servers,) if isinstance(self.servers, str) else tuple(self.servers)
        object.__setattr__(self, "servers", servers)
        # A lease looks its connection up by the configuration: hash the fields but once.
        values = tuple(getattr(self, field.name) for field in dataclasses.fields(self))
        object.__setattr__(self, "_hash", hash(values))

    def __hash__(self) -> int:
        value: int = self.__dict__["_hash"]
        return value


_current: Config | None = None


def get_config() -> Config:
    """Return the configuration of this process."""
    global _current
    if _current is None:
        _current = Config()
    return _current


def configure(config: Config | None = None) -> Config:
    """Set the configuration of this process; None goes back to the defaults."""
    global _current
    _current = config
    return get_config()


@lru_cache(maxsize=256)
def _at(config: Config, url: str) -> Config:
    return dataclasses.replace(config, servers=(url,))


def as_config(config: Config | str | None) -> Config:
    """Return the configuration that an argument ``config`` stands for.

    Args:
        config: a configuration; or a URL, which stands for the process's configuration with
            that server alone; or None for the process's configuration.

    Raises:
        ConfigurationError: it is none of these.
    """
    if config is None:
        return get_config()
    if isinstance(config, Config):
        return config
    if isinstance(config, str):
        return _at(get_config(), config)
    raise ConfigurationError(f"config must be a Config, a URL or None, not {type(config).__name__}")
