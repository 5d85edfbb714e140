"""What goes between this process and those that prove entries."""

from __future__ import annotations

import copyreg
import io
import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from enum import Enum
from operator import attrgetter
from typing import Any

from marketplace.processes.frames import LENGTH
from validators import document


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a body is no entry: the code of the rule, and a sentence."""

    code: str
    message: str


class BrokenVerdictError(Exception):
    """The answer of a verifying process is malformed."""


#: The only things an answer may be made of. A body that takes a process over must not reach this one.
_ALLOWED = frozenset(
    {
        ("marketplace.peers.acceptance.protocol", "Refusal"),
        ("datetime", "datetime"),
        ("datetime", "timezone"),
        ("datetime", "timedelta"),
        *(
            (document.__name__, name)
            for name, kind in vars(document).items()
            if isinstance(kind, type) and kind.__module__ == document.__name__
        ),
    }
)


def _by_fields(kind: type) -> Callable[[Any], tuple[type, tuple[Any, ...]]]:
    values = attrgetter(*(field.name for field in fields(kind)))
    return lambda value: (kind, values(value))


def _by_value(member: Enum) -> tuple[type, tuple[Any, ...]]:
    return type(member), (member.value,)


#: How an answer spells values: class and fields. The spelling that frozen dataclasses bring with them takes
#: this process, which has all the writing to do besides, several times as long to read. That of members of
#: enumerations is another one in Python before 3.11.4.
_SPELLED = copyreg.dispatch_table | {
    kind: _by_fields(kind) if is_dataclass(kind) else _by_value
    for kind in (Refusal, *vars(document).values())
    if isinstance(kind, type) and (is_dataclass(kind) or issubclass(kind, Enum))
}


class _Reader(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str, /) -> Any:
        if (module_name, global_name) not in _ALLOWED:
            raise BrokenVerdictError(f"{module_name}.{global_name} is not part of a verdict")
        return super().find_class(module_name, global_name)


def write_verdicts(verdicts: Sequence[document.AcceptedEntry | Refusal]) -> bytes:
    """An answer; entries go without their bytes, which the asker has, and a signer goes once."""
    signers: dict[document.Signer, document.Signer] = {}
    stream = io.BytesIO()
    writer = pickle.Pickler(stream, protocol=5)
    writer.dispatch_table = _SPELLED
    writer.dump(
        [
            replace(one, data=b"", signer=signers.setdefault(one.signer, one.signer))
            if isinstance(one, document.AcceptedEntry)
            else one
            for one in verdicts
        ]
    )
    return stream.getvalue()


def read_verdicts(data: bytes) -> list[document.AcceptedEntry | Refusal]:
    """The verdicts of an answer.

    Raises:
        BrokenVerdictError: it holds anything else.
    """
    try:
        found = _Reader(io.BytesIO(data)).load()
    except BrokenVerdictError:
        raise
    except Exception as error:  # what broken pickles raise is not bounded
        raise BrokenVerdictError(type(error).__name__) from None
    if not isinstance(found, list) or not all(
        isinstance(one, document.AcceptedEntry | Refusal) for one in found
    ):
        raise BrokenVerdictError("not a list of verdicts")
    return found


def write_bodies(bodies: Sequence[bytes]) -> bytes:
    """A request: each body behind its length."""
    return b"".join(LENGTH.pack(len(body)) + body for body in bodies)


def read_bodies(data: bytes) -> list[bytes]:
    """The bodies of a request that ``write_bodies`` wrote."""
    bodies, at = [], 0
    while at < len(data):
        (length,) = LENGTH.unpack_from(data, at)
        at += LENGTH.size
        bodies.append(data[at : at + length])
        at += length
    return bodies
