"""Applies a function to many items in several processes, and ends at once on an interrupt.

``ProcessPoolExecutor`` takes its locks in Python code, so an interrupt between "acquired" and "entered"
leaves one locked, and its thread then waits for ever. Here the parent has pipes and no lock or thread.
"""

from __future__ import annotations

import multiprocessing
import signal
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

from flake8_naq.errors import CommandError

Item = TypeVar("Item")
Result = TypeVar("Result")

_SPAWN = multiprocessing.get_context("spawn")

# Each process gets its next item before it finishes the current one.
_IN_HAND = 2
# How many results may wait for an earlier one, for each process.
_AHEAD = 8


def map_in_processes(
    function: Callable[[Item], Result], items: Sequence[Item], jobs: int
) -> Iterator[Result]:
    """Apply a function to each item.

    Args:
        function: A picklable function of picklable arguments and results.
        items: Its arguments.
        jobs: How many processes to start.

    Yields:
        The results, in the order of the items. Only a few of them are held at a time.

    Raises:
        CommandError: A process was killed, for example where memory ran out.
    """
    processes: dict[Connection, BaseProcess] = {}
    try:
        for _ in range(jobs):
            pipe, process = _start(function)
            processes[pipe] = process
        yield from _in_order(processes, items)
        for pipe, process in processes.items():
            pipe.close()
            process.join()
    finally:
        for process in processes.values():
            process.kill()
            process.join()


def _in_order(processes: dict[Connection, BaseProcess], items: Sequence[Item]) -> Iterator[Any]:
    in_hand: dict[Connection, deque[int]] = {pipe: deque() for pipe in processes}
    waiting = deque(enumerate(items))
    results: dict[int, Any] = {}
    for number in range(len(items)):
        limit = number + _AHEAD * len(processes)
        _hand_out(waiting, in_hand, limit)
        while number not in results:
            _collect(in_hand, results)
            _hand_out(waiting, in_hand, limit)
        yield results.pop(number)


def _hand_out(
    waiting: deque[tuple[int, Item]], in_hand: dict[Connection, deque[int]], limit: int
) -> None:
    for pipe, numbers in in_hand.items():
        while len(numbers) < _IN_HAND and waiting and waiting[0][0] < limit:
            number, item = waiting.popleft()
            _send(pipe, item)
            numbers.append(number)


def _collect(in_hand: dict[Connection, deque[int]], results: dict[int, Any]) -> None:
    ready = wait([pipe for pipe, numbers in in_hand.items() if numbers])
    for pipe, numbers in in_hand.items():
        if pipe in ready:
            results[numbers.popleft()] = _receive(pipe)


def _send(pipe: Connection, item: object) -> None:
    try:
        pipe.send(item)
    except OSError as error:
        raise _killed() from error


def _receive(pipe: Connection) -> Any:
    try:
        result = pipe.recv()
    except (EOFError, OSError) as error:
        raise _killed() from error
    if isinstance(result, BaseException):
        raise result
    return result


def _killed() -> CommandError:
    return CommandError("a process of this run was killed: use fewer, `--jobs 1` starts none")


def _start(function: Callable[[Item], Result]) -> tuple[Connection, BaseProcess]:
    ours, theirs = _SPAWN.Pipe()
    # Python ends a daemon when its parent exits, even before it is in our list.
    process = _SPAWN.Process(target=_work, args=(function, theirs), daemon=True)
    with _interrupts_blocked():
        process.start()
    theirs.close()
    return ours, process


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Start a child with Ctrl-C blocked: the parent handles it and ends the children."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # otherwise the first start does it, and unblocks
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(function: Callable[[Item], Result], pipe: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # on Windows nothing can be blocked
    while True:
        try:
            item = pipe.recv()
        except EOFError:
            return
        try:
            result: object = function(item)
        except Exception as error:  # noqa: BLE001 - the parent raises it
            error.add_note(traceback.format_exc())
            result = error
        pipe.send(result)
