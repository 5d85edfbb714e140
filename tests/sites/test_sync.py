"""One run of a site against a real marketplace and a real content server."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import re
import time

import pytest

from marketplace.sites.knowledge.reader import LIMITS
from marketplace.sites.runs import sync
from marketplace.sites.state import CopyState
from tests.factories.identities import make_identity
from tests.sites.clouds import ALICE, MALLORY, Cloud
from tests.sites.content import ContentServer
from tests.sites.pictures import qcow2, raw


def tagged(cloud: Cloud, tag: str) -> None:
    cloud.configure(subscription=f'tag = "alice@images.example.org/{tag}"')


def test_what_a_tag_names_is_imported_and_the_bytes_are_those(cloud: Cloud, content: ContentServer) -> None:
    picture = qcow2("first")
    tagged(cloud, "first")
    cloud.say(picture.draft(content.put("first", picture.data), tags=("first",)))
    done = cloud.sync()
    assert (done.imported, done.failed, done.unheard) == (1, 0, [])
    file = cloud.images / f"{picture.identifier}.qcow2"
    assert file.read_bytes() == picture.data
    assert file.stat().st_mode & 0o777 == 0o644
    assert content.sent == len(picture.data)
    assert cloud.copy().state is CopyState.AVAILABLE
    assert not cloud.remains()


def test_a_second_run_asks_for_nothing(cloud: Cloud, content: ContentServer) -> None:
    picture = raw("twice")
    tagged(cloud, "twice")
    cloud.say(picture.draft(content.put("twice", picture.data), tags=("twice",)))
    cloud.sync()
    with cloud.site() as site:
        before = site.state.history.read(None, 1000)
        done = sync(site)
        # Run by a timer, a site would note the same answer about every image again and again.
        assert site.state.history.read(None, 1000) == before
    assert [one.what for one in before].count("allowed") == 1
    assert done.imported == 0 and content.sent == len(picture.data)


def test_a_deprecation_withdraws_and_a_new_word_brings_back(cloud: Cloud, content: ContentServer) -> None:
    picture = qcow2("deprecated")
    tagged(cloud, "dep")
    url = content.put("deprecated", picture.data)
    cloud.say(picture.draft(url, tags=("dep",)))
    cloud.sync()
    assert cloud.visible() == {f"{picture.identifier}.qcow2"}
    cloud.say(picture.draft(url, tags=("dep",), deprecated="has a hole"), created="2024-05-02T12:00:00Z")
    assert cloud.sync().withdrawn == 1
    assert not cloud.visible()
    copy = cloud.copy()
    assert copy.state is CopyState.WITHDRAWN and "has a hole" in copy.reason
    assert (cloud.work / "withdrawn" / f"{picture.identifier}.qcow2").read_bytes() == picture.data
    cloud.say(picture.draft(url, tags=("dep",)), created="2024-05-03T12:00:00Z")
    assert cloud.sync().imported == 1
    assert cloud.visible() == {f"{picture.identifier}.qcow2"}
    assert content.requests["/deprecated"] == 1


def test_a_stranger_stops_nothing_and_brings_nothing(cloud: Cloud, content: ContentServer) -> None:
    picture, other = qcow2("mine"), qcow2("stranger")
    cloud.configure(subscription='search = "format=qcow2&tag=strange"')
    cloud.say(picture.draft(content.put("mine", picture.data), tags=("strange",)))
    cloud.say(picture.draft("http://x.example/", deprecated="no"), MALLORY, created="2024-05-05T12:00:00Z")
    cloud.say(other.draft(content.put("other", other.data), tags=("strange",)), MALLORY)
    done = cloud.sync()
    assert done.imported == 1
    assert cloud.visible() == {f"{picture.identifier}.qcow2"}


def test_an_import_that_the_policy_refuses_says_so(cloud: Cloud) -> None:
    picture = raw("asked for by hand")
    cloud.configure(subscription='search = "tag=byhand"')
    cloud.say(picture.draft("http://127.0.0.1:9/x", tags=("byhand",)), MALLORY)
    unknown = cloud.command("import", picture.identifier, "--reason", "physics")
    assert unknown.returncode == 0 and "the site looks for it" in unknown.stderr
    cloud.sync()
    refused = cloud.command("import", picture.identifier, "--reason", "physics")
    assert refused.returncode == 0
    assert "it is not imported as long as this is so: this site does not trust mallory" in refused.stderr


def test_other_bytes_are_told_by_the_strongest_digest(cloud: Cloud, content: ContentServer) -> None:
    picture = raw("other bytes")
    tagged(cloud, "other")
    sums = [("MD5", "0" * 32), ("SHA-256", "0" * 64), ("SHA-512", picture.sha512)]
    cloud.say(
        picture.draft(content.put("x", raw("evil").data), tags=("other",), checksums=tuple(sums)),
    )
    assert cloud.sync().unproven == 1
    assert f"has the SHA-512 {raw('evil').sha512[:16]}" in cloud.copy().reason


def test_a_new_version_is_in_before_the_old_one_is_out(cloud: Cloud, content: ContentServer) -> None:
    old, new = qcow2("old"), qcow2("new")
    tagged(cloud, "moves")
    cloud.say(old.draft(content.put("old", old.data), tags=("moves",)), ALICE, "2024-05-01T12:00:00Z")
    cloud.sync()
    url = f"{content.url}/new"
    cloud.say(new.draft(url, tags=("moves",)), ALICE, "2024-05-02T12:00:00Z")
    done = cloud.sync()  # the new one's location has nothing yet
    assert (done.failed, done.withdrawn) == (1, 0)
    assert cloud.visible() == {f"{old.identifier}.qcow2"}
    content.put("new", new.data)
    done = cloud.sync(wall=lambda: time.time() + 61)
    assert (done.imported, done.withdrawn) == (1, 1)
    assert cloud.visible() == {f"{new.identifier}.qcow2"}


def test_a_daemon_may_ask_for_ever() -> None:
    assert LIMITS.session_seconds == math.inf and LIMITS.total_seconds < math.inf


def test_a_digest_weaker_than_sha_512_names_a_copy_and_sha_1_alone_is_refused(
    cloud: Cloud, content: ContentServer
) -> None:
    strong, weak = raw("sha 256"), raw("sha 1")
    sha256 = hashlib.sha256(strong.data).hexdigest()
    cloud.configure(subscription='search = "tag=weak"')
    url = content.put("strong", strong.data)
    cloud.say(strong.draft(url, tags=("weak",), checksums=(("SHA-256", sha256),)))
    cloud.say(weak.draft(content.put("weak", weak.data), tags=("weak",), checksums=()))
    assert cloud.sync().imported == 1
    assert cloud.copy().digest == f"sha256:{sha256}"
    with cloud.site() as site:
        site.judge()
        reason = site.answer(f"id:{weak.identifier}")
        rules = site.verdicts.latest[weak.identifier].verdict.reasons
    assert not reason.allowed and any(one.change for one in rules)


def test_two_endorsers_are_asked_for_where_the_policy_says_so(cloud: Cloud, content: ContentServer) -> None:
    picture = raw("two endorsers")
    security = make_identity("Security", email="csirt@images.example.org", variant=5)
    (cloud.folder / "csirt.pem").write_bytes(security.certificate_pem)
    cloud.configure('[policy]\nrequire = [{least = 1, of = ["csirt@images.example.org"]}]\n')
    tagged_file = cloud.file.read_text().replace("/stable", "/two").replace('["alice.pem"]', '["*.pem"]')
    cloud.file.write_text(tagged_file)
    url = content.put("two", picture.data)
    cloud.say(picture.draft(url, tags=("two",)))
    assert cloud.sync().imported == 0
    cloud.say(picture.draft(url), security)
    assert cloud.sync().imported == 1
    cloud.say(picture.draft(url, deprecated="CVE"), security, created="2024-05-02T12:00:00Z")
    assert cloud.sync().withdrawn == 1


def test_a_subscription_that_is_not_understood_keeps_the_others_from_nothing(
    cloud: Cloud, content: ContentServer
) -> None:
    picture = raw("others")
    more = '[[subscription]]\nname = "good"\nstores = ["pool"]\nsearch = "tag=others"\n'
    cloud.configure(more, subscription='search = "colour=blue"')
    cloud.say(picture.draft(content.put("others", picture.data), tags=("others",)))
    done = cloud.command("sync")
    assert done.returncode == 9 and "subscription debian" in done.stderr and "colour" in done.stderr
    assert cloud.visible() == {f"{picture.identifier}.raw"}


def test_a_run_says_which_requested_images_it_refuses_and_which_command_says_why(
    cloud: Cloud, content: ContentServer
) -> None:
    good = raw("of a friend")
    strangers = [raw(f"of a stranger {number}") for number in range(6)]
    nothing = '[[subscription]]\nname = "typo"\nstores = ["pool"]\ntag = "alice@images.example.org/stabel"\n'
    cloud.configure(nothing, subscription='search = "tag=asked&trust=all"')
    cloud.say(good.draft(content.put("friend", good.data), tags=("asked",)))
    for one in strangers:
        cloud.say(one.draft("http://127.0.0.1:9/x", tags=("asked",)), MALLORY)
    planned = cloud.command("sync", "--dry-run")
    done = cloud.command("sync")
    # The site does what its policy says: this is no failure that a timer should report.
    assert (planned.returncode, done.returncode) == (0, 0)
    for told in (planned.stderr, done.stderr):
        assert "6 requested images are refused, and not imported:" in told
        assert told.count("(subscription debian): this site does not trust mallory@example.net") == 5
        assert "and 1 other: marketplace site status" in told
        assert "subscription typo: no marketplace that was heard lists an image for it" in told
        assert "debian: no marketplace" not in told
    named = re.findall(r"marketplace site why (\S+)", done.stderr)
    assert named and named[0] in {one.identifier for one in strangers}
    status = json.loads(cloud.command("status", "-o", "json").stdout)
    assert {one.split()[0] for one in status["refused"]} == {one.identifier for one in strangers}
    assert status["subscriptions_without_images"] == ["typo"]
    only = cloud.command("sync", "--only", "typo")
    assert only.returncode == 0 and "refused" not in only.stderr and "typo" in only.stderr


def test_a_recall_is_named_by_the_run_the_state_and_the_log_with_its_reason(
    cloud: Cloud, content: ContentServer, caplog: pytest.LogCaptureFixture
) -> None:
    picture = raw("recalled")
    tagged(cloud, "recalled")
    url = content.put("recalled", picture.data)
    cloud.say(picture.draft(url, tags=("recalled",)))
    cloud.sync()
    cloud.say(
        picture.draft(url, tags=("recalled",), deprecated="CVE-2026-0001"), created="2024-05-02T12:00:00Z"
    )
    with cloud.site() as site, caplog.at_level(logging.INFO, "marketplace.sites"):
        sync(site)
    told = [one.getMessage() for one in caplog.records]
    assert any(f"{picture.identifier} may not be started any more" in one for one in told)
    assert any(
        f"{picture.identifier} in store pool: withdrawn" in one and "CVE-2026-0001" in one for one in told
    )
    (missed,) = json.loads(cloud.command("status", "-o", "json").stdout)["unavailable"]
    assert missed.startswith(f"{picture.identifier} withdrawn in store pool") and "CVE-2026-0001" in missed
    cloud.say(picture.draft(url, tags=("recalled",)), created="2024-05-03T12:00:00Z")
    assert cloud.command("sync").returncode == 0
    cloud.say(
        picture.draft(url, tags=("recalled",), deprecated="CVE-2026-0002"), created="2024-05-04T12:00:00Z"
    )
    run = cloud.command("sync")
    assert f"withdrawn: {picture.identifier} from store pool: alice@images.example.org" in run.stderr
    assert "CVE-2026-0002" in run.stderr


def test_a_mistyped_address_of_the_marketplace_takes_no_image_away(
    cloud: Cloud, content: ContentServer
) -> None:
    picture = raw("kept")
    tagged(cloud, "kept")
    cloud.say(picture.draft(content.put("kept", picture.data), tags=("kept",)))
    cloud.sync()
    good = cloud.file.read_text()
    cloud.file.write_text(good.replace(cloud.server.url, "http://127.0.0.1:9"))
    done = cloud.sync()
    assert (len(done.unheard), done.withdrawn) == (1, 0)
    assert cloud.visible() == {f"{picture.identifier}.raw"}
    # Once a marketplace was asked, what nobody wants goes.
    cloud.file.write_text(good.replace("/kept", "/other"))
    assert cloud.sync().withdrawn == 1
