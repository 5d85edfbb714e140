"""What the operating system says inside an error, which libraries often pass on as text only."""

from __future__ import annotations

import errno
import os
from typing import Final

#: Conditions of the machine, not of the files that a program found there.
_CONDITIONS: Final = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOMEM,
    errno.EIO,
    errno.ENOTDIR,
)


def find_condition(error: BaseException) -> str | None:
    """The system's own words for what keeps a program from working (No space left on device).

    Returns:
        None where the error tells of nothing of the kind: the files themselves may be bad then.
    """
    number = getattr(error, "errno", None)
    if number is not None:
        return os.strerror(number) if number in _CONDITIONS else None
    text = str(error)
    return next((words for words in map(os.strerror, _CONDITIONS) if words in text), None)


def reason_of(error: BaseException) -> str:
    """A few words on why a part does not work, which name no path: everybody may read them."""
    if isinstance(error, OSError) and error.errno is not None:
        return os.strerror(error.errno)
    return find_condition(error) or type(error).__name__
