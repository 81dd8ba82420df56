"""The user's frame of a traceback."""

from __future__ import annotations

import json
import traceback

import pytest

from naq.models.frames import Frame, user_frame


def trace(call: object) -> str:
    try:
        assert callable(call)
        call()
    except BaseException as error:  # noqa: BLE001 - any will do
        return "".join(traceback.format_exception(error))
    raise AssertionError


def outer() -> None:
    json.loads("{")


def wrap() -> None:
    try:
        outer()
    except ValueError as error:
        raise RuntimeError("wrapped") from error


def test_it_is_the_last_one_that_is_not_of_the_standard_library() -> None:
    frame = user_frame(trace(outer))
    assert frame is not None
    assert (frame.file, frame.function, frame.code) == (__file__, "outer", 'json.loads("{")')


def test_of_chained_exceptions_the_last_counts() -> None:
    frame = user_frame(trace(wrap))
    assert frame is not None
    assert (frame.function, frame.code) == ("wrap", 'raise RuntimeError("wrapped") from error')


def test_installed_packages_and_the_worker_are_not_the_users() -> None:
    text = (
        "Traceback (most recent call last):\n"
        '  File "/app/venv/lib/python3.12/site-packages/naq/worker/execute.py", line 9, in run\n'
        "    return call()\n"
        '  File "/app/tasks.py", line 3, in send\n'
        "    smtp.send()\n"
        "    ~~~~~~~~~^^\n"
        '  File "/usr/lib/python3.12/smtplib.py", line 7, in send\n'
        "    raise OSError\n"
        "OSError\n"
    )
    assert user_frame(text) == Frame("/app/tasks.py", 3, "send", "smtp.send()")


@pytest.mark.parametrize("text", ["", "Traceback", "no traceback <b>", '  File "x", line 1'])
def test_a_text_without_frames_has_none(text: str) -> None:
    assert user_frame(text) is None


def test_a_frame_of_an_exception_group_is_found() -> None:
    def group() -> None:
        raise ExceptionGroup("both", [ValueError("a")])

    assert user_frame(trace(group)) is not None
