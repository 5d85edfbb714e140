"""The daemon: what it answers, by what, and what becomes of its answers when things go wrong."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from marketplace.sites.state import CopyState
from tests.functional.running import running_server
from tests.sites.clouds import Cloud
from tests.sites.content import ContentServer
from tests.sites.daemons import await_true, running_site
from tests.sites.offering import offer, site_metrics
from tests.sites.pictures import qcow2, raw
from validators.document import format_time


def test_a_deprecation_refuses_the_next_start_within_moments(cloud: Cloud, content: ContentServer) -> None:
    picture = qcow2("daemon")
    url = content.put("daemon", picture.data)
    tag = offer(cloud, picture, url)
    with running_site(cloud) as site:
        file = cloud.images / f"{picture.identifier}.qcow2"
        await_true(file.exists, "the image is imported")
        await_true(lambda: site.ask(f"path:{file.resolve()}")[0] == 200, "its file is allowed")
        for key in (f"id:{picture.identifier}", f"sha512:{picture.sha512}", f"path:{file.resolve()}"):
            await_true(lambda key=key: site.verdict(key) is True, f"the file allows {key}")
        cloud.say(picture.draft(url, tags=(tag,), deprecated="has a hole"), created="2024-05-02T12:00:00Z")
        await_true(lambda: not site.allows(picture.identifier), "the image is refused")
        await_true(lambda: site.verdict(f"sha512:{picture.sha512}") is False, "the file refuses it")
        assert "has a hole" in site.ask(f"path:{file.resolve()}")[1]
        await_true(lambda: not file.exists(), "the file is out of sight")
        done = cloud.command("may-start", f"sha512:{picture.sha512}")
        assert done.returncode == 6 and "has a hole" in done.stdout
        assert site.metric('marketplace_site_copies{state="withdrawn",store="pool"}') == 1
        assert site.metric("marketplace_site_hook_proven_seconds") == float("inf")
        assert site.stop() == 0


def test_answers_outlive_the_daemon_and_the_marketplace(
    tmp_path: Path, content: ContentServer, cloud: Cloud
) -> None:
    picture = raw("outlives")
    folder = tmp_path / "mp"
    folder.mkdir()
    with running_server(folder) as server:
        mine = Cloud(tmp_path, server)
        offer(mine, picture, content.put("outlives", picture.data))
        with running_site(mine) as site:
            await_true(lambda: mine.visible() != set(), "the image is imported")
            server.kill()
            assert site.allows(picture.identifier)
            site.kill()
    assert mine.command("may-start", picture.identifier).returncode == 0
    why = mine.command("why", picture.identifier)
    assert why.returncode == 0 and "may be started" in why.stdout
    with running_site(mine, MARKETPLACE_SITE_DECISION_STALE_AFTER="1s") as site:
        await_true(lambda: site.ask(f"id:{picture.identifier}")[0] == 403, "what is known is too old")
        assert "stale_after" in site.ask(f"id:{picture.identifier}")[1]
        # The file on the disk is there, and is not started from either.
        assert site.ask(f"path:{(mine.images / f'{picture.identifier}.raw').resolve()}")[0] == 403
    keep = {"MARKETPLACE_SITE_DECISION_STALE_AFTER": "1s", "MARKETPLACE_SITE_DECISION_WHEN_STALE": "keep"}
    with running_site(mine, **keep) as site:
        assert site.allows(picture.identifier)


def test_an_entry_expires_by_the_clock_alone(cloud: Cloud, content: ContentServer) -> None:
    cloud.configure(subscription='tag = "alice@images.example.org/expires"')
    with running_site(cloud) as site:
        # A machine that is busy may not import an image before it expires: then one that is valid for longer.
        for number, seconds in enumerate((3, 10, 30, 90)):
            picture = raw(f"expires {number}")
            url = content.put(f"expires{number}", picture.data)
            until = datetime.now(UTC) + timedelta(seconds=seconds)
            draft = picture.draft(url, tags=("expires",), valid=format_time(until))
            cloud.say(draft, created=f"2024-05-0{number + 1}T12:00:00Z")
            await_true(lambda end=until: cloud.visible() or datetime.now(UTC) >= end, "imported, or expired")
            if cloud.visible():
                break
        await_true(lambda: not site.allows(picture.identifier), "the image has expired")
        assert datetime.now(UTC) >= until - timedelta(seconds=1)
        await_true(lambda: cloud.visible() == set(), "the file is out of sight")


def test_a_broken_policy_changes_nothing_and_a_new_one_counts_at_once(
    cloud: Cloud, content: ContentServer
) -> None:
    picture = raw("policy")
    offer(cloud, picture, content.put("policy", picture.data))
    with running_site(cloud) as site:
        await_true(lambda: site.allows(picture.identifier), "the image is allowed")
        good = cloud.file.read_text()
        cloud.file.write_text(good + "\n[policy]\nsize.most = 'much'\n")
        fault = 'marketplace_site_faults{kind="configuration"}'
        await_true(lambda: "configuration" in site_metrics(site), "the fault is counted")
        assert site.metric(fault) == 1 and site.allows(picture.identifier)
        cloud.file.write_text(good + "\n[policy]\nsize.most = 100\n")
        await_true(lambda: not site.allows(picture.identifier), "the new policy counts")
        assert "100" in site.ask(f"id:{picture.identifier}")[1]
        cloud.file.write_text(good + "\n[policy]\nsize.most = 'much'\n")
        assert site.stop() == 0
    assert cloud.command("run").returncode == 2


def test_the_second_daemon_is_told_who_works_there(cloud: Cloud) -> None:
    with running_site(cloud) as site:
        for command in ("run", "sync"):
            second = cloud.command(command)
            assert second.returncode == 8 and str(site.process.pid) in second.stderr
        site.kill()
        assert cloud.command("sync").returncode == 0


def test_what_a_person_says_counts_at_once_and_ends_by_itself(cloud: Cloud, content: ContentServer) -> None:
    picture = raw("words")
    offer(cloud, picture, content.put("words", picture.data))
    with running_site(cloud) as site:
        await_true(lambda: cloud.visible() != set(), "the image is imported")
        said = cloud.command("hold", picture.identifier, "--reason", "incident 7", "--until", "4s")
        assert said.returncode == 0, said.stderr
        await_true(lambda: not site.allows(picture.identifier), "the image is held")
        assert "incident 7" in site.ask(f"id:{picture.identifier}")[1]
        await_true(lambda: site.allows(picture.identifier), "the hold has ended")
        await_true(lambda: cloud.visible() != set(), "the file is back")
        assert cloud.command("withdraw", picture.identifier, "--reason", "no").returncode == 0
        await_true(lambda: not site.allows(picture.identifier), "the image is withdrawn")
        assert cloud.command("release", picture.identifier, "--reason", "yes").returncode == 0
        await_true(lambda: site.allows(picture.identifier), "the image is released")
    assert "incident 7" in cloud.command("log", picture.identifier).stdout


def test_what_a_person_says_counts_at_once_where_no_daemon_runs(cloud: Cloud, content: ContentServer) -> None:
    picture = raw("words by a timer")
    offer(cloud, picture, content.put("words", picture.data))
    cloud.sync()
    key = f"sha512:{picture.sha512}"
    assert cloud.command("may-start", key).returncode == 0
    said = cloud.command("hold", picture.identifier, "--reason", "incident 8")
    assert said.returncode == 0 and "answers follow it now" in said.stderr
    refused = cloud.command("may-start", key)
    assert refused.returncode == 6 and "incident 8" in refused.stdout
    cloud.command("release", picture.identifier, "--reason", "over")
    assert cloud.command("may-start", key).returncode == 0


def test_verify_finds_what_was_altered_or_is_gone_and_goes_on(cloud: Cloud, content: ContentServer) -> None:
    altered, gone, good = (raw(f"verify {name}") for name in ("altered", "gone", "good"))
    cloud.configure(subscription='search = "tag=verify"')
    for one in (altered, gone, good):
        cloud.say(one.draft(content.put(one.identifier, one.data), tags=("verify",)))
    assert cloud.sync().imported == 3
    assert cloud.command("verify").returncode == 0
    with (cloud.images / f"{altered.identifier}.raw").open("r+b") as stream:
        stream.seek(5000)
        stream.write(b"X")
    (cloud.images / f"{gone.identifier}.raw").unlink()
    done = cloud.command("verify", "-o", "json")
    assert done.returncode == 5 and "3 copies verified, 2 are wrong" in done.stderr
    faults = {one["identifier"]: one["fault"] for one in json.loads(done.stdout)}
    assert set(faults) == {altered.identifier, gone.identifier}
    assert "is gone" in faults[gone.identifier]
    assert cloud.visible() == {f"{good.identifier}.raw"}
    states = {one.identifier: one.state for one in cloud.copies()}
    assert states[altered.identifier] is CopyState.QUARANTINED
    assert cloud.command("quarantine", "drop", altered.identifier).returncode == 0
    assert {one.identifier: one.state for one in cloud.copies()}[altered.identifier] is CopyState.REMOVED
    cloud.sync()
    assert (cloud.images / f"{gone.identifier}.raw").read_bytes() == gone.data


def test_a_dry_run_changes_nothing(cloud: Cloud, content: ContentServer) -> None:
    picture = raw("dry")
    offer(cloud, picture, content.put("dry", picture.data))
    done = cloud.command("sync", "--dry-run", "-o", "json")
    assert done.returncode == 0 and picture.identifier in done.stdout
    assert not (cloud.folder / "state").exists() and not cloud.images.exists() and not content.sent
    cloud.sync()
    (heard,) = [line for line in cloud.command("status").stdout.splitlines() if " heard " in line]
    assert heard.endswith(" UTC)")
    before = {one: one.read_bytes() for one in sorted((cloud.folder / "state").glob("state.sqlite"))}
    assert cloud.command("sync", "--dry-run").returncode == 0
    assert {one: one.read_bytes() for one in before} == before


def test_check_names_everything_that_is_wrong(cloud: Cloud) -> None:
    fine = cloud.command("check")
    assert fine.returncode == 0 and "1 anchor, 0 revocation lists" in fine.stdout
    cloud.configure(marketplace='[[marketplace]]\nurl = "http://127.0.0.1:9"\n')
    (cloud.folder / "alice.pem").write_text("nothing")
    done = cloud.command("check", "-o", "json")
    assert done.returncode == 5
    assert "http://127.0.0.1:9" in done.stdout and "no anchor" in done.stdout
    assert f"{cloud.folder / 'alice.pem'}: " in done.stdout


def test_images_that_are_not_the_sites_stay_as_they_are(cloud: Cloud, content: ContentServer) -> None:
    picture = raw("foreign")
    cloud.images.mkdir()
    theirs = cloud.images / f"{picture.identifier}.raw"
    theirs.write_text("mine")
    offer(cloud, picture, content.put("foreign", picture.data))
    assert cloud.sync().failed == 1
    assert theirs.read_text() == "mine" and "not of this site" in cloud.copy().reason
