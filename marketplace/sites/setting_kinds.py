"""Kinds of values that tables of site.toml have, and how a table is read into its frozen class."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, field, fields
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from marshmallow import Schema, ValidationError
from marshmallow import fields as kinds
from marshmallow.validate import Length, OneOf, Range

from marketplace.sites.units import parse_duration, parse_size

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_SAID: Final = {
    kinds.String: "must be text in quotes",
    kinds.Integer: "must be a whole number",
    kinds.Boolean: "must be true or false",
    kinds.List: "must be a list in brackets",
    kinds.Dict: "must be a table",
}
_Table = TypeVar("_Table")


def member(kind: kinds.Field[Any], *default: Any, factory: Callable[[], Any] | None = None) -> Any:
    """A member of a table: its kind, and what it is when the file does not say; without that it is needed."""
    for base, said in _SAID.items():
        if isinstance(kind, base):
            kind.error_messages["invalid"] = said
    kind.error_messages["required"] = "is missing"
    kind.required = not default and factory is None
    metadata = {"kind": kind}
    if factory is not None:
        return field(default_factory=factory, metadata=metadata)
    return field(default=default[0] if default else MISSING, metadata=metadata)


def kinds_of(table: type[Any]) -> dict[str, kinds.Field[Any]]:
    """The members of a table and their kinds."""
    return {one.name: one.metadata["kind"] for one in fields(table)}


class TableOf(kinds.Field[Any]):
    """A table; a member that it does not know is a fault."""

    def __init__(self, table: type[Any]) -> None:
        super().__init__()
        self.table = table
        self._schema = Schema.from_dict(kinds_of(table), name=table.__name__)()
        self._schema.error_messages["unknown"] = "unknown setting"

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> Any:
        if not isinstance(value, Mapping):
            raise ValidationError("must be a table")
        loaded = self._schema.load(value)
        try:
            return self.table(**loaded)
        except ValueError as error:
            raise ValidationError(str(error)) from None


def read_table(table: type[_Table], said: Mapping[str, Any]) -> _Table:
    """A table of a file in its class.

    Raises:
        ValidationError: naming every fault; ``faults_of`` lists them.
    """
    read: _Table = TableOf(table).deserialize(said)
    return read


def faults_of(messages: Any, *where: str | int) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Each fault that a ValidationError names: where it is, and a sentence."""
    if isinstance(messages, Mapping):
        for part, inner in messages.items():
            yield from faults_of(inner, *where, part)
    else:
        yield from ((where, message) for message in messages)


class Text(kinds.String):
    """A text that a function checks or changes; the function raises ValueError."""

    def __init__(self, check: Callable[[str], Any] = str) -> None:
        super().__init__()
        self._check = check

    def _deserialize(self, *said: Any, **also: Any) -> Any:
        text = super()._deserialize(*said, **also)
        try:
            return self._check(text)
        except ValueError as error:
            raise ValidationError(str(error)) from None


class Whole(kinds.Integer):
    """A whole number between two, both included; the environment writes it as text."""

    def __init__(self, least: int, most: int) -> None:
        super().__init__(validate=Range(least, most, error=f"must be from {least} to {most}"))

    def _validated(self, value: Any) -> int:
        if isinstance(value, float):
            raise self.make_error("invalid")
        return super()._validated(value)


class _Measured(kinds.Field[Any]):
    def __init__(self, parse: Callable[[object], Any], **bounds: Any) -> None:
        super().__init__(validate=Range(**bounds))
        self._parse = parse

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> Any:
        try:
            return self._parse(value)
        except ValueError as error:
            raise ValidationError(str(error)) from None


class Seconds(_Measured):
    """A duration such as ``"24h"``, in seconds."""

    def __init__(self, least: float = 0, most: float | None = None, *, above: bool = False) -> None:
        said = f"must be {'more than' if above else 'at least'} {least:g} s" + (
            "" if most is None else f" and at most {most:g} s"
        )
        super().__init__(parse_duration, min=least, max=most, min_inclusive=not above, error=said)


class Size(_Measured):
    """A size such as ``"20GiB"``, in bytes."""

    def __init__(self) -> None:
        super().__init__(parse_size)


def one_of(*choices: str) -> kinds.String:
    """One of some words."""
    return kinds.String(validate=OneOf(choices, error="must be " + " or ".join(choices)))


class ListOf(kinds.List[Any]):
    """A list, kept as a tuple."""

    def __init__(self, inner: kinds.Field[Any], least: int = 0) -> None:
        # Its kind is told like that of a member.
        member(inner)
        super().__init__(inner, validate=Length(min=least, error="must not be empty"))

    def _deserialize(self, *said: Any, **also: Any) -> Any:
        return tuple(super()._deserialize(*said, **also))


class DictOf(kinds.Dict):
    """A table with any names, whose values are of one kind."""

    def __init__(self, values: kinds.Field[Any] | None = None) -> None:
        if values is not None:
            member(values)
        super().__init__(values=values)

    def _deserialize(self, *said: Any, **also: Any) -> Any:
        try:
            return super()._deserialize(*said, **also)  # type: ignore[no-untyped-call]  # as the library has it
        except ValidationError as error:
            if not isinstance(error.messages, dict):
                raise
            # The library says for each name whether name or value is wrong; a name cannot be.
            raise ValidationError({name: said["value"] for name, said in error.messages.items()}) from None


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError("must begin with a letter or digit and hold letters, digits, '.', '_', '-' only")
    return value


def _http_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        _ = parts.port  # raises ValueError where the port is no number
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("must be a URL such as https://marketplace.example.org")
    return value.rstrip("/")


class Name(Text):
    """A name of something in site.toml."""

    def __init__(self) -> None:
        super().__init__(_name)


class HttpUrl(Text):
    """A URL; kept without a slash at its end."""

    def __init__(self) -> None:
        super().__init__(_http_url)


class FilePath(Text):
    """A path, as a ``Path``."""

    def __init__(self) -> None:
        super().__init__(Path)
