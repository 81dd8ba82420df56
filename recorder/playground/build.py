"""Brings the playground's assets and bundles them: packages from npm, Python's from this environment.

Nothing of it is committed. `package-lock.json` pins the packages of npm with their hashes; the Python
packages are those that are installed here, so the playground runs what the command line runs.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, PackagePath, distribution
from pathlib import Path

import flake8_naq
from recorder.phases import ROOT

HERE = Path(__file__).parent
CACHE = ROOT / ".cache" / "playground"
MODULES = CACHE / "node_modules"
BUILT = CACHE / "site"
"""The finished assets; missing until they are built."""

# What the linter and the codemod import, and what flake8 asks for by name when it starts.
_PACKAGES = ("flake8", "mccabe", "pycodestyle", "pyflakes", "PyYAML")
_OWN = "flake8-naq"
# File in the site, and where npm puts it.
_COPIED = {
    "ast-grep.wasm": "@ast-grep/wasm/wasm_bg.wasm",
    "pyodide.asm.mjs": "pyodide/pyodide.asm.mjs",
    "pyodide.asm.wasm": "pyodide/pyodide.asm.wasm",
    "python_stdlib.zip": "pyodide/python_stdlib.zip",
    "tree-sitter-python.wasm": "tree-sitter-python/tree-sitter-python.wasm",
    "web-tree-sitter.wasm": "web-tree-sitter/web-tree-sitter.wasm",
}
# The files of a package's metadata in which flake8 finds its plugins.
_METADATA = ("METADATA", "entry_points.txt")
# What the worker loads with `fetch`, and the progress bar counts.
_COUNTED = (
    "ast-grep.wasm",
    "packages.zip",
    "pyodide.asm.wasm",
    "python_stdlib.zip",
    "tree-sitter-python.wasm",
    "web-tree-sitter.wasm",
)

# Modules of Node.js that packages import where they run in it.
_NODE = ("node:*", "fs/promises", "module")


class BuildError(RuntimeError):
    """The assets cannot be built; the message is one line."""


def build() -> Path:
    """Build the assets; what npm brought once is kept.

    Returns:
        The folder of the assets, named by their content.

    Raises:
        BuildError: npm is missing, or fails.
    """
    _install()
    with tempfile.TemporaryDirectory(dir=CACHE) as name:
        folder = Path(name)
        for file, source in _COPIED.items():
            shutil.copyfile(MODULES / source, folder / file)
        _pack(folder / "packages.zip")
        _bundle(folder)
        sizes = {"bytes": sum((folder / file).stat().st_size for file in _COUNTED)}
        (folder / "sizes.json").write_text(json.dumps(sizes), encoding="utf-8")
        finished = Path(name).with_name("finished")
        shutil.rmtree(finished, ignore_errors=True)
        shutil.copytree(folder, finished / _digest(folder))
    shutil.rmtree(BUILT, ignore_errors=True)
    return finished.rename(BUILT) / next((BUILT).iterdir()).name


def assets() -> Path | None:
    """The folder of the built assets, None before they are built."""
    return next(BUILT.iterdir(), None) if BUILT.is_dir() else None


def files() -> list[Path]:
    """The built assets, none before they are built."""
    folder = assets()
    return sorted(folder.iterdir()) if folder else []


def megabytes(folder: Path) -> int:
    """The size of the assets as a server sends them, compressed."""
    packed = sum(len(zlib.compress(file.read_bytes(), 6)) for file in folder.iterdir())
    return round(packed / 1_000_000)


def _install() -> None:
    """Let npm install what the lock file pins, checked by its hashes."""
    lock = (HERE / "package-lock.json").read_bytes()
    stamp = CACHE / "installed"
    wanted = hashlib.sha256(lock).hexdigest()
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return
    npm = shutil.which("npm")
    if npm is None:
        raise BuildError(
            "npm is missing: install Node.js with npm, for example `apt-get install npm`"
        )
    CACHE.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(HERE / name, CACHE / name)
    options = ("--ignore-scripts", "--omit=peer", "--no-audit", "--no-fund")
    _run(npm, "ci", *options, folder=CACHE)
    stamp.write_text(wanted, encoding="utf-8")


def _bundle(folder: Path) -> None:
    """Bundle the scripts: the page, what it loads on demand, and the worker."""
    lock = json.loads((MODULES / "pyodide" / "pyodide-lock.json").read_text(encoding="utf-8"))
    # esbuild looks for packages beside the sources and in the folders above them.
    with tempfile.TemporaryDirectory(dir=CACHE) as name:
        sources = Path(shutil.copytree(HERE / "browser", Path(name) / "browser"))
        scripts = [str(sources / f"{script}.js") for script in ("page", "worker")]
        _run(
            str(MODULES / ".bin" / "esbuild"),
            *scripts,
            str(sources / "playground.css"),
            "--bundle",
            "--splitting",
            "--format=esm",
            "--minify",
            "--target=es2022",
            *(f"--external:{module}" for module in _NODE),
            "--legal-comments=none",
            f"--define:__LOCK__={json.dumps({'info': lock['info'], 'packages': {}})}",
            f"--outdir={folder}",
            "--log-level=warning",
            folder=CACHE,
        )


def _run(*command: str, folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "error" in line.lower()]
        raise BuildError(f"{Path(command[0]).name} fails: {lines[0] if lines else done.returncode}")


def _pack(archive: Path) -> None:
    """Pack the Python packages, as they lie in a `site-packages` folder."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for name, file in sorted(_files()):
            # A fixed time: the same content has the same digest.
            packed.writestr(zipfile.ZipInfo(name), file.read_bytes(), zipfile.ZIP_DEFLATED)


def _files() -> Iterator[tuple[str, Path]]:
    """The files of the packages, by their path in `site-packages`."""
    package = Path(flake8_naq.__file__).parent
    for file in package.rglob("*"):
        if file.suffix in (".py", ".json", ".yml", ".html"):
            yield f"{package.name}/{file.relative_to(package).as_posix()}", file
    yield "session.py", HERE / "session.py"
    for name in (*_PACKAGES, _OWN):
        try:
            files = distribution(name).files or []
        except PackageNotFoundError as error:
            raise BuildError(f"{name} is missing: pip install '.[migrate]'") from error
        for entry in filter(_is_wanted, files):
            yield entry.as_posix(), Path(str(entry.locate()))


def _is_wanted(entry: PackagePath) -> bool:
    """Whether the playground needs a file of an installed distribution."""
    if {"..", "test"}.intersection(entry.parts):
        return False
    is_metadata = entry.parent.suffix == ".dist-info"
    return entry.name in _METADATA if is_metadata else entry.suffix == ".py"


def _digest(folder: Path) -> str:
    content = hashlib.sha256()
    for file in sorted(folder.iterdir()):
        content.update(file.name.encode() + hashlib.sha256(file.read_bytes()).digest())
    return content.hexdigest()[:12]
