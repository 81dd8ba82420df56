"""Retries of failed jobs: strategies, and the exceptions that they apply to.

A strategy of naq's own travels as a few JSON values; a function of one's own travels by name, or
in the job's pickled part. Exceptions travel by name too, so neither a listing nor the dashboard has
to import them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from naq.exceptions import JobError

MAX_DELAY: Final = 24 * 3600.0
"""Seconds that a computed delay is cut to by default: one day."""


def _check(name: str, value: float) -> None:
    if not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
        raise JobError(f"{name} must be a number of seconds from 0 up, not {value!r}")


@dataclass(frozen=True, slots=True)
class Fixed:
    """The same delay before every retry.

    Args:
        delay: seconds.
    """

    kind: ClassVar[str] = "fixed"
    delay: float = 0.0

    def __post_init__(self) -> None:
        _check("delay", self.delay)

    def __call__(self, attempt: int) -> float:
        """Return the seconds to wait after the given failed attempt; the first is 1."""
        return self.delay


NO_RETRY: Final = Fixed(0)
"""The strategy of a job that names none."""


@dataclass(frozen=True, slots=True)
class Linear:
    """A delay that grows by as much each time.

    Args:
        delay: seconds after the first failure, and the growth.
        maximum: seconds, the longest delay.
    """

    kind: ClassVar[str] = "linear"
    delay: float = 1.0
    maximum: float = MAX_DELAY

    def __post_init__(self) -> None:
        _check("delay", self.delay)
        _check("maximum", self.maximum)

    def __call__(self, attempt: int) -> float:
        """Return the seconds to wait after the given failed attempt; the first is 1."""
        return min(self.delay * attempt, self.maximum)


@dataclass(frozen=True, slots=True)
class Exponential:
    """A delay that grows by a factor each time; jitter spreads the retries of many failures.

    Args:
        delay: seconds after the first failure.
        factor: what each further delay is multiplied by.
        maximum: seconds, the longest delay.
        jitter: part of the delay, 0 to 1, that chance may take off: 0.5 gives 50 to 100 %
            ("equal jitter", AWS Architecture Blog, 2015).
    """

    kind: ClassVar[str] = "exponential"
    delay: float = 1.0
    factor: float = 2.0
    maximum: float = MAX_DELAY
    jitter: float = 0.5

    def __post_init__(self) -> None:
        _check("delay", self.delay)
        _check("maximum", self.maximum)
        if not self.factor >= 1:
            raise JobError(f"factor must be at least 1, not {self.factor!r}")
        if not 0 <= self.jitter <= 1:
            raise JobError(f"jitter must be from 0 to 1, not {self.jitter!r}")

    def __call__(self, attempt: int) -> float:
        """Return the seconds to wait after the given failed attempt; the first is 1."""
        try:
            full = min(self.delay * self.factor ** (attempt - 1), self.maximum)
        except OverflowError:
            full = self.maximum
        return full * (1 - self.jitter * random.random())


RetryStrategy = Fixed | Linear | Exponential | Callable[[int], float]
"""Takes the number of the failed attempt, from 1, and gives the seconds to wait."""

_KINDS: Final[dict[str, type[Fixed] | type[Linear] | type[Exponential]]] = {
    strategy.kind: strategy for strategy in (Fixed, Linear, Exponential)
}


def strategy_to_json(strategy: Fixed | Linear | Exponential) -> dict[str, Any]:
    """Return the JSON form of one of naq's own strategies."""
    values = {name: getattr(strategy, name) for name in strategy.__slots__}
    return {"kind": strategy.kind, **values}


def strategy_from_json(data: dict[str, Any]) -> Fixed | Linear | Exponential:
    """Return the strategy of its JSON form.

    Raises:
        JobError: there is no such strategy, or it has a bad value.
    """
    values = dict(data)
    kind = values.pop("kind", None)
    if kind not in _KINDS:
        raise JobError(f"no retry strategy {kind!r} (known: {', '.join(_KINDS)})")
    try:
        return _KINDS[kind](**values)
    except TypeError as error:
        raise JobError(f"bad retry strategy {data!r}: {error}") from error


def exception_names(classes: Iterable[type[BaseException] | str]) -> tuple[str, ...]:
    """Return exception classes as ``module:qualified.name``; names pass through."""
    if not classes:
        return ()
    return tuple(each if isinstance(each, str) else exception_name(each) for each in classes)


def exception_name(cls: type[BaseException]) -> str:
    """Return the name under which an exception class is matched."""
    return f"{cls.__module__}:{cls.__qualname__}"


def is_one_of(error: BaseException, names: Iterable[str]) -> bool:
    """Whether the error's class, or a base of it, has one of the names."""
    lineage = {exception_name(cls) for cls in type(error).__mro__ if issubclass(cls, BaseException)}
    return not lineage.isdisjoint(names)
