"""The built site, served on loopback, and Debian's chromium to read it with."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from playwright.sync_api import BrowserContext, Page

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium")
NPM = shutil.which("npm")
TEXT = {".css", ".html", ".js", ".json", ".svg", ".xml"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the tests of the browser what they need.

    Without a browser there is nothing to test; CI is to install one. And the first test waits for
    the build of the site, as one of every page waits for many pages.
    """
    missing = pytest.mark.skip(reason="no chromium: `apt-get install chromium`")
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.timeout(600))
            if CHROMIUM is None and not os.environ.get("CI"):
                item.add_marker(missing)


class _Handler(SimpleHTTPRequestHandler):
    """Serves compressed what every host of static sites serves compressed."""

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        path = path / "index.html" if path.is_dir() else path
        if path.suffix not in TEXT or not path.is_file():
            super().do_GET()
            return
        content = gzip.compress(path.read_bytes())
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(path))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """A browser that has seen enough hangs up."""


@dataclass(frozen=True)
class Site:
    """The site as a visitor finds it."""

    url: str
    folder: Path

    def pages(self) -> list[str]:
        """The path of every page."""
        files = self.folder.rglob("index.html")
        return sorted(
            f"/{file.relative_to(self.folder).parent}/".replace("/./", "/") for file in files
        )


def _build(folder: Path) -> Path:
    """Build the site as its users' tox environment does, and return the folder."""
    if NPM is not None:
        command = [sys.executable, "-m", "recorder", "playground"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Serve the site on a loopback port. The first of the test processes builds it for all."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "site"
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            _build(folder.with_suffix(".part")).rename(folder)
    handler = partial(_Handler, directory=str(folder))
    with _Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield Site(f"http://127.0.0.1:{server.server_port}", folder)
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def base_url(site: Site) -> str:
    """What ``page.goto("/rules/")`` starts from."""
    return site.url


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    """Debian's chromium in place of a browser that playwright would download."""
    if CHROMIUM is None:
        pytest.fail("no chromium: `apt-get install chromium`")
    return {
        "executable_path": CHROMIUM,
        "args": [
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ],
    }


@pytest.fixture
def open_page(site: Site, new_context: Callable[..., BrowserContext]) -> Callable[..., Page]:
    """Open a page in a fresh browser context: ``open_page("/rules/", width=390)``."""

    def opened(path: str, *, width: int = 1280, scheme: str = "light", **options: Any) -> Page:
        height = 844 if width < 600 else 900
        context = new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, **options
        )
        page = context.new_page()
        page.goto(path)
        return page

    return opened
