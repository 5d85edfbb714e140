"""A site with peers that lie, each in its own way, and one that does not."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from marketplace.access import Scope
from marketplace.peers.model import PullState, Trouble
from marketplace.peers.registry.followed_logs import FollowedLogs
from marketplace.peers.registry.peer_registry import Peers
from marketplace.tlog.proof import WitnessRequest
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.federation.liars import Liar, serving
from tests.federation.lies import EQUIVOCATING, FROZEN, LIES, PATIENT, SLOW, TWO_FACED, Lie
from tests.federation.replies import HONEST
from tests.federation.sites import HEALED, Site, document, doubled, make_site
from tests.functional.access import issue_token
from tests.functional.running import AUTHORITIES
from tests.soaking import Tell
from tests.waiting import HANGING, wait_for
from validators import accept

#: Most memory that the site's process may ever have had, in MiB: it has a third of it without peers.
MOST_MIB = 450
NUDGES = 200


def peak_mib(site: Site) -> float:
    """The most memory a site's process ever had."""
    text = Path(f"/proc/{site.running.process.pid}/status").read_text()
    (line,) = [line for line in text.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) / 1024


def found(site: Site, liar: Liar, lie: Lie) -> dict[str, object]:
    """What a site shows of a liar, as far as the lie says what that must be."""
    followed = site.followed(liar.site)
    faults, trouble = site.troubles(liar.site)
    return {
        "state": followed.state,
        "code": followed.error_code if lie.state is not PullState.TAILING else lie.code,
        "behind": followed.trusted.behind if lie.state is PullState.TAILING else 0,
        "evidence": site.evidence(liar.site),
        "alerts": {one["code"] for one in site.alerts() if one["peer"] == liar.site},
        "trouble": trouble,
        "faults": faults,
    }


def expected(lie: Lie) -> dict[str, object]:
    """What it must be."""
    return {
        "state": lie.state,
        "code": lie.code,
        "behind": 0,
        "evidence": [lie.code] if lie.evidence else [],
        "alerts": set(lie.alerts),
        "trouble": Trouble(lie.wanted, lie.rejected, lie.erased),
        "faults": dict(lie.faults),
    }


def flood(site: Site, liar: Liar, stopping: threading.Event, statuses: Counter[int]) -> None:
    """Nudge as fast as it goes: with notes of logs that nobody knows, and with a true one again and again."""
    known, unknown = (
        WitnessRequest(0, (), one.note(one.rows)).to_bytes() for one in (liar, Liar("nobody", liar.lie))
    )
    with httpx.Client(base_url=site.url, trust_env=False, timeout=30, verify=AUTHORITIES) as http:
        for _ in range(NUDGES):
            if stopping.is_set():
                return
            for data in (unknown, known):
                statuses[http.post("/fed/v1/witness/add-checkpoint", content=data).status_code] += 1


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "lies", [LIES, pytest.param([*LIES, SLOW], marks=pytest.mark.soak)], ids=["short", "long"]
)
def test_no_liar_harms_the_site_or_keeps_honest_entries_away(
    tmp_path: Path, lies: list[Lie], tell: Tell
) -> None:
    victim, honest = make_site(tmp_path, "victim"), make_site(tmp_path, "honest")
    victim.follow(honest.url, honest.keys.log.verifier)
    liars = [(lie, Liar(lie.name, lie.tell, before=lie.signs)) for lie in lies]
    nudging = next(liar for lie, liar in liars if lie.name == "never moves")
    statuses: Counter[int] = Counter()
    stopping = threading.Event()
    flooding = threading.Thread(target=flood, args=(victim, nudging, stopping, statuses), daemon=True)
    with ExitStack() as stack:
        for _, liar in liars:
            victim.follow(stack.enter_context(serving(liar)), liar.key.verifier)
        stack.callback(victim.end)
        stack.callback(honest.end)
        stack.callback(stopping.set)
        honest.start()
        true = {honest.upload(document(f"true {n}")) for n in range(5)}
        victim.start()
        flooding.start()
        wait_for(lambda: true <= victim.ids(), HEALED, lambda: "honest entries do not arrive")
        more = {honest.upload(document(f"more {n}")) for n in range(5)}
        own = victim.upload(document("own"))
        wait_for(lambda: more <= victim.ids(), HEALED, lambda: "honest entries do not arrive any more")
        secret = issue_token(victim.running, "root", [Scope.ADMIN])
        for lie, liar in liars:
            await_found(victim, liar, lie, secret)
        held = victim.ids()
        for lie, liar in liars:
            # What a liar sends of true entries may stand here: each proves itself.
            assert lie.lacks or set(liar.entries) <= held, lie.name
        assert own in held
        assert (victim.followed(HONEST).state, victim.evidence(HONEST)) == (PullState.TAILING, [])
        sent = true | more | {own}
        tell(len(lies), len(sent), len(sent - held), doubled([victim]))
        flooding.join(2 * HANGING)
        # Whoever is not known is told so; a known head is signed once, and after that its size is told.
        assert statuses == {404: NUDGES, 200: 1, 409: NUDGES - 1}
        assert nudging.asked < NUDGES
        with victim.running.client() as http:
            assert http.get("/readyz").status_code == 200
            assert http.get("/metadata?media=json").status_code == 200
        assert victim.complaints() == []
        assert peak_mib(victim) < MOST_MIB


def await_found(site: Site, liar: Liar, lie: Lie, secret: str) -> None:
    """Wait until a site shows what has to come of a lie."""
    asked = liar.asked
    headers = {"Authorization": f"Bearer {secret}"}

    def is_found() -> bool:
        nonlocal asked
        if found(site, liar, lie) == expected(lie):
            return True
        if lie.name == PATIENT and liar.asked == asked:
            # The pause that it asks for is honoured, up to its cap: the operator does not wait so long.
            with site.running.client(headers=headers) as http:
                assert http.post(f"/api/v1/peers/{liar.site}/pull").status_code == 200
        asked = liar.asked
        return False

    wait_for(is_found, 5 * HEALED, lambda: (lie.name, found(site, liar, lie), expected(lie)))


def test_a_peer_with_an_endorser_who_says_two_things(tmp_path: Path) -> None:
    jane = make_identity("Jane", "jane@example.org")
    good, bad = (signed(image(content="two", title=title), jane) for title in ("good", "bad"))
    liar = Liar(EQUIVOCATING.name, EQUIVOCATING.tell, [good, bad])
    victim = make_site(tmp_path, "victim")
    with serving(liar) as url:
        victim.follow(url, liar.key.verifier)
        try:
            victim.start()
            wait_for(lambda: len(victim.ids()) == 2, HEALED)
            with victim.running.client() as http:
                listed = lambda: http.get("/api/v1/conflicts").json()["conflicts"]  # noqa: E731  # short
                wait_for(lambda: len(listed()) == 1, HEALED)
                (conflict,) = listed()
                assert conflict["kind"] == "equivocation"
                assert {one["id"] for one in conflict["entries"]} == {
                    accept(good).entry_id,
                    accept(bad).entry_id,
                }
            assert found(victim, liar, EQUIVOCATING) == expected(EQUIVOCATING)
        finally:
            victim.end()


def test_a_log_that_stands_still_for_one_site_and_not_for_another_is_found_out(tmp_path: Path) -> None:
    liar = Liar(FROZEN.name, FROZEN.tell)
    victim, honest = make_site(tmp_path, "victim"), make_site(tmp_path, "honest")
    victim.follow(honest.url, honest.keys.log.verifier)
    honest.follow(victim.url, victim.keys.log.verifier)
    with serving(liar) as url:
        for site in (victim, honest):
            site.follow(url, liar.key.verifier)
        try:
            victim.start()
            honest.start()
            with honest.running.client() as http:
                shown = WitnessRequest(0, (), liar.note(liar.rows)).to_bytes()
                answer = http.post("/fed/v1/witness/add-checkpoint", content=shown)
                assert answer.status_code == 200, answer.text
            sent: set[str] = set()

            def is_caught() -> bool:
                # Each new head of an honest peer is an occasion to ask it what it saw.
                sent.add(honest.upload(document(f"true {len(sent)}")))
                return "integrity.frozen" in victim.evidence(liar.site)

            wait_for(is_caught, 3 * HEALED)
            wait_for(lambda: sent <= victim.ids(), HEALED)
            assert [(one["code"], one["severity"]) for one in victim.alerts()] == [
                ("peer.frozen", "critical")
            ]
            # It signed nothing that contradicts itself: what it shows is taken in all the same.
            assert found(victim, liar, FROZEN) == expected(FROZEN)
            assert victim.complaints() == []
        finally:
            victim.end()
            honest.end()


@contextmanager
def two_followers(folder: Path, *faces: Liar) -> Iterator[list[Site]]:
    """Two sites that follow each other and the same liar, who shows each of them another face."""
    made = [make_site(folder, name) for name in "ab"]
    with ExitStack() as stack:
        for site, other, face in zip(made, made[::-1], faces, strict=True):
            site.follow(stack.enter_context(serving(face)), face.key.verifier)
            site.follow(other.url, other.keys.log.verifier, other.keys.auth.verifier)
            stack.callback(site.end)
            site.start()
        yield made


def test_a_liar_who_shows_two_followers_two_logs_is_found_by_both(tmp_path: Path) -> None:
    one = Liar(TWO_FACED.name, TWO_FACED.tell)
    faces = one, Liar("another face", TWO_FACED.tell, face_of=one)
    assert one.note(one.rows) != one.note(faces[1].rows)
    with two_followers(tmp_path, *faces) as made:
        both = list(zip(made, faces, strict=True))
        wait_for(lambda: all(set(face.entries) <= site.ids() for site, face in both), HEALED)
        polled = [face.polled for face in faces]
        for site, face in both:
            wait_for(lambda: found(site, one, TWO_FACED) == expected(TWO_FACED), HEALED)  # noqa: B023  # now
            with site.database() as database, database.read() as session:
                (kept,) = FollowedLogs(session).evidence(Peers(session).get(one.site).id)
            # Both notes are the liar's own, so anybody who knows its key sees that it lied.
            notes = {one.note(each.rows).decode() for each in faces}
            assert {kept.first, kept.second} == notes
            assert set(face.entries) <= site.ids()
            # One poll of the other follower tells of it, and the next one of the log looks at it. On a busy
            # machine each of the two may be a poll late.
            assert face.polled <= polled[faces.index(face)] + 2 + 2
            assert site.complaints() == []
        assert made[0].followed(made[1].keys.site).state is PullState.TAILING


def test_a_log_that_grows_apart_for_two_followers_is_found_whatever_its_sizes_are(tmp_path: Path) -> None:
    short = Liar(TWO_FACED.name, TWO_FACED.tell)
    long = Liar("another face", TWO_FACED.tell, [document(f"apart {n}") for n in range(6)], face_of=short)
    with two_followers(tmp_path, short, long) as (behind, ahead):
        # Who has more of the log sees that it does not continue what the other one was shown.
        wait_for(lambda: ahead.evidence(short.site) == ["integrity.split-view"], HEALED)
        # Who has less knows of a head that the log does not show here, and waits for its rows.
        wait_for(lambda: behind.evidence(short.site) == ["integrity.frozen"], HEALED)
        assert {one["code"] for one in behind.alerts()} == {"peer.frozen"}
        for n in range(3):
            short.add(document(f"further {n}"))
        wait_for(lambda: "integrity.split-view" in behind.evidence(short.site), HEALED)
        assert behind.followed(short.site).state is PullState.QUARANTINED
        assert behind.complaints() == ahead.complaints() == []
