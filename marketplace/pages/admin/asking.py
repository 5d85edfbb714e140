"""Acts: what an administrator is asked before anything happens, and what then does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from marketplace.access import Scope
from marketplace.db import Database
from marketplace.runtime import Runtime


class ActError(Exception):
    """What was given cannot be used; the message says what can.

    Args:
        status: of the page that says so.
    """

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True, slots=True)
class Acting:
    """Who acts, when, and upon what."""

    runtime: Runtime
    actor: str
    now: datetime

    @property
    def database(self) -> Database:
        """The database that the act works on."""
        return self.runtime.database


@dataclass(frozen=True, slots=True)
class ActField:
    """Something an act has to be told.

    Args:
        kind: ``text``, ``number``, ``lines`` or ``scopes``.
        about: it names what is acted upon: where a link brought it, it is shown and not asked for.
        value: where nothing is given.
    """

    name: str
    label: str
    help: str = ""
    kind: str = "text"
    about: bool = False
    optional: bool = False
    value: str = ""


@dataclass(frozen=True, slots=True)
class Secret:
    """Something that is shown once."""

    title: str
    text: str
    help: str
    path: str


Given = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Act:
    """Something an administrator does.

    Args:
        part: of administration.
        name: in the address.
        title: what it does, in few words.
        explains: what comes of it, in whole sentences.
        button: on the button that does it.
        done: said afterwards.
        run: does it; raises ActError, or an error of the service that has a sentence and a code.
        harmful: it takes something away.
    """

    part: str
    name: str
    title: str
    explains: str
    button: str
    done: str
    run: Callable[[Acting, Given], Secret | None]
    fields: Sequence[ActField] = field(default_factory=tuple)
    harmful: bool = True

    @property
    def key(self) -> str:
        """How the address of a list names it once it is done."""
        return f"{self.part}.{self.name}"


#: What a token may be used for, in words.
SCOPES: Mapping[Scope, str] = MappingProxyType(
    {
        Scope.READ: "see private entries of the owner's groups",
        Scope.UPLOAD: "upload to the owner's groups",
        Scope.SITE: "send receipts of a cloud site",
        Scope.PEER: "act as another marketplace",
        Scope.ADMIN: "administer this site",
    }
)


def scope_choices(which: Iterable[Scope], given: Given) -> list[tuple[str, str, bool]]:
    """Scopes as a form shows them: name, words, and whether it is ticked."""
    ticked = scopes_of(given)
    return [
        (scope.value, words, scope in ticked) for scope, words in SCOPES.items() if scope in frozenset(which)
    ]


def text_of(given: Given, name: str, label: str) -> str:
    """A value that has to be there.

    Raises:
        ActError: it is not.
    """
    found = given.get(name, "").strip()
    if not found:
        raise ActError(f"{label} is missing")
    return found


def number_of(given: Given, name: str, label: str, most: int) -> int:
    """A whole number from 1 on.

    Raises:
        ActError: it is none.
    """
    found = text_of(given, name, label)
    if not (found.isascii() and found.isdigit() and len(found) <= 19 and 1 <= int(found) <= most):
        raise ActError(f"{label} is a whole number from 1 to {most}")
    return int(found)


def scopes_of(given: Given) -> list[Scope]:
    """The scopes that are ticked: a field each, ``scope.read`` for one."""
    return [scope for scope in SCOPES if given.get(f"scope.{scope.value}")]


def lines_of(given: Given, name: str) -> list[str]:
    """The lines of a field, without empty ones."""
    return [line.strip() for line in given.get(name, "").splitlines() if line.strip()]
