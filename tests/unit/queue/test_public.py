"""The names that ``import naq`` offers."""

import subprocess
import sys

import pytest

import naq


def test_every_public_name_can_be_had() -> None:
    for name in naq.__all__:
        assert getattr(naq, name) is not None, name


def test_the_public_names_are_those_that_have_a_home() -> None:
    assert set(naq.__all__) == set(naq._HOME_OF)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = naq.nothing  # type: ignore[attr-defined]


def test_import_naq_imports_no_client() -> None:
    program = "import naq, sys; sys.exit('nats' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
