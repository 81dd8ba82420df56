"""Writes the codemod's output for every ``data/*/before.py``. Read the diff before you commit it."""

from pathlib import Path

from flake8_naq.files.documents import document
from flake8_naq.migrate.batch import fix_document
from flake8_naq.migrate.fixer import Options
from flake8_naq.migrate.outcome import FileOutcome
from flake8_naq.migrate.output import describe

DATA = Path(__file__).parent / "data"


RUNS = {"after.py": Options(), "after_unsafe.py": Options(unsafe=True)}


def fix(name: str, content: bytes, options: Options) -> FileOutcome:
    """The codemod's outcome for a single module."""
    return fix_document(document(f"{name}.py", content), options)


def outputs(folder: Path) -> dict[str, bytes]:
    """The files of a pair besides ``before.py``, by name."""
    content = (folder / "before.py").read_bytes()
    safe, unsafe = (fix(folder.name, content, options) for options in RUNS.values())
    found: dict[str, bytes] = {}
    reports = list(safe.reports)
    assert safe.document is not None
    if safe.changed:
        found["after.py"] = safe.document.codec.encode(safe.text)
    if unsafe.text != safe.text:
        found["after_unsafe.py"] = safe.document.codec.encode(unsafe.text)
        reports += [report for report in unsafe.reports if report not in safe.reports]
    found["messages.txt"] = "".join(
        f"{describe(safe.path, report)}\n" for report in reports
    ).encode()
    return found


def main() -> None:
    """Record all pairs."""
    for folder in sorted(DATA.iterdir()):
        for name in (*RUNS, "messages.txt"):
            (folder / name).unlink(missing_ok=True)
        for name, content in outputs(folder).items():
            (folder / name).write_bytes(content)


if __name__ == "__main__":
    main()
