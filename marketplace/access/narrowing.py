"""``scope=``: a reader looks at a part of what it may see.

It only ever takes logs away. A group that is not the reader's and one that
does not exist leave the same nothing.
"""

from __future__ import annotations

from dataclasses import replace

from .principal import PUBLIC, Principal, group_log

#: Everything the reader may see; what everybody sees; what only the reader's groups see.
ALL, OPEN, MINE = "all", "public", "mine"
#: In front of the name of one group.
GROUP = group_log("")
#: Characters of the longest scope.
LONGEST = 200


class ScopeError(ValueError):
    """No part of anything is called so."""


def parse_scope(text: str) -> str:
    """Check a scope that comes from outside.

    Raises:
        ScopeError: the message says what there is.
    """
    if text in (ALL, OPEN, MINE) or (text.startswith(GROUP) and len(GROUP) < len(text) <= LONGEST):
        return text
    raise ScopeError(f"scope is {ALL}, {OPEN}, {MINE} or {GROUP}NAME")


def narrowed(principal: Principal, scope: str) -> Principal:
    """The principal with the logs of a scope only, as ``parse_scope`` gives it."""
    if scope == ALL:
        return principal
    if scope == OPEN:
        return replace(principal, logs=principal.logs & {PUBLIC})
    if scope == MINE:
        return replace(principal, logs=principal.logs - {PUBLIC})
    return replace(principal, logs=principal.logs & {scope})
