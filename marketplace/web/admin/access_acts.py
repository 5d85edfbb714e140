"""Acts upon tokens and groups: those of ``marketplace token`` and ``marketplace group``."""

from __future__ import annotations

from datetime import timedelta

from marketplace.accounts import GroupService, TokenService
from marketplace.accounts.sessions import SessionService
from marketplace.accounts.tokens import MOST_DAYS, USUAL_DAYS

from .asking import Act, Acting, Field, Given, Secret, lines_of, number_of, scopes_of, text_of

_TOKEN = Field("name", "Token", about=True)
_GROUP = Field("name", "Group", about=True)
_MEMBER = Field(
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
        "The token is made",
        issued.secret.text,
        f"This is token {issued.token.name} of {issued.token.owner}. Keep it: it is not shown again.",
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
        "Make a token",
        "The token itself is shown once, on the next page. The owner belongs to the groups that list "
        "this name.",
        "Make the token",
        "",
        _create_token,
        (
            Field("owner", "Owner", "Whose it is: normally an e-mail address."),
            Field("scopes", "It may be used to", kind="scopes"),
            Field("days", "Days until it expires", kind="number", value=str(USUAL_DAYS)),
            Field("note", "Note", "What it is for.", optional=True),
        ),
        harmful=False,
    ),
    Act(
        "tokens",
        "revoke",
        "Revoke a token",
        "It is out of force at once and for good, with every session that was opened with it and every "
        "token that was made with it.",
        "Revoke the token",
        "The token is revoked.",
        _revoke_token,
        (_TOKEN,),
    ),
    Act(
        "tokens",
        "sign-out",
        "Sign a person out everywhere",
        "Ends every session of this person, however it was opened. Tokens stay in force: revoke them too, or "
        "the person can sign in with one again.",
        "Sign out",
        "All sessions of this person are over.",
        _sign_out,
        (Field("owner", "Name", about=True),),
    ),
    Act(
        "groups",
        "create",
        "Found a group",
        "Its members share entries that nobody else sees. The name is taken for good, also "
        "after the group was "
        "deleted.",
        "Found the group",
        "The group is founded.",
        _create_group,
        (
            Field("name", "Name", "1-63 lower-case letters, digits and . _ -"),
            Field("members", "Members", "One a line: owners of tokens.", kind="lines", optional=True),
        ),
        harmful=False,
    ),
    Act(
        "groups",
        "delete",
        "Delete a group",
        "Closes the group for good: its entries stay stored, no reader sees them any more, and "
        "its name stays "
        "taken.",
        "Delete the group",
        "The group is deleted.",
        _delete_group,
        (_GROUP,),
    ),
    Act(
        "groups",
        "add",
        "Add a member",
        "A member sees everything that the group keeps, also what is there already.",
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
        "This member sees nothing of the group from now on.",
        "Remove the member",
        "The member is removed.",
        _remove_member,
        (_GROUP, Field("member", "Member", about=True)),
    ),
)
