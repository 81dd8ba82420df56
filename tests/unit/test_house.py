"""What holds for the repository as a whole."""

from __future__ import annotations

from pathlib import Path

UNIT = Path(__file__).parent


def test_unit_tests_start_no_server() -> None:
    starting = {
        str(module.relative_to(UNIT))
        for module in UNIT.rglob("*.py")
        if module != Path(__file__) and "nats_server" in module.read_text(encoding="utf-8")
    }
    assert not starting, "these belong to tests/integration"
