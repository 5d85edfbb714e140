"""Programs of a site that are told of events: in order, again after a kill, and with a word against."""

from __future__ import annotations

import stat
import time
from pathlib import Path

from tests.sites.clouds import Cloud
from tests.sites.content import ContentServer
from tests.sites.daemons import await_true, running_site
from tests.sites.offering import offer
from tests.sites.pictures import qcow2, raw


def handler(folder: Path, text: str) -> Path:
    path = folder / "handler"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def hooked(path: Path, *events: str, more: str = "") -> str:
    return f'[[hook]]\non = {list(events)!r}\nrun = ["{path}", "a b"]\n{more}'.replace("'", '"')


def test_hooks_are_told_what_vmcatcher_told_in_order(cloud: Cloud, content: ContentServer) -> None:
    picture = qcow2("hooked")
    told = cloud.folder / "told"
    path = handler(
        cloud.folder, f'echo "$VMCATCHER_EVENT_TYPE" >> {told}; env | sort > {told}.env; test "$1" = "a b"'
    )
    url = content.put("hooked", picture.data)
    events = ("AvailablePrefix", "AvailablePostfix", "ExpirePrefix", "ExpirePostfix")
    tag = offer(cloud, picture, url, hooked(path, *events), title="A\nhostile $(title)", version="7")
    assert cloud.sync().hooks_failed == 0
    cloud.say(picture.draft(url, tags=(tag,), deprecated="old", version="7"), created="2024-05-02T12:00:00Z")
    assert cloud.sync().hooks_failed == 0
    assert told.read_text().split() == list(events)
    said = dict(line.split("=", 1) for line in Path(f"{told}.env").read_text().splitlines() if "=" in line)
    assert said["VMCATCHER_EVENT_SL_CHECKSUM_SHA512"] == picture.sha512
    assert said["VMCATCHER_EVENT_FILENAME"] == str(cloud.images / f"{picture.identifier}.qcow2")
    assert said["VMCATCHER_EVENT_HV_VERSION"] == "7" and said["VMCATCHER_EVENT_HV_FORMAT"] == "qcow2"
    assert said["VMCATCHER_EVENT_DC_TITLE"] == "A hostile $(title)"
    assert "old" in said["MARKETPLACE_REASON"] and said["MARKETPLACE_SITE"] == "lab"


def test_what_comes_before_an_image_is_told_before_users_see_it(cloud: Cloud, content: ContentServer) -> None:
    picture = raw("order")
    told = cloud.folder / "told"
    file = cloud.images / f"{picture.identifier}.raw"
    path = handler(
        cloud.folder, f'test -e {file} && seen=yes || seen=no; echo "$VMCATCHER_EVENT_TYPE $seen" >> {told}'
    )
    before = ("SubscriptionImageNew", "AvailablePrefix")
    events = ("ProcessPrefix", *before, "AvailablePostfix", "ProcessPostfix")
    offer(cloud, picture, content.put("order", picture.data), hooked(path, *events))
    assert cloud.sync().hooks_failed == 0
    expected = [f"{one} no" for one in events[:3]] + [f"{one} yes" for one in events[3:]]
    assert told.read_text().splitlines() == expected


def test_the_daemon_tells_when_work_begins_and_when_it_has_ended(
    cloud: Cloud, content: ContentServer
) -> None:
    picture = raw("work")
    told = cloud.folder / "told"
    path = handler(cloud.folder, f'echo "$VMCATCHER_EVENT_TYPE" >> {told}')
    events = ("ProcessPrefix", "AvailablePrefix", "AvailablePostfix", "ProcessPostfix")
    url = content.put("work", picture.data)
    tag = offer(cloud, picture, url, hooked(path, *events, "ExpirePrefix", "ExpirePostfix"))

    def ended(times: int) -> bool:
        return told.exists() and told.read_text().split().count("ProcessPostfix") == times

    with running_site(cloud):
        await_true(lambda: ended(1), "the import was told to have ended")
        assert told.read_text().split() == list(events)
        cloud.say(picture.draft(url, tags=(tag,), deprecated="x"), created="2024-05-02T12:00:00Z")
        await_true(lambda: ended(2), "the withdrawal was told to have ended")
    expired = ["ProcessPrefix", "ExpirePrefix", "ExpirePostfix", "ProcessPostfix"]
    assert told.read_text().split() == [*events, *expired]


def test_a_hook_that_hangs_or_fails_holds_nothing_up_and_is_told_again(
    cloud: Cloud, content: ContentServer
) -> None:
    picture = raw("hangs")
    told = cloud.folder / "told"
    path = handler(cloud.folder, f"sleep 300 & echo $! > {told}; wait")
    offer(
        cloud,
        picture,
        content.put("hangs", picture.data),
        hooked(path, "AvailablePostfix", more="timeout = 1\n"),
    )
    done = cloud.sync()
    assert (done.imported, done.hooks_failed) == (1, 1)
    child = int(told.read_text())
    await_true(lambda: not Path(f"/proc/{child}").exists(), "what the handler started is gone")
    handler(cloud.folder, f"echo again > {told}")
    now = time.time()
    assert cloud.sync(wall=lambda: now + 10).hooks_failed == 0
    assert told.read_text() == "again\n"


def test_a_hook_can_keep_an_image_out_but_not_a_withdrawal_back(cloud: Cloud, content: ContentServer) -> None:
    picture = raw("veto")
    url = content.put("veto", picture.data)
    path = handler(cloud.folder, "echo unwanted >&2; exit 3")
    veto = hooked(path, "AvailablePrefix", "ExpirePrefix", more="veto = true\n")
    tag = offer(cloud, picture, url, veto)
    assert cloud.sync().failed == 1
    assert not cloud.visible() and "unwanted" in cloud.copy().reason
    handler(cloud.folder, "exit 0")
    now = time.time()
    assert cloud.sync(wall=lambda: now + 100).imported == 1
    handler(cloud.folder, "exit 3")
    cloud.say(picture.draft(url, tags=(tag,), deprecated="x"), created="2024-05-02T12:00:00Z")
    assert cloud.sync(wall=lambda: now + 200).withdrawn == 1
    assert not cloud.visible()


def test_events_that_are_owed_are_told_after_a_kill(cloud: Cloud, content: ContentServer) -> None:
    picture = raw("owed")
    told = cloud.folder / "told"
    path = handler(cloud.folder, f"echo begun >> {told}; sleep 300")
    hook = hooked(path, "AvailablePostfix", more="timeout = 200\n")
    offer(cloud, picture, content.put("owed", picture.data), hook)
    with running_site(cloud) as site:
        await_true(told.exists, "the hook is told")
        site.kill()
    handler(cloud.folder, f"echo ended >> {told}")
    assert cloud.sync().hooks_failed == 0
    assert told.read_text() == "begun\nended\n"
