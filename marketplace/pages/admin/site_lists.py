"""The lists of peers and of trust material, and the overview of everything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyramid.request import Request

from marketplace.confirmation import PendingUploads
from marketplace.mail import Outbox
from marketplace.pages.display import grouped, plural
from marketplace.peers.administration import PeerAdministration
from marketplace.runtime import Runtime
from marketplace.trust.stored_crls import StoredCrls
from validators.times import parse_time

from .lists import paged
from .parts import (
    ROWS,
    ActLink,
    AdministrationPage,
    Banner,
    Cell,
    Table,
    TableRow,
    act_path,
    at,
    part_path,
)

_TONES = {"tailing": "good", "backoff": "warn", "quarantined": "bad", "disabled": "off"}


def peers(request: Request, query: Mapping[str, str]) -> AdministrationPage:
    """The peers, or everything about one peer.

    Raises:
        PeerNotFoundError: there is no such peer.
    """
    runtime: Runtime = request.registry[Runtime]
    administration = PeerAdministration(runtime.database, "page", runtime.now)
    name = query.get("name", "")
    if name:
        return _peer(administration.record(name))
    every = [administration.summary(status) for status in administration.all()]
    found, further, shown = paged(every, query, "peers")
    return AdministrationPage(
        "peers",
        "Peers",
        "Marketplaces that this one pulls from.",
        acts=(ActLink("Add a peer", act_path("peers", "add")),),
        tables=(
            Table(
                "Peers",
                ("Peer", "State", "Entries", "Behind", "Missing", "Error", "Address"),
                [_summary(one) for one in found],
                "No peers yet.",
            ),
        ),
        further=further,
        range_text=shown,
    )


def _summary(one: Mapping[str, Any]) -> TableRow:
    return TableRow(
        (
            Cell(one["name"], path=part_path("peers", name=one["name"])),
            Cell(one["state"], "badge", _TONES.get(one["state"], "plain")),
            Cell(grouped(one["entries"])),
            Cell(grouped(one["behind"])),
            Cell(grouped(one["wanted"])),
            Cell(one["error"] or "", "code" if one["error"] else ""),
            Cell(one["url"]),
        )
    )


def _peer(record: Mapping[str, Any]) -> AdministrationPage:
    name = record["name"]
    facts = [
        ("Address", record["url"]),
        ("State", record["state"]),
        ("Log key", record["log_key"]),
        ("Auth key", record["auth_key"] or "none"),
        ("Mirrors", ", ".join(one["url"] for one in record["mirrors"]) or "none"),
        ("Followed since", record["added_at"]),
        ("Last contact", record["contacted_at"] or "never"),
    ]
    switch = ("enable", "Enable") if record["state"] == "disabled" else ("disable", "Disable")
    acts = (
        (switch[1], switch[0]),
        ("Pull now", "pull"),
        ("Release from quarantine", "release"),
        ("Read again from the start", "restart"),
        ("Accept a new log", "epoch"),
        ("Set mirrors", "mirrors"),
        ("Allow to read a group", "grant"),
    )
    granted = [
        TableRow(
            (Cell(group),),
            (ActLink("Revoke", act_path("peers", "revoke", name=name, group=group), f"Revoke {group}"),),
        )
        for group in record["granted"]
    ]
    return AdministrationPage(
        "peers",
        name,
        facts=facts,
        acts=tuple(ActLink(text, act_path("peers", act, name=name)) for text, act in acts),
        tables=(
            Table(
                "Logs",
                ("Log", "State", "Entries", "Behind", "Missing", "Rejected", "Error"),
                [_log(one) for one in record["logs"][:ROWS]],
                "Nothing read yet.",
            ),
            Table("Groups it may read", ("Group",), granted, "Only the public log."),
            Table(
                "Faults",
                ("Since", "Question", "Code", "Reason"),
                [
                    TableRow(
                        (
                            at(parse_time(one["since"]), ""),
                            Cell(one["question"]),
                            Cell(one["code"], "code"),
                            Cell(one["reason"]),
                        )
                    )
                    for one in record["faults"][:ROWS]
                ],
                "No faults.",
            ),
            Table(
                "Evidence",
                ("Found", "Code", "What"),
                [
                    TableRow(
                        (at(parse_time(one["found_at"]), ""), Cell(one["code"], "code"), Cell(one["message"]))
                    )
                    for one in record["evidence"][:ROWS]
                ],
                "No evidence against it.",
            ),
        ),
    )


def _log(one: Mapping[str, Any]) -> TableRow:
    return TableRow(
        (
            Cell(one["origin"], "code"),
            Cell(one["state"], "badge", _TONES.get(one["state"], "plain")),
            Cell(grouped(one["entries"])),
            Cell(grouped(one["behind"])),
            Cell(grouped(one["wanted"])),
            Cell(grouped(one["rejected"])),
            Cell(f"{one['error']}: {one['reason']}" if one["error"] else ""),
        )
    )


def trust(request: Request, query: Mapping[str, str]) -> AdministrationPage:
    """What this site trusts by, and what is wrong with it."""
    runtime: Runtime = request.registry[Runtime]
    held = runtime.trust_store.material
    faults = runtime.trust_faults()
    gone = {fault.file for fault in faults if fault.code == "trust.crl-gone"}
    remembered = sorted(str(path) for path in StoredCrls(runtime.database).paths())
    found, further, shown = paged(remembered, query, "trust")
    return AdministrationPage(
        "trust",
        "Trust material",
        "Anchors, revocation lists and the allow-list of the settings. Servers read the files "
        "regularly, and the names of the files at their start.",
        banners=() if held.anchors else (Banner("no anchors: nobody is trusted, and nothing is hidden"),),
        facts=(
            ("Anchors", grouped(len(held.anchors))),
            ("Intermediates", grouped(len(held.intermediates))),
            ("Revocation lists", grouped(len(held.lists))),
            ("Names on the allow-list", grouped(len(held.allowed.names or ()))),
        ),
        acts=(ActLink("Read the files again", act_path("trust", "refresh")),),
        tables=(
            Table(
                "Faults",
                ("File", "Faults", "Code"),
                [
                    TableRow((Cell(one.file), Cell(one.message), Cell(one.code, "code")))
                    for one in faults[:ROWS]
                ],
                "No faults.",
            ),
            Table(
                "Stored revocation lists",
                ("File", "State"),
                [_remembered(path, gone) for path in found],
                "No stored revocation lists.",
            ),
        ),
        further=further,
        range_text=shown,
    )


def _remembered(path: str, gone: set[str]) -> TableRow:
    is_gone = path.rpartition("/")[2] in gone
    forget = ActLink("Forget", act_path("trust", "forget", file=path), f"Forget {path}")
    state = Cell("gone", "badge", "bad") if is_gone else Cell("there", "badge", "good")
    return TableRow((Cell(path), state), (forget,) if is_gone else ())


def erase(request: Request, query: Mapping[str, str]) -> AdministrationPage:
    """Erasing: what it is, and the way to it. What was erased is in the audit log."""
    return AdministrationPage(
        "erase",
        "Erasure",
        "For legal requests: permanently erases the content of an entry, in all logs. The log still "
        "shows that there was an entry, and its address shows the reason.",
        acts=(
            ActLink("Erase an entry", act_path("erase", "entry")),
            ActLink("Erased entries", part_path("audit", action="entry.erase")),
        ),
    )


def overview(request: Request) -> AdministrationPage:
    """What an administrator should look at, and the ways to everything."""
    runtime: Runtime = request.registry[Runtime]
    with runtime.database.read() as session:
        counts = Outbox(session).counts(None)
        waiting = PendingUploads(session).list()
    frozen = sum(one.state == "frozen" for one in waiting)
    statuses = PeerAdministration(runtime.database, "page", runtime.now).all()
    quarantined = sum(status.state == "quarantined" for status in statuses)
    faults = runtime.trust_faults()
    banners = [
        Banner(text)
        for count, text in (
            (frozen, f"{plural(frozen, 'upload')} reported as abuse: decide at Pending uploads"),
            (counts.dead, f"{plural(counts.dead, 'mail')} given up: see Mail"),
            (quarantined, f"{plural(quarantined, 'peer')} in quarantine: see Peers"),
            (len(faults), f"{plural(len(faults), 'fault')} of trust material: see Trust material"),
        )
        if count
    ]
    return AdministrationPage(
        "",
        "Administration",
        "The same actions as the commands for operators, with the same rules and the same audit log.",
        banners=banners,
        facts=(
            ("Pending uploads", grouped(len(waiting))),
            ("Mail waiting", grouped(counts.waiting)),
            ("Peers", grouped(len(statuses))),
        ),
    )
