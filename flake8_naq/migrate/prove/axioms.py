"""The axioms: differences between a function and its rewrite that keep its meaning.

Each is documented with a before and an after in ``docs/guide/axioms.md``, and tested on a real server.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Axiom:
    """A difference that is allowed.

    Attributes:
        name: Its name, as its section on the docs page has it.
        statement: The two forms that are equal.
        reason: Why.
    """

    name: str
    statement: str
    reason: str


MADE_FIRST = Axiom(
    "client-made-first",
    "`NATS()` followed by `connect(...)` on it equals `nats.connect(...)`.",
    "`nats.connect` does exactly that; making a client does no input or output.",
)
NEVER_CONNECTED = Axiom(
    "never-connected",
    "`NATS()` in a `try` equals `NATS()` before it: the close and the drain of a client that never "
    "called `connect` raise, as those of an unbound name do.",
    "Making a client does no input or output and raises nothing. An error before `NATS()` then ends "
    "in nats-py's AssertionError, no longer in an UnboundLocalError; a note names the line.",
)
CLOSED_TWICE = Axiom(
    "closed-twice",
    "A close after a close or a drain of the same connection does nothing, and a guard that only "
    "asks whether the connection is closed already is not needed.",
    "nats-py returns at once when the client is closed. After a drain that failed, the end of the "
    "block closes what the drain left open.",
)
CLOSED_ON_ERROR = Axiom(
    "closed-on-error",
    "A path that leaves by an exception and left the connection open closes it.",
    "Nobody holds the connection any more. Where a clause or a `finally` of the function runs "
    "afterwards, it runs after the close: a note names its line.",
)
CLOSES_SWAPPED = Axiom(
    "closes-swapped",
    "Closes of several connections, one right after the other, change their order.",
    "None of them has a callback that runs at its close, so no code of the program runs between "
    "them.",
)
RUNS_AFTER_CLOSE = Axiom(
    "runs-after-close",
    "Code that awaits nothing and cannot reach the connection runs after the close in place of "
    "before, or the other way round; if the close itself is cancelled, it may not run.",
    "Neither can observe the other: the connection has no callback, and the code gets neither the "
    "connection nor anything derived from it. While a task or a subscription is at work, the code may "
    "only print or raise what the function alone holds.",
)
CLOSE_FAILS = Axiom(
    "close-fails",
    "An error of the close itself may reach another clause, and what stands after the close in a "
    "`finally` runs although the close failed or was cancelled.",
    "Without a callback a close fails only where the transport breaks while it flushes; the client "
    "is closed all the same.",
)
NEVER_BOUND = Axiom(
    "never-bound",
    "Where the `finally` closes or uses a name that a failed connect left unbound, the function goes "
    "on as if there was nothing to close: no UnboundLocalError hides the error of the connect.",
    "Nobody relies on that UnboundLocalError: a clause that names it voids this. A note names the "
    "place.",
)
CLIENT_AS_MANAGER = Axiom(
    "client-as-manager",
    "`async with` on nats-py's client equals a `finally` that closes it.",
    "`__aenter__` returns the client. `__aexit__` calls `_close()`, as `close()` does, and "
    "swallows nothing. Assigning to an attribute of the client voids this.",
)
MANAGERS = Axiom(
    "managers",
    "`nats_connection` is connect; `nats_jetstream` is connect and derive; `nats_kv_store` is "
    "connect, derive and bind. A shared lease's end takes the place of the close; the end of an "
    "exclusive one drains and closes.",
    "That is how naq defines them. Deriving JetStream makes an object, awaits nothing and raises "
    "nothing, so its place does not matter; a bucket's name may be read before the connect. A "
    "shared lease's end closes nothing, so the code beside it cannot observe it.",
)
POOLED_CLOSE = Axiom(
    "pooled-close",
    "`close_nats_connection()` without the handle equals the close of the function's own "
    "connections.",
    "It closes what the pool holds, which is a defect (rule 12): no other user of the pool relies "
    "on losing its connection. A note names the line.",
)

AXIOMS = (
    MADE_FIRST,
    NEVER_CONNECTED,
    CLIENT_AS_MANAGER,
    CLOSED_TWICE,
    CLOSED_ON_ERROR,
    CLOSES_SWAPPED,
    RUNS_AFTER_CLOSE,
    CLOSE_FAILS,
    NEVER_BOUND,
    MANAGERS,
    POOLED_CLOSE,
)
