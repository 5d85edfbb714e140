"""The lists of administration: what the commands ``list``, ``show`` and ``check`` tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from pyramid.request import Request

from marketplace.accounts import GroupService, TokenService
from marketplace.accounts.groups import Group
from marketplace.accounts.tokens import Token
from marketplace.audit import Act, AuditLog
from marketplace.confirmation import Pending, PendingUploads
from marketplace.http.parameters import whole_number
from marketplace.mail import Outbox
from marketplace.mail.outbox import OutgoingState
from marketplace.pages.display import cut, grouped, plural
from marketplace.runtime import Runtime

from .parts import ROWS, Banner, Cell, Filter, Link, Page, Row, Table, act_path, at, part_path

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


def tokens(request: Request, query: Mapping[str, str]) -> Page:
    """Every token without its secret, the newest first."""
    runtime: Runtime = request.registry[Runtime]
    owner = query.get("owner", "")
    with runtime.database.read() as session:
        every = TokenService(session).list(owner or None)
    now = runtime.now()
    found, further, shown = paged(every[::-1], query, "tokens", owner=owner)
    acts = [Link("Create a token", act_path("tokens", "create", **({"owner": owner} if owner else {})))]
    if owner:
        acts.append(Link("Sign this person out everywhere", act_path("tokens", "sign-out", owner=owner)))
    return Page(
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
        shown=shown,
    )


def _token(one: Token, now: datetime) -> Row:
    status = one.status(now)
    links = [Link("Revoke", act_path("tokens", "revoke", name=one.name), f"Revoke {one.name}")]
    return Row(
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


def groups(request: Request, query: Mapping[str, str]) -> Page:
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
        Row(
            (
                Cell(one.name, path=part_path("groups", name=one.name)),
                Cell("", moment=one.created_at),
                Cell(plural(len(one.members), "member")),
            ),
            (Link("Delete", act_path("groups", "delete", name=one.name), f"Delete {one.name}"),),
        )
        for one in found
    ]
    return Page(
        "groups",
        "Groups",
        "Members of a group share entries that nobody else sees.",
        acts=(Link("Create a group", act_path("groups", "create")),),
        tables=(Table("Groups", ("Group", "Founded", "Members"), rows, "No groups yet."),),
        further=further,
        shown=shown,
    )


def _group(one: Group, query: Mapping[str, str]) -> Page:
    found, further, shown = paged(one.members, query, "groups", name=one.name)
    rows = [
        Row(
            (Cell(member, path=part_path("tokens", owner=member)),),
            (Link("Remove", act_path("groups", "remove", name=one.name, member=member), f"Remove {member}"),),
        )
        for member in found
    ]
    return Page(
        "groups",
        one.name,
        "People who sign in through the provider can also be members, by a claim, for the time of "
        "their session.",
        acts=(
            Link("Add a member", act_path("groups", "add", name=one.name)),
            Link("Delete the group", act_path("groups", "delete", name=one.name)),
        ),
        tables=(Table("Members", ("Member",), rows, "No members yet."),),
        further=further,
        shown=shown,
    )


def pending(request: Request, query: Mapping[str, str]) -> Page:
    """Uploads that wait for their endorser's confirmation, or were reported as abuse."""
    runtime: Runtime = request.registry[Runtime]
    with runtime.database.read() as session:
        every = PendingUploads(session).list()
    found, further, shown = paged(every, query, "pending")
    return Page(
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
        shown=shown,
    )


def _pending(one: Pending) -> Row:
    frozen = one.state == "frozen"
    release = Link("Release", act_path("pending", "release", id=one.key), f"Release upload {one.key}")
    drop = Link("Delete", act_path("pending", "drop", id=one.key), f"Delete upload {one.key}")
    return Row(
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


def mail(request: Request, query: Mapping[str, str]) -> Page:
    """Mail that waits, and mail that was given up."""
    runtime: Runtime = request.registry[Runtime]
    with runtime.database.read() as session:
        outbox = Outbox(session)
        every, counts = outbox.list(), outbox.counts(None)
    found, further, shown = paged(every, query, "mail")
    acts = [Link("Send a test mail", act_path("mail", "test"))]
    if every:
        acts.append(Link("Send all again", act_path("mail", "retry", id="all")))
    if counts.dead:
        acts.append(Link("Delete all that were given up", act_path("mail", "drop", id="all")))
    off = Banner("mail.host is not set: no mail is sent, and outgoing mail waits", "warn")
    return Page(
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
        shown=shown,
    )


def _mail(one: OutgoingState) -> Row:
    dead = one.state == "dead"
    retry = Link("Send now", act_path("mail", "retry", id=one.key), f"Send mail {one.key} now")
    drop = Link("Delete", act_path("mail", "drop", id=one.key), f"Delete mail {one.key}")
    return Row(
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


def audit(request: Request, query: Mapping[str, str]) -> Page:
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
    return Page(
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


def _act(one: Act) -> Row:
    told = ", ".join(f"{name}: {value}" for name, value in one.details.items() if value is not None)
    return Row(
        (
            Cell("", moment=one.at),
            Cell(one.actor, path=part_path("audit", actor=one.actor)),
            Cell(one.action, "code"),
            Cell(one.subject),
            Cell(cut(told, 200)),
        )
    )
