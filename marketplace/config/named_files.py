"""Files that settings name and that are read later: whether they can be read at the start."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from marketplace.config.section import Section
from marketplace.config.settings import Settings

#: Whose files are told of by itself, when they are read at the start and whenever they change.
_TELLS_ITSELF = "trust"


def unreadable_files(settings: Settings) -> Iterator[tuple[str, Path, str]]:
    """Settings that name a file which this process cannot read: name, file, reason."""
    for section in type(settings).model_fields:
        values = getattr(settings, section)
        if not isinstance(values, Section) or section == _TELLS_ITSELF:
            continue
        for name in type(values).model_fields:
            path = getattr(values, name)
            if isinstance(path, Path) and (reason := _find_reason(path)) is not None:
                yield f"{section}.{name}", path, reason


def _find_reason(path: Path) -> str | None:
    try:
        with path.open("rb"):
            return None
    except OSError as error:
        return (error.strerror or str(error)).lower()
