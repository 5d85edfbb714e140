"""kill -9 at each step and at any moment: never a wrong byte in sight, and sync reaches the same set."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from marketplace.sites.state import CopyState
from tests.launching import Process, launch, run
from tests.sites.clouds import Cloud
from tests.sites.content import ContentServer, stall
from tests.sites.daemons import await_true
from tests.sites.pictures import Picture, qcow2, raw
from tests.soaking import Tell
from tests.waiting import HANGING

#: Runs a sync that ends as by a power cut when a copy has come to a state: its row is the last thing written.
AT_STATE = """
import os, signal, sys
from marketplace.sites.state.copies import Copies
from marketplace.cli import run
real, step = Copies.move, sys.argv[1]
def move(self, copy, to, *given, **more):
    moved = real(self, copy, to, *given, **more)
    if to.value == step and not self._database._depth:
        os.kill(os.getpid(), signal.SIGKILL)
    return moved
Copies.move = move
sys.exit(run(["site", "sync", "--config", sys.argv[2]]))
"""
#: The same, in front of a call of the store.
AT_CALL = """
import os, signal, sys
from marketplace.sites.stores.directory import DirectoryStore
from marketplace.cli import run
name, when = sys.argv[1].split()
real = getattr(DirectoryStore, name)
def call(self, *given):
    if when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    done = real(self, *given)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(DirectoryStore, name, call)
sys.exit(run(["site", "sync", "--config", sys.argv[2]]))
"""
KILLED = -9


def sync_until(cloud: Cloud, code: str, step: str) -> int:
    words = [sys.executable, "-c", code, step, str(cloud.file)]
    return run(words, cloud.environ()).returncode


def begin_sync(cloud: Cloud) -> Process:
    with Path(os.devnull).open("wb") as nowhere:
        return launch(cloud.words("sync"), cloud.environ(), stdout=nowhere, stderr=nowhere)


def assert_only_right_bytes(cloud: Cloud, picture: Picture) -> None:
    for name in cloud.visible():
        assert (cloud.images / name).read_bytes() == picture.data


def offer(cloud: Cloud, picture: Picture, url: str) -> str:
    tag = picture.identifier
    cloud.configure(subscription=f'tag = "alice@images.example.org/{tag}"')
    cloud.say(picture.draft(url, tags=(tag,)))
    return tag


@pytest.mark.parametrize("step", ["reserved", "filling", "filled"])
def test_an_import_that_was_killed_at_a_step_comes_to_its_end(
    cloud: Cloud, content: ContentServer, step: str
) -> None:
    picture = qcow2(f"killed {step}")
    offer(cloud, picture, content.put("killed", picture.data))
    assert sync_until(cloud, AT_STATE, step) == KILLED
    assert cloud.copy().state is CopyState(step) and not cloud.visible()
    assert cloud.sync().imported == 1
    assert cloud.visible() == {f"{picture.identifier}.qcow2"} and not cloud.remains()
    assert_only_right_bytes(cloud, picture)


@pytest.mark.parametrize("call", ["reserve after", "fill after", "show before", "show after"])
def test_an_import_that_was_killed_around_a_call_of_the_store_comes_to_its_end(
    cloud: Cloud, content: ContentServer, call: str
) -> None:
    picture = raw(f"killed {call}")
    offer(cloud, picture, content.put("killed", picture.data))
    assert sync_until(cloud, AT_CALL, call) == KILLED
    assert_only_right_bytes(cloud, picture)
    assert cloud.sync().imported == 1
    assert cloud.visible() == {f"{picture.identifier}.raw"} and not cloud.remains()
    assert len(list(cloud.work.glob("tags/*"))) == 1


@pytest.mark.parametrize("call", ["hide before", "hide after"])
def test_a_withdrawal_that_was_killed_is_the_first_thing_done(
    cloud: Cloud, content: ContentServer, call: str
) -> None:
    picture = raw(f"withdrawn {call}")
    url = content.put("withdrawn", picture.data)
    tag = offer(cloud, picture, url)
    assert cloud.sync().imported == 1
    cloud.say(picture.draft(url, tags=(tag,), deprecated="bad"), created="2024-05-02T12:00:00Z")
    assert sync_until(cloud, AT_CALL, call) == KILLED
    assert cloud.copy().state is CopyState.WITHDRAWING
    assert cloud.command("may-start", picture.identifier).returncode == 6
    with cloud.site() as site:
        site.judge()
        site.finish_withdrawals()
    assert not cloud.visible() and cloud.copy().state is CopyState.WITHDRAWN


def test_a_kill_while_bytes_flow_is_gone_on_from(cloud: Cloud, content: ContentServer) -> None:
    picture = raw("mid flow", 4 << 20)
    offer(cloud, picture, content.put("flow", stall(picture.data, 3 << 20)))
    process = begin_sync(cloud)
    part = cloud.work / "parts" / f"{picture.identifier}.raw"
    await_true(lambda: part.exists() and part.stat().st_size >= 2 << 20, "bytes are there")
    process.kill()
    process.wait(HANGING)
    assert not cloud.visible()
    assert cloud.sync().imported == 1
    assert "range" in content.headers[-1]
    assert_only_right_bytes(cloud, picture)
    assert not cloud.remains()


def test_holes_that_a_power_cut_left_in_a_part_are_found(cloud: Cloud, content: ContentServer) -> None:
    picture = raw("holes", 4 << 20)
    offer(cloud, picture, content.put("holes", stall(picture.data, 3 << 20)))
    process = begin_sync(cloud)
    part = cloud.work / "parts" / f"{picture.identifier}.raw"
    await_true(lambda: part.exists() and part.stat().st_size >= 2 << 20, "bytes are there")
    process.kill()
    process.wait(HANGING)
    with part.open("r+b") as file:
        file.seek(1 << 20)
        file.write(bytes(4096))
    content.put("holes", picture.data)
    assert cloud.sync().imported == 1
    assert_only_right_bytes(cloud, picture)


def kill_at_random(cloud: Cloud, content: ContentServer, kills: int) -> tuple[int, int]:
    """Kill syncs at random moments, each image until it came in; how many were killed, and how many ended."""
    killed = ended = 0
    chance = random.Random(20260101)
    # The moments follow how long a sync takes on this machine now, so that most kills find one at work.
    whole = undisturbed(cloud)
    while killed < kills:
        picture = raw(f"random {time.monotonic_ns()}", 2 << 20)
        offer(cloud, picture, content.put("random", picture.data))
        for _ in range(10):
            started = time.monotonic()
            process = begin_sync(cloud)
            try:
                process.wait(chance.uniform(0.2, 1.2) * whole)
                ended += 1
                whole = time.monotonic() - started
                break
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(HANGING)
                killed += 1
            for name in cloud.visible():
                assert name == f"{picture.identifier}.raw"
                assert_only_right_bytes(cloud, picture)
        else:  # the machine has become slower: none of ten came to its end
            whole *= 1.5
        cloud.sync()
        assert cloud.visible() == {f"{picture.identifier}.raw"}, cloud.copies()
        assert_only_right_bytes(cloud, picture)
        assert not cloud.remains()
        empty(cloud)
    return killed, ended


def undisturbed(cloud: Cloud) -> float:
    """How many seconds a sync takes that nobody kills."""
    started = time.monotonic()
    assert cloud.command("sync").returncode == 0
    return time.monotonic() - started


def empty(cloud: Cloud) -> None:
    """Begin with an empty store and an empty state."""
    shutil.rmtree(cloud.images)
    shutil.rmtree(cloud.folder / "state")


def test_kills_at_random_moments(cloud: Cloud, content: ContentServer) -> None:
    killed, _ = kill_at_random(cloud, content, 4)
    assert killed >= 4


@pytest.mark.soak
def test_many_kills_at_random_moments(cloud: Cloud, content: ContentServer, tell: Tell) -> None:
    killed, ended = kill_at_random(cloud, content, 300)
    assert ended > 0
    tell(killed, lost=0, note=f"between them {ended} syncs came to their end")
