"""Why a view, or one of its documents, cannot be had: a stable code and a sentence each."""

from __future__ import annotations

from validators.coded_error import CodedError


class ViewError(CodedError, code="view"):
    """Something about a view is not as it has to be."""


class ViewNotFoundError(ViewError, code="view.unknown"):
    """There is no such view, or none for who asks."""

    def __init__(self) -> None:
        super().__init__("there is no view with this name")


class ViewTakenError(ViewError, code="view.taken"):
    """There is a view of that name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is a view {name}: replace it, or choose another name")


class DefinitionError(ViewError, code="view.definition"):
    """A view cannot be made as it was asked for.

    Args:
        faults: each part that is wrong, and why.
    """

    def __init__(self, *faults: str) -> None:
        self.faults = faults
        super().__init__("; ".join(faults))


class DialectUnavailableError(ViewError, code="view.dialect"):
    """A dialect cannot be written now, and the others can."""


class ListRefusedError(ViewError, code="signed-list"):
    """A signed image list cannot be taken.

    Args:
        code: stable name of the rule.
        reason: what is wrong, and what to do.
    """

    def __init__(self, code: str, reason: str) -> None:
        self.code = code
        super().__init__(reason)


class NoListError(ViewError, code="signed-list.unknown"):
    """A view has no signed image list."""

    def __init__(self) -> None:
        super().__init__("no signed list was uploaded for this view")


class ListToolError(ViewError, code="signed-list.openssl"):
    """A signed image list cannot be verified now."""


class LocationAwayError(ViewError, code="view.location"):
    """No location of an image has its content now, as far as is known."""


class CopyError(ViewError, code="view.copy"):
    """A folder or an address holds no copy of a view, or something else."""
