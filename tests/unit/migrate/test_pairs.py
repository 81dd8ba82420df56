"""Every pair of ``data/``: the codemod's output, byte for byte, and its messages."""

from pathlib import Path

import pytest

from tests.unit.migrate import record_pairs

FOLDERS = sorted(record_pairs.DATA.iterdir())


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_output_is_the_recorded_one(folder: Path) -> None:
    recorded = {
        file.name: file.read_bytes() for file in folder.iterdir() if file.name != "before.py"
    }
    assert record_pairs.outputs(folder) == recorded


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_second_run_changes_nothing(folder: Path) -> None:
    for name, options in record_pairs.RUNS.items():
        file = folder / name
        if file.exists():
            outcome = record_pairs.fix(folder.name, file.read_bytes(), options)
            assert outcome.text == file.read_bytes().decode()
