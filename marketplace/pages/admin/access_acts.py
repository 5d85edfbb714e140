"""Acts upon tokens and groups: those of ``marketplace token`` and ``marketplace group``."""

from __future__ import annotations

from datetime import timedelta

from marketplace.accounts import GroupService, TokenService
from marketplace.accounts.sessions import SessionService
from marketplace.accounts.tokens import MOST_DAYS, USUAL_DAYS

from .asking import Act, ActField, Acting, Given, Secret, lines_of, number_of, scopes_of, text_of

_TOKEN = ActField("name", "Token", about=True)
_GROUP = ActField("name", "Group", about=True)
_MEMBER = ActField(
    "member", "Member", "The owner of a token, or the name of a person: normally an e-mail address."
)


def _create_token(acting: Acting, given: Given) -> Secret:
    days = number_of(given, "days", "Days", MOST_DAYS)
    with acting.database.write() as session:
        issued = TokenService(session).create(
            text_of(given, "owner", "Owner"),
            scopes_of(given),
            by=acting.actor,
            at=acting.now,
            expires_at=acting.now + timedelta(days=days),
            note=given.get("note", "").strip(),
        )
    return Secret(
        "Token created",
        issued.secret.text,
        f"This is token {issued.token.name} of {issued.token.owner}. Copy it now: it is not shown again.",
        "/admin/tokens",
    )


def _revoke_token(acting: Acting, given: Given) -> None:
    with acting.database.write() as session:
        TokenService(session).revoke(text_of(given, "name", "Token"), by=acting.actor, at=acting.now)


def _sign_out(acting: Acting, given: Given) -> None:
    with acting.database.write() as session:
        SessionService(session).close_all(text_of(given, "owner", "Name"), by=acting.actor, at=acting.now)


def _create_group(acting: Acting, given: Given) -> None:
    name = text_of(given, "name", "Name")
    with acting.database.write() as session:
        groups = GroupService(session)
        groups.create(name, by=acting.actor, at=acting.now)
        for member in lines_of(given, "members"):
            groups.add(name, member, by=acting.actor, at=acting.now)


def _delete_group(acting: Acting, given: Given) -> None:
    with acting.database.write() as session:
        GroupService(session).delete(text_of(given, "name", "Group"), by=acting.actor, at=acting.now)


def _add_member(acting: Acting, given: Given) -> None:
    name, member = text_of(given, "name", "Group"), text_of(given, "member", "Member")
    with acting.database.write() as session:
        GroupService(session).add(name, member, by=acting.actor, at=acting.now)


def _remove_member(acting: Acting, given: Given) -> None:
    name, member = text_of(given, "name", "Group"), text_of(given, "member", "Member")
    with acting.database.write() as session:
        GroupService(session).remove(name, member, by=acting.actor, at=acting.now)


ACTS = (
    Act(
        "tokens",
        "create",
        "Create a token",
        "The token is shown only once, on the next page. The owner is a member of the groups that "
        "list this name.",
        "Create the token",
        "",
        _create_token,
        (
            ActField("owner", "Owner", "Owner of the token, normally an e-mail address."),
            ActField("scopes", "Permissions", kind="scopes"),
            ActField("days", "Days until it expires", kind="number", value=str(USUAL_DAYS)),
            ActField("note", "Note", "Purpose of the token.", optional=True),
        ),
        harmful=False,
    ),
    Act(
        "tokens",
        "revoke",
        "Revoke a token",
        "The token stops working at once and permanently, and so do all sessions and tokens that were "
        "created with it.",
        "Revoke the token",
        "The token is revoked.",
        _revoke_token,
        (_TOKEN,),
    ),
    Act(
        "tokens",
        "sign-out",
        "Sign a person out everywhere",
        "Ends all sessions of this person, however they were opened. Tokens stay valid: revoke them "
        "too, or the person can sign in with one again.",
        "Sign out",
        "All sessions of this person have ended.",
        _sign_out,
        (ActField("owner", "Name", about=True),),
    ),
    Act(
        "groups",
        "create",
        "Create a group",
        "Members share entries that nobody else sees. The name cannot be used again, even after the "
        "group is deleted.",
        "Create the group",
        "The group is created.",
        _create_group,
        (
            ActField("name", "Name", "1-63 lower-case letters, digits and . _ -"),
            ActField("members", "Members", "Owners of tokens, one per line.", kind="lines", optional=True),
        ),
        harmful=False,
    ),
    Act(
        "groups",
        "delete",
        "Delete a group",
        "Deletes the group permanently: its entries stay stored, but nobody sees them any more, and its "
        "name cannot be used again.",
        "Delete the group",
        "The group is deleted.",
        _delete_group,
        (_GROUP,),
    ),
    Act(
        "groups",
        "add",
        "Add a member",
        "A member sees all entries of the group, including the existing ones.",
        "Add the member",
        "The member is added.",
        _add_member,
        (_GROUP, _MEMBER),
        harmful=False,
    ),
    Act(
        "groups",
        "remove",
        "Remove a member",
        "This member no longer sees any entry of the group.",
        "Remove the member",
        "The member is removed.",
        _remove_member,
        (_GROUP, ActField("member", "Member", about=True)),
    ),
)
