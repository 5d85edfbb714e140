"""Acts upon peers: those of ``marketplace peer``."""

from __future__ import annotations

from collections.abc import Callable

from marketplace.peers.administration import PeerAdministration
from marketplace.tlog.note import VerifierKey, parse_verifier_key

from .asking import Act, Acting, Field, Given, lines_of, text_of

_PEER = Field("name", "Peer", about=True)


def administration(acting: Acting) -> PeerAdministration:
    """What acts upon peers."""
    return PeerAdministration(acting.database, acting.actor, acting.runtime.now)


def _upon(act: Callable[[PeerAdministration, str, Given], object]) -> Callable[[Acting, Given], None]:
    """An act upon one peer; the service that pulls is told of it."""

    def run(acting: Acting, given: Given) -> None:
        act(administration(acting), text_of(given, "name", "Peer"), given)
        acting.runtime.peers.look()

    return run


def _add(acting: Acting, given: Given) -> None:
    auth = given.get("auth_key", "").strip()
    administration(acting).add(
        text_of(given, "url", "Address"),
        _key(text_of(given, "log_key", "Log key")),
        _key(auth) if auth else None,
        lines_of(given, "mirrors"),
    )
    acting.runtime.peers.look()


def _key(text: str) -> VerifierKey:
    return parse_verifier_key(text)


def _pull(acting: Acting, given: Given) -> None:
    peer = administration(acting).get_enabled(text_of(given, "name", "Peer"))
    acting.runtime.peers.nudge(peer.name)
    acting.runtime.peers.look()


ACTS = (
    Act(
        "peers",
        "add",
        "Follow a marketplace",
        "Its keys come from its operator and not from its address: marketplace peer keys shows them there. "
        "The server begins to pull within seconds.",
        "Follow it",
        "The marketplace is followed.",
        _add,
        (
            Field("url", "Address", "Such as https://marketplace.example.org"),
            Field("log_key", "Log key", "NAME+HASH+KEY, as its operator gave it."),
            Field("auth_key", "Auth key", "Needed for nudges and private logs.", optional=True),
            Field(
                "mirrors",
                "Mirrors",
                "One URL a line, where copies of its tiles and bundles lie; the first is tried first.",
                kind="lines",
                optional=True,
            ),
        ),
        harmful=False,
    ),
    Act(
        "peers",
        "mirrors",
        "Name the mirrors of a peer",
        "These are tried in this order, in place of the mirrors it has now. Without any the peer itself is "
        "asked for everything.",
        "Set the mirrors",
        "The mirrors are set.",
        _upon(lambda peers, name, given: peers.set_mirrors(name, lines_of(given, "mirrors"))),
        (_PEER, Field("mirrors", "Mirrors", "One URL a line.", kind="lines", optional=True)),
        harmful=False,
    ),
    Act(
        "peers",
        "disable",
        "Switch a peer off",
        "Stops pulling from the peer. What came from it stays.",
        "Switch it off",
        "The peer is switched off.",
        _upon(lambda peers, name, given: peers.switch(name, disabled=True)),
        (_PEER,),
    ),
    Act(
        "peers",
        "enable",
        "Switch a peer on",
        "Pulls from the peer again.",
        "Switch it on",
        "The peer is switched on.",
        _upon(lambda peers, name, given: peers.switch(name, disabled=False)),
        (_PEER,),
        harmful=False,
    ),
    Act(
        "peers",
        "pull",
        "Pull from a peer now",
        "The server pulls by itself; this does not wait for its next turn.",
        "Pull now",
        "The peer is pulled from now.",
        _pull,
        (_PEER,),
        harmful=False,
    ),
    Act(
        "peers",
        "release",
        "Release a quarantined peer",
        "Lets the peer be pulled again from what was proven last; the evidence stays. Look at "
        "the evidence first, and "
        "talk to the peer's operator.",
        "Release it",
        "The peer is released.",
        _upon(lambda peers, name, given: peers.release(name)),
        (_PEER,),
    ),
    Act(
        "peers",
        "restart",
        "Read a peer again from the start",
        "Forgets what was proven of its logs, and believes them anew from the first row.",
        "Read everything again",
        "The peer is read again from the start.",
        _upon(lambda peers, name, given: peers.restart(name)),
        (_PEER,),
    ),
    Act(
        "peers",
        "epoch",
        "Accept a peer's new log",
        "Its public log goes on under another name, as its operator told you: it is read from its first row.",
        "Accept it",
        "The new log is accepted.",
        _upon(
            lambda peers, name, given: peers.accept_epoch(name, text_of(given, "origin", "Name of the log"))
        ),
        (_PEER, Field("origin", "Name of the log", "Such as NAME/public/e2")),
    ),
    Act(
        "peers",
        "grant",
        "Let a peer read a group",
        "The peer reads the group's entries from the first one on.",
        "Let it read",
        "The peer may read the group.",
        _upon(lambda peers, name, given: peers.grant(text_of(given, "group", "Group"), name)),
        (_PEER, Field("group", "Group", about=True)),
    ),
    Act(
        "peers",
        "revoke",
        "Let a peer read a group no longer",
        "What the peer has it keeps: nothing can be called back.",
        "Revoke the grant",
        "The peer may read the group no longer.",
        _upon(lambda peers, name, given: peers.revoke(text_of(given, "group", "Group"), name)),
        (_PEER, Field("group", "Group", about=True)),
    ),
)
