"""Acts upon peers: those of ``marketplace peer``."""

from __future__ import annotations

from collections.abc import Callable

from marketplace.peers.administration import PeerAdministration
from marketplace.tlog.note import VerifierKey, parse_verifier_key

from .asking import Act, ActField, Acting, Given, lines_of, text_of

_PEER = ActField("name", "Peer", about=True)


def administration(acting: Acting) -> PeerAdministration:
    """The service that acts upon peers."""
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
    acting.runtime.peers.nudge_peer(peer.name)
    acting.runtime.peers.look()


ACTS = (
    Act(
        "peers",
        "add",
        "Add a peer",
        "Ask the peer's operator for its keys, which marketplace peer keys shows there. The server "
        "begins to pull within seconds.",
        "Add the peer",
        "The peer is added.",
        _add,
        (
            ActField("url", "Address", "Such as https://marketplace.example.org"),
            ActField("log_key", "Log key", "NAME+HASH+KEY, from the peer's operator."),
            ActField("auth_key", "Auth key", "Needed for notifications and private logs.", optional=True),
            ActField(
                "mirrors",
                "Mirrors",
                "Addresses of copies of the peer's log, one per line, tried in this order.",
                kind="lines",
                optional=True,
            ),
        ),
        harmful=False,
    ),
    Act(
        "peers",
        "mirrors",
        "Set the mirrors of a peer",
        "Replaces the present mirrors, which are tried in this order. Without mirrors, everything "
        "comes from the peer itself.",
        "Set the mirrors",
        "The mirrors are set.",
        _upon(lambda peers, name, given: peers.set_mirrors(name, lines_of(given, "mirrors"))),
        (_PEER, ActField("mirrors", "Mirrors", "One URL per line.", kind="lines", optional=True)),
        harmful=False,
    ),
    Act(
        "peers",
        "disable",
        "Disable a peer",
        "Stops pulling from the peer. Its entries stay.",
        "Disable the peer",
        "The peer is disabled.",
        _upon(lambda peers, name, given: peers.switch(name, disabled=True)),
        (_PEER,),
    ),
    Act(
        "peers",
        "enable",
        "Enable a peer",
        "Pulls from the peer again.",
        "Enable the peer",
        "The peer is enabled.",
        _upon(lambda peers, name, given: peers.switch(name, disabled=False)),
        (_PEER,),
        harmful=False,
    ),
    Act(
        "peers",
        "pull",
        "Pull from a peer now",
        "The server pulls regularly; this starts a pull at once.",
        "Pull now",
        "The server is pulling from the peer.",
        _pull,
        (_PEER,),
        harmful=False,
    ),
    Act(
        "peers",
        "release",
        "Release a quarantined peer",
        "Pulls again, starting from the last verified state; the evidence is kept. Look at the "
        "evidence first, and talk to the peer's operator.",
        "Release",
        "The peer is released.",
        _upon(lambda peers, name, given: peers.release(name)),
        (_PEER,),
    ),
    Act(
        "peers",
        "restart",
        "Read a peer's logs again from the start",
        "Discards what was verified of its logs, and reads and verifies them again from the first row.",
        "Read everything again",
        "The peer's logs are read again from the start.",
        _upon(lambda peers, name, given: peers.restart(name)),
        (_PEER,),
    ),
    Act(
        "peers",
        "epoch",
        "Accept a peer's new log",
        "The peer's public log continues under a new name, which its operator told you. It is read "
        "from its first row.",
        "Accept",
        "The new log is accepted.",
        _upon(
            lambda peers, name, given: peers.accept_epoch(name, text_of(given, "origin", "Name of the log"))
        ),
        (_PEER, ActField("origin", "Name of the log", "Such as NAME/public/e2")),
    ),
    Act(
        "peers",
        "grant",
        "Allow a peer to read a group",
        "The peer reads all entries of the group.",
        "Allow",
        "The peer may read the group.",
        _upon(lambda peers, name, given: peers.grant(text_of(given, "group", "Group"), name)),
        (_PEER, ActField("group", "Group", about=True)),
    ),
    Act(
        "peers",
        "revoke",
        "Stop a peer from reading a group",
        "The peer keeps what it has received.",
        "Revoke the grant",
        "The peer may no longer read the group.",
        _upon(lambda peers, name, given: peers.revoke(text_of(given, "group", "Group"), name)),
        (_PEER, ActField("group", "Group", about=True)),
    ),
)
