"""The lists of administration: what the commands ``list``, ``show`` and ``check`` tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from pyramid.request import Request

from marketplace.accounts import GroupService, TokenService
from marketplace.accounts.groups import Group
from marketplace.accounts.tokens import Token
from marketplace.audit import AuditedAct, AuditLog
from marketplace.confirmation import Pending, PendingUploads
from marketplace.http.parameters import whole_number
from marketplace.mail import Outbox
from marketplace.mail.outbox import OutgoingState
from marketplace.pages.display import cut, grouped, plural
from marketplace.runtime import Runtime

from .parts import (
    ROWS,
    ActLink,
    AdministrationPage,
    Banner,
    Cell,
    Filter,
    Table,
    TableRow,
    act_path,
    at,
    part_path,
)

Item = TypeVar("Item")
_TONES = {
    "valid": "good",
    "expired": "off",
    "revoked": "off",
    "waiting": "plain",
    "dead": "bad",
    "frozen": "bad",
}
_MOST_PAGES = 1_000_000


def paged(
    items: Sequence[Item], query: Mapping[str, str], part: str, **kept: str
) -> tuple[Sequence[Item], str, str]:
    """The items of the page that is asked for, where the next one is, and which these are.

    Args:
        kept: what the address of the next page has to say besides.
    """
    page = whole_number("page", query.get("page", "1"), least=1, most=_MOST_PAGES)
    first = (page - 1) * ROWS
    found = items[first : first + ROWS]
    further = part_path(part, **kept, page=page + 1) if len(items) > first + ROWS else ""
    shown = (
        f"{grouped(first + 1)} to {grouped(first + len(found))} of {grouped(len(items))}"
        if further or first
        else ""
    )
    return found, further, shown


def tokens(request: Request, query: Mapping[str, str]) -> AdministrationPage:
    """Every token without its secret, the newest first."""
    runtime: Runtime = request.registry[Runtime]
    owner = query.get("owner", "")
    with runtime.database.read() as session:
        every = TokenService(session).list(owner or None)
    now = runtime.now()
    found, further, shown = paged(every[::-1], query, "tokens", owner=owner)
    acts = [ActLink("Create a token", act_path("tokens", "create", **({"owner": owner} if owner else {})))]
    if owner:
        acts.append(ActLink("Sign this person out everywhere", act_path("tokens", "sign-out", owner=owner)))
    return AdministrationPage(
        "tokens",
        "Tokens",
        "They allow people and programs to read private entries, upload to groups, act as a peer, "
        "or administer.",
        acts=acts,
        filters=[Filter("owner", "Owner", owner)],
        tables=[
            Table(
                "Tokens",
                ("Token", "Owner", "Used for", "Status", "Expires", "Last used", "Note"),
                [_token(one, now) for one in found],
                "No tokens yet." if not owner else "No tokens of this owner.",
            )
        ],
        further=further,
        range_text=shown,
    )


def _token(one: Token, now: datetime) -> TableRow:
    status = one.status(now)
    links = [ActLink("Revoke", act_path("tokens", "revoke", name=one.name), f"Revoke {one.name}")]
    return TableRow(
        (
            Cell(one.name, "code"),
            Cell(one.owner, path=part_path("tokens", owner=one.owner)),
            Cell(", ".join(sorted(one.scopes))),
            Cell(status, "badge", _TONES[status]),
            at(one.expires_at, "no expiry date"),
            at(one.last_used_at, "never"),
            Cell(one.note),
        ),
        links if status == "valid" else (),
    )


def groups(request: Request, query: Mapping[str, str]) -> AdministrationPage:
    """The groups, or the members of a group.

    Raises:
        NotFoundError: there is no such group.
    """
    runtime: Runtime = request.registry[Runtime]
    name = query.get("name", "")
    with runtime.database.read() as session:
        service = GroupService(session)
        if name:
            return _group(service.get(name), query)
        every = service.list()
    found, further, shown = paged(every, query, "groups")
    rows = [
        TableRow(
            (
                Cell(one.name, path=part_path("groups", name=one.name)),
                Cell("", moment=one.created_at),
                Cell(plural(len(one.members), "member")),
            ),
            (ActLink("Delete", act_path("groups", "delete", name=one.name), f"Delete {one.name}"),),
        )
        for one in found
    ]
    return AdministrationPage(
        "groups",
        "Groups",
        "Members of a group share entries that nobody else sees.",
        acts=(ActLink("Create a group", act_path("groups", "create")),),
        tables=(Table("Groups", ("Group", "Founded", "Members"), rows, "No groups yet."),),
        further=further,
        range_text=shown,
    )


def _group(one: Group, query: Mapping[str, str]) -> AdministrationPage:
    found, further, shown = paged(one.members, query, "groups", name=one.name)
    rows = [
        TableRow(
            (Cell(member, path=part_path("tokens", owner=member)),),
            (
                ActLink(
                    "Remove", act_path("groups", "remove", name=one.name, member=member), f"Remove {member}"
                ),
            ),
        )
        for member in found
    ]
    return AdministrationPage(
        "groups",
        one.name,
        "People who sign in through the provider can also be members, by a claim, for the time of "
        "their session.",
        acts=(
            ActLink("Add a member", act_path("groups", "add", name=one.name)),
            ActLink("Delete the group", act_path("groups", "delete", name=one.name)),
        ),
        tables=(Table("Members", ("Member",), rows, "No members yet."),),
        further=further,
        range_text=shown,
    )


def pending(request: Request, query: Mapping[str, str]) -> AdministrationPage:
    """Uploads that wait for their endorser's confirmation, or were reported as abuse."""
    runtime: Runtime = request.registry[Runtime]
    with runtime.database.read() as session:
        every = PendingUploads(session).list()
    found, further, shown = paged(every, query, "pending")
    return AdministrationPage(
        "pending",
        "Pending uploads",
        "Uploads that wait until their endorser confirms them by mail. Frozen uploads were reported "
        "as abuse, and wait for your decision.",
        tables=(
            Table(
                "Uploads",
                ("Upload", "State", "Address", "Log", "Since", "Until", "Certificate"),
                [_pending(one) for one in found],
                "No uploads wait for confirmation.",
            ),
        ),
        further=further,
        range_text=shown,
    )


def _pending(one: Pending) -> TableRow:
    frozen = one.state == "frozen"
    release = ActLink("Release", act_path("pending", "release", id=one.key), f"Release upload {one.key}")
    drop = ActLink("Delete", act_path("pending", "drop", id=one.key), f"Delete upload {one.key}")
    return TableRow(
        (
            Cell(str(one.key), "code"),
            Cell(one.state, "badge", _TONES.get(one.state, "plain")),
            Cell(one.email),
            Cell(one.log),
            Cell("", moment=one.created_at),
            at(None if frozen else one.expires_at, "your decision"),
            Cell(one.fingerprint, "code"),
        ),
        (release, drop) if frozen else (drop,),
    )


def mail(request: Request, query: Mapping[str, str]) -> AdministrationPage:
    """Mail that waits, and mail that was given up."""
    runtime: Runtime = request.registry[Runtime]
    with runtime.database.read() as session:
        outbox = Outbox(session)
        every, counts = outbox.list(), outbox.counts(None)
    found, further, shown = paged(every, query, "mail")
    acts = [ActLink("Send a test mail", act_path("mail", "test"))]
    if every:
        acts.append(ActLink("Send all again", act_path("mail", "retry", id="all")))
    if counts.dead:
        acts.append(ActLink("Delete all that were given up", act_path("mail", "drop", id="all")))
    off = Banner("mail.host is not set: no mail is sent, and outgoing mail waits", "warn")
    return AdministrationPage(
        "mail",
        "Mail",
        "Outgoing mail that waits, and mail that was given up (dead). Its text is never shown.",
        banners=() if runtime.settings.mail.host else (off,),
        facts=(("Waiting", grouped(counts.waiting)), ("Given up", grouped(counts.dead))),
        acts=acts,
        tables=(
            Table(
                "Mail",
                ("Mail", "State", "To", "Subject", "Attempts", "Next", "Error"),
                [_mail(one) for one in found],
                "No mail.",
            ),
        ),
        further=further,
        range_text=shown,
    )


def _mail(one: OutgoingState) -> TableRow:
    dead = one.state == "dead"
    retry = ActLink("Send now", act_path("mail", "retry", id=one.key), f"Send mail {one.key} now")
    drop = ActLink("Delete", act_path("mail", "drop", id=one.key), f"Delete mail {one.key}")
    return TableRow(
        (
            Cell(str(one.key), "code"),
            Cell(one.state, "badge", _TONES.get(one.state, "plain")),
            Cell(one.recipient),
            Cell(one.subject),
            Cell(str(one.attempts)),
            at(None if dead else one.due_at, "none"),
            Cell(one.last_error or ""),
        ),
        (retry, drop) if dead else (retry,),
    )


def audit(request: Request, query: Mapping[str, str]) -> AdministrationPage:
    """Who did what, the newest first; nothing removes records."""
    runtime: Runtime = request.registry[Runtime]
    actor, action = query.get("actor", ""), query.get("action", "")
    before = whole_number("before", query["before"], least=1, most=2**63 - 1) if query.get("before") else None
    with runtime.database.read() as session:
        acts = AuditLog(session).page(
            before=before, limit=ROWS + 1, actor=actor or None, action=action or None
        )
    found = acts[:ROWS]
    further = ""
    if len(acts) > ROWS:
        further = part_path("audit", actor=actor, action=action, before=found[-1].number)
    return AdministrationPage(
        "audit",
        "Audit log",
        "Administrative and private actions, the newest first. Records are permanent.",
        filters=(
            Filter("actor", "Actor: an owner, cli:USER or system", actor),
            Filter("action", "Action; with a dot at the end a kind: token.", action),
        ),
        tables=(
            Table(
                "Records",
                ("Time", "Actor", "Action", "Subject", "Details"),
                [_act(one) for one in found],
                "No records match." if actor or action or before else "No records yet.",
            ),
        ),
        further=further,
    )


def _act(one: AuditedAct) -> TableRow:
    told = ", ".join(f"{name}: {value}" for name, value in one.details.items() if value is not None)
    return TableRow(
        (
            Cell("", moment=one.at),
            Cell(one.actor, path=part_path("audit", actor=one.actor)),
            Cell(one.action, "code"),
            Cell(one.subject),
            Cell(cut(told, 200)),
        )
    )
