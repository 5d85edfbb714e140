"""What a webhook may be told now: never more than its owner may see at this moment."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from marketplace.access.principal import Principal, Scope, find_group
from marketplace.accounts.errors import TokenNotFoundError
from marketplace.accounts.groups import GroupService
from marketplace.accounts.tokens import TokenService
from marketplace.webhooks.definitions import OWN, SITE, Hook
from marketplace.webhooks.errors import MemberFault, NotOwnerError, WebhookDefinitionError


def verify_may_make(session: Session, principal: Principal, audience: str) -> None:
    """Check that somebody may make a webhook that is told of the events of an audience.

    Raises:
        WebhookDefinitionError: they may not; a group that is not theirs is one that does not exist.
    """
    group = find_group(audience)
    if group is not None:
        # A sign-in provider's word lasts for a session, and a webhook longer: the group has to be kept here.
        if audience not in principal.logs or group not in GroupService(session).of(principal.name or ""):
            raise WebhookDefinitionError(MemberFault("audience", "there is no group of this name"))
    elif audience == SITE:
        if Scope.ADMIN not in principal.scopes or principal.token is None:
            raise WebhookDefinitionError(
                MemberFault(
                    "audience",
                    f"a webhook of all events needs a token of scope {Scope.ADMIN}: choose the audience "
                    f"{OWN}, or group:NAME of a group of yours",
                )
            )
    elif audience != OWN:
        raise WebhookDefinitionError(MemberFault("audience", f"audience is {SITE}, {OWN} or group:NAME"))


def may_see(principal: Principal, hook: Hook) -> bool:
    """Whether somebody sees a webhook: its owner, and administrators."""
    return Scope.ADMIN in principal.scopes or principal.name == hook.owner


def verify_may_change(session: Session, principal: Principal, hook: Hook) -> None:
    """Check that somebody who sees a webhook may say where its events go, and which.

    Raises:
        NotOwnerError: they may not: an administrator would send a group's events elsewhere by its owner's
            rights.
        WebhookDefinitionError: they could not make it, with the token that they show.
    """
    if hook.group is not None and principal.name != hook.owner:
        raise NotOwnerError
    verify_may_make(session, principal, hook.audience)


def find_objection(session: Session, hook: Hook, now: datetime) -> str | None:
    """Why a webhook may be told nothing any more; None where it may.

    A token that it was made with is looked at first: whoever stole it may have made the webhook.
    """
    group = hook.group
    if group is not None and group not in GroupService(session).of(hook.owner):
        return f"{hook.owner} is no longer a member of the group {group}"
    if hook.token is None:
        return None  # an operator made it, on the server's machine
    tokens = TokenService(session)
    try:
        made_with = tokens.get(hook.token)
    except TokenNotFoundError:
        return "the token that it was made with is gone"
    if made_with.revoked_at is not None:
        return "the token that it was made with was revoked"
    needed = {Scope.ADMIN} if hook.audience == SITE else {Scope.READ} if group is not None else set(Scope)
    mine = tokens.list(hook.owner)
    if not any(one.status(now) == "valid" and one.scopes & needed for one in mine):
        word = "" if needed == set(Scope) else f" of scope {next(iter(needed))}"
        return f"{hook.owner} has no valid token{word} any more"
    return None
