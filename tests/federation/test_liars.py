"""A site with thirty peers that lie, each in its own way, and one that does not."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from marketplace.peers.sites import State
from marketplace.tlog.proof import WitnessRequest
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.federation.liars import LIES, SLOW, Liar, Lie, note, serving
from tests.federation.sites import HEALED, Site, await_true, document, doubled, make_site
from tests.soaking import Tell
from validators import accept

#: Most memory that the site's process may ever have had, in MiB: it has a third of it without peers.
MOST_MIB = 450
NUDGES = 200


def peak_mib(site: Site) -> float:
    """The most memory a site's process ever had."""
    text = Path(f"/proc/{site.running.process.pid}/status").read_text()
    (line,) = [line for line in text.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) / 1024


def caught(site: Site, liar: Liar, lie: Lie) -> bool:
    """Whether the site shows what is wrong, and keeps evidence where something was signed."""
    followed = site.followed(liar.site)
    if lie.code is None:
        return followed.state is State.TAILING and followed.trusted.behind == 0
    if lie.code.startswith("integrity"):
        codes = site.evidence(liar.site)
        return followed.state is State.QUARANTINED and len(codes) == 1 and codes[0].startswith(lie.code)
    return (followed.error_code or "").startswith(lie.code) and site.evidence(liar.site) == []


def flood(site: Site, stopping: threading.Event, statuses: set[int]) -> None:
    """Nudge as fast as it goes, with notes of logs that nobody knows."""
    with httpx.Client(base_url=site.url, trust_env=False, timeout=30) as http:
        for number in range(NUDGES):
            if stopping.is_set():
                return
            text = f"old 0\n\nnobody.example/public\n{number}\nAAAA\n\n\u2014 nobody.example/public AAAA\n"
            statuses.add(http.post("/fed/v1/witness/add-checkpoint", content=text.encode()).status_code)


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    "lies", [LIES, pytest.param([*LIES, SLOW], marks=pytest.mark.soak)], ids=["short", "long"]
)
def test_no_liar_harms_the_site_or_keeps_honest_entries_away(
    tmp_path: Path, lies: list[Lie], tell: Tell
) -> None:
    victim, honest = make_site(tmp_path, "victim"), make_site(tmp_path, "honest")
    victim.follow(honest.url, honest.keys.log.verifier)
    liars = [(lie, Liar(lie.name, lie.tell)) for lie in lies]
    statuses: set[int] = set()
    stopping = threading.Event()
    flooding = threading.Thread(target=flood, args=(victim, stopping, statuses), daemon=True)
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
        await_true(lambda: true <= victim.ids(), HEALED, lambda: "honest entries do not arrive")
        more = {honest.upload(document(f"more {n}")) for n in range(5)}
        own = victim.upload(document("own"))
        await_true(lambda: more <= victim.ids(), HEALED, lambda: "honest entries do not arrive any more")
        await_true(
            lambda: all(caught(victim, liar, lie) for lie, liar in liars),
            3 * HEALED,
            lambda: [
                (lie.name, lie.code, one.state.value, one.error_code, one.error, victim.evidence(liar.site))
                for lie, liar in liars
                if not caught(victim, liar, lie)
                for one in [victim.followed(liar.site)]
            ],
        )
        held = victim.ids()
        for lie, liar in liars:
            # What a liar sends of true entries may stand here: each proves itself.
            assert lie.lacks or set(liar.entries) <= held, lie.name
        assert own in held
        sent = true | more | {own}
        tell(len(lies), len(sent), len(sent - held), doubled([victim]))
        flooding.join(60)
        assert statuses and all(status < 500 for status in statuses), statuses
        with victim.running.client() as http:
            assert http.get("/readyz").status_code == 200
            assert http.get("/metadata?media=json").status_code == 200
        assert victim.complaints() == []
        assert peak_mib(victim) < MOST_MIB


def test_a_peer_with_an_endorser_who_says_two_things(tmp_path: Path) -> None:
    jane = make_identity("Jane", "jane@example.org")
    good, bad = (signed(image(content="two", title=title), jane) for title in ("good", "bad"))
    liar = Liar("equivocating endorser", lambda liar, path, honest: honest, [good, bad])
    victim = make_site(tmp_path, "victim")
    with serving(liar) as url:
        victim.follow(url, liar.key.verifier)
        try:
            victim.start()
            await_true(lambda: len(victim.ids()) == 2, HEALED)
            with victim.running.client() as http:
                listed = lambda: http.get("/api/v1/conflicts").json()["conflicts"]  # noqa: E731  # short
                await_true(lambda: len(listed()) == 1, HEALED)
                (found,) = listed()
                assert found["kind"] == "equivocation"
                assert {one["id"] for one in found["entries"]} == {
                    accept(good).entry_id,
                    accept(bad).entry_id,
                }
            assert victim.evidence(liar.site) == []
            assert victim.followed(liar.site).state is State.TAILING
        finally:
            victim.end()


def test_a_log_that_stands_still_for_one_site_and_not_for_another_is_found_out(tmp_path: Path) -> None:
    two = note(lambda one: one.note(one.rows[:2]))
    liar = Liar("frozen", two)
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

            await_true(is_caught, 3 * HEALED)
            await_true(lambda: sent <= victim.ids(), HEALED)
            with victim.running.client() as http:
                alerts = http.get("/api/v1/alerts").json()["alerts"]
            assert [(one["code"], one["severity"]) for one in alerts] == [("peer.frozen", "critical")]
            # It signed nothing that contradicts itself: what it shows is taken in all the same.
            assert victim.followed(liar.site).state is State.TAILING
            assert victim.complaints() == []
        finally:
            victim.end()
            honest.end()
