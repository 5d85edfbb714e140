"""A daemon whose disks are full: it goes on answering, and leaves nothing half behind."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from marketplace.sites.state import CopyState
from tests.sites.clouds import Cloud
from tests.sites.content import ContentServer, stall
from tests.sites.daemons import await_true, running_site, start
from tests.sites.disks import fill_disk, small_disk
from tests.sites.offering import offer, site_metrics
from tests.sites.pictures import raw
from tests.waiting import HANGING


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small disk")
def test_a_disk_that_fills_while_bytes_flow_leaves_nothing_behind(
    cloud: Cloud, content: ContentServer
) -> None:
    picture = raw("fills", 3 << 20)
    cloud.images.mkdir()
    with small_disk(cloud.images, "4m"):
        # There is room when the transfer begins, and none when it is half done.
        offer(cloud, picture, content.put("fills", stall(picture.data, 1 << 20)))
        process = subprocess.Popen(
            cloud.words("sync"), env=cloud.environ(), stderr=subprocess.PIPE, text=True
        )
        assert content.stalled.wait(HANGING)
        filler = fill_disk(cloud.images)
        content.go_on.set()
        process.communicate(timeout=60)
        assert process.returncode == 9
        copy = cloud.copy()
        assert copy.state is CopyState.FAILED and copy.next_at is not None, copy
        assert "no space left" in copy.reason or "full" in copy.reason, copy.reason
        assert cloud.visible() == {filler.name} and not cloud.remains()
        filler.unlink()
        content.put("fills", picture.data)
        with cloud.site() as site, site.state.database.write():
            site.state.database.run("UPDATE copy SET next_at = 0")  # as if the pause had passed
        assert cloud.sync().imported == 1
        assert (cloud.images / f"{picture.identifier}.raw").read_bytes() == picture.data


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small disk")
def test_a_full_disk_of_the_state_stops_steps_and_not_answers(cloud: Cloud, content: ContentServer) -> None:
    picture, later = raw("state full"), raw("state later")
    state = cloud.folder / "state"
    state.mkdir()
    with small_disk(state, "1m"):
        url = content.put("state", picture.data)
        cloud.configure(subscription='search = "tag=statefull"')
        cloud.say(picture.draft(url, tags=("statefull",)))
        assert cloud.sync().imported == 1
        with running_site(cloud) as site:
            await_true(lambda: site.allows(picture.identifier), "the image is allowed")
            filler = fill_disk(state)
            cloud.say(later.draft(content.put("later", later.data), tags=("statefull",)))
            fault = 'marketplace_site_faults{kind="state"}'
            await_true(lambda: fault in site_metrics(site), "the fault is counted")
            assert site.allows(picture.identifier) and not site.allows(later.identifier)
            assert cloud.visible() == {f"{picture.identifier}.raw"}
            filler.unlink()
            await_true(lambda: f"{later.identifier}.raw" in cloud.visible(), "steps are made again")
            assert site.allows(later.identifier)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small disk")
def test_a_full_store_drops_the_part_and_the_next_image_goes_on(cloud: Cloud, content: ContentServer) -> None:
    small, large = raw("small"), raw("large", 3 << 20)
    cloud.images.mkdir()
    with small_disk(cloud.images, "1m"):
        cloud.configure(subscription='search = "tag=full"')
        cloud.say(small.draft(content.put("small", small.data), tags=("full",)))
        cloud.say(large.draft(content.put("large", large.data), tags=("full",)))
        done = cloud.sync()
        assert (done.imported, done.failed) == (1, 1)
        assert cloud.visible() == {f"{small.identifier}.raw"}
        full = next(one for one in cloud.copies() if one.state is CopyState.FAILED)
        assert "has room for" in full.reason and full.next_at is not None


def test_a_state_that_cannot_be_written_stops_steps_and_not_answers(
    cloud: Cloud, content: ContentServer
) -> None:
    picture = raw("state")
    offer(cloud, picture, content.put("state", picture.data))
    cloud.sync()
    state = cloud.folder / "state" / "state.sqlite"
    shutil.copy(state, cloud.folder / "good")
    state.write_bytes(b"no database" * 1000)
    for rest in (cloud.folder / "state").glob("state.sqlite-*"):
        rest.unlink()
    done = cloud.command("sync")
    assert done.returncode == 1 and "cannot be used" in done.stderr
    assert cloud.command("may-start", picture.identifier).returncode == 0


__all__ = ["start"]
