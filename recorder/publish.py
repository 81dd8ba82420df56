"""Commits the built site to the branch ``gh-pages``, a folder for each version, by mike."""

from __future__ import annotations

import subprocess
import sysconfig
from pathlib import Path

from flake8_naq import __version__
from recorder import hosting
from recorder.phases import ROOT


class PublishError(RuntimeError):
    """The site cannot be published; the message is one line."""


def publish() -> str:
    """Commit this version of the site as the latest one, and return its number.

    Raises:
        PublishError: the site has no address, or mike fails.
    """
    if not hosting.hosting().site:
        raise PublishError(
            "the site has no address: set `site` under [tool.hosted] in pyproject.toml"
        )
    _mike("deploy", "--update-aliases", __version__, hosting.LATEST)
    _mike("set-default", hosting.LATEST)
    return __version__


def _mike(*command: str) -> None:
    mike = Path(sysconfig.get_path("scripts")) / "mike"
    done = subprocess.run([mike, *command], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise PublishError(f"mike fails: {lines[-1] if lines else done.returncode}")
