"""Names of people and groups: few characters, so that they are safe in headers, paths and logs."""

from __future__ import annotations

import re

from marketplace.accounts.errors import InvalidValueError
from validators.errors import printable

#: Characters of an e-mail address; no colon, which stands in actors that are no people (``cli:root``).
OWNER_PATTERN = r"[A-Za-z0-9._%+@-]{1,254}"
GROUP_PATTERN = r"[a-z0-9][a-z0-9._-]{0,62}"
_OWNER = re.compile(OWNER_PATTERN)
_GROUP = re.compile(GROUP_PATTERN)
#: What acts by itself is called so in the audit log.
SYSTEM = "system"


def parse_owner(text: str) -> str:
    """The name of an owner of tokens, normally an e-mail address.

    Raises:
        InvalidValueError: it has other characters, or is reserved.
    """
    if not _OWNER.fullmatch(text) or text == SYSTEM:
        raise InvalidValueError(
            f"{printable(text)} is not an owner: expected an e-mail address, or letters, digits and "
            ". _ % + @ -"
        )
    return text


def parse_group(text: str) -> str:
    """The name of a group.

    Raises:
        InvalidValueError: it has other characters or too many.
    """
    if not _GROUP.fullmatch(text):
        raise InvalidValueError(
            f"{printable(text)} is not a group name: expected 1-63 lower-case letters, digits and . _ -, "
            "beginning with a letter or digit"
        )
    return text
