"""The root of every error that is told to people and programs."""

from __future__ import annotations


class CodedError(Exception):
    """Something cannot be done; ``str()`` is one sentence for people, ``code`` the reason's stable name.

    A class names its code in its first line: ``class ImageError(CodedError, code="image")``. A class that
    names none has the code of the class above it.
    """

    code: str

    def __init_subclass__(cls, *, code: str | None = None) -> None:
        super().__init_subclass__()
        if code is not None:
            cls.code = code

    @property
    def message(self) -> str:
        """One sentence for people."""
        return str(self)
