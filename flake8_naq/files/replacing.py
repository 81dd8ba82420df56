"""Replaces files whole or not at all."""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Iterable
from pathlib import Path


def replace(path: str, content: bytes) -> None:
    """Replace a file's content atomically.

    The file keeps its mode and its owner; a symbolic link stays one, and what it points to changes.

    Raises:
        OSError: The folder or the file cannot be written; the file is unchanged.
    """
    target = Path(path).resolve(strict=True)
    status = target.stat()
    if not os.access(target, os.W_OK):
        raise PermissionError(13, "permission denied", path)
    # Choose the name before creating the file: an interrupt then leaves nothing behind.
    new = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        with open(new, "xb", opener=_for_the_owner) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if (status.st_uid, status.st_gid) != (os.geteuid(), os.getegid()):
            os.chown(new, status.st_uid, status.st_gid)
        new.chmod(status.st_mode & 0o7777)
        new.replace(target)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def _for_the_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def unstaged(paths: Iterable[str]) -> set[str]:
    """The files that git could not restore: changed since they were staged, or new.

    Files outside of any repository are not among them.
    """
    found: set[str] = set()
    by_repository: dict[Path, dict[str, str]] = {}
    for path in paths:
        real = Path(path).resolve()
        for folder in real.parents:
            if (folder / ".git").exists():
                by_repository.setdefault(folder, {})[real.relative_to(folder).as_posix()] = path
                break
    for repository, names in by_repository.items():
        try:
            done = subprocess.run(
                ["git", "ls-files", "-z", "--modified", "--others", "--exclude-standard"],
                cwd=repository,
                capture_output=True,
                check=False,
            )
        except FileNotFoundError:
            continue
        changed = os.fsdecode(done.stdout).split("\0")
        found.update(names[name] for name in changed if name in names)
    return found
