"""Why a view, or one of its documents, cannot be had: a stable code and a sentence each."""

from __future__ import annotations

from typing import ClassVar


class ViewError(Exception):
    """Something about a view is not as it has to be."""

    code: ClassVar[str] = "view"


class ViewNotFoundError(ViewError):
    """There is no such view, or none for who asks."""

    code = "view.unknown"

    def __init__(self) -> None:
        super().__init__("there is no view with this name")


class ViewTakenError(ViewError):
    """There is a view of that name."""

    code = "view.taken"

    def __init__(self, name: str) -> None:
        super().__init__(f"there is a view {name}: replace it, or choose another name")


class DefinitionError(ViewError):
    """A view cannot be made as it was asked for.

    Args:
        faults: each part that is wrong, and why.
    """

    code = "view.definition"

    def __init__(self, *faults: str) -> None:
        self.faults = faults
        super().__init__("; ".join(faults))


class DialectUnavailableError(ViewError):
    """A dialect cannot be written now, and the others can."""

    code = "view.dialect"


class ListRefusedError(ViewError):
    """A signed image list cannot be taken.

    Args:
        code: stable name of the rule.
        reason: what is wrong, and what to do.
    """

    def __init__(self, code: str, reason: str) -> None:
        self.code = code  # type: ignore[misc]  # one class for the rules of a list
        super().__init__(reason)


class NoListError(ViewError):
    """A view has no signed image list."""

    code = "signed-list.unknown"

    def __init__(self) -> None:
        super().__init__("no signed list was uploaded for this view")


class ListToolError(ViewError):
    """A signed image list cannot be verified now."""

    code = "signed-list.openssl"


class LocationAwayError(ViewError):
    """No location of an image has its content now, as far as is known."""

    code = "view.location"


class CopyError(ViewError):
    """A folder or an address holds no copy of a view, or something else."""

    code = "view.copy"
