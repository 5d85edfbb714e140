"""A real guest reads its seed, and is reached through libvirt's filter where its image asked for it only."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from marketplace.demo.hypervisor import running_hypervisor
from tests.sites.clouds import Cloud
from tests.sites.content import ContentServer
from tests.sites.daemons import await_true
from tests.sites.guests import ADDRESS, build_guest, greeting, inside, require_guest, start_guest
from tests.sites.pictures import raw
from tests.sites.test_rules import PORTS

USER_DATA = "#cloud-config\nruncmd:\n  - echo from the seed\n"


def test_a_guest_reads_its_seed_and_is_reached_where_its_image_asked_for_it(
    cloud: Cloud, content: ContentServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    require_guest()
    picture = raw("guest")
    cloud.configure(subscription=f'search = "tag={picture.identifier}"')
    draft = picture.draft(content.put("guest", picture.data), tags=(picture.identifier,), extra=PORTS)
    cloud.say(draft)
    assert cloud.sync().imported == 1
    user_data, seed = cloud.folder / "user-data", cloud.folder / "seed.iso"
    user_data.write_text(USER_DATA)
    words = ("--user-data", str(user_data), "--out", str(seed), "--hostname", "vm7", "--instance", "i-7")
    made = cloud.command("seed", picture.identifier, *words)
    assert made.returncode == 0, made.stderr
    rules = cloud.command("rules", picture.identifier, "--as", "nwfilter")
    assert rules.returncode == 0, rules.stderr
    folder = tmp_path_factory.mktemp("guest")
    build_guest(folder)
    with running_hypervisor(tmp_path_factory.mktemp("libvirt")) as libvirt:
        written = folder / "filter.xml"
        written.write_text(rules.stdout)
        libvirt.virsh("nwfilter-define", str(written))
        serial = start_guest(libvirt, folder, seed, f"marketplace-{picture.identifier}")
        await_true(lambda: "GUEST-READY" in told(serial), "the guest is up", 120)
        found = told(serial)
        assert json.loads(file_in(found, "meta-data")) == {"instance-id": "i-7", "local-hostname": "vm7"}
        assert file_in(found, "user-data").strip() == USER_DATA.strip()
        await_true(lambda: greeting(libvirt, 22) == "hello-22", "a port that was asked for answers", 60)
        assert greeting(libvirt, 80) == "hello-80"
        assert greeting(libvirt, 443) == ""
        busybox = str(folder / "root" / "bin" / "busybox")
        for address in (ADDRESS, "fe80::5054:ff:fe00:2%br0"):
            words = (busybox, "ping", "-c", "3", "-W", "5", address)
            await_true(lambda words=words: inside(libvirt, *words).returncode == 0, f"{address} answers", 30)
        # The control: with one more port in the filter the guest answers there, so it listened all the time.
        more = rules.stdout.replace("dstportstart='80'", "dstportstart='443'")
        assert more != rules.stdout
        written.write_text(more)
        libvirt.virsh("nwfilter-define", str(written))
        await_true(lambda: greeting(libvirt, 443) == "hello-443", "the port that was added answers", 60)
        assert greeting(libvirt, 80) == ""


def told(serial: Path) -> str:
    return serial.read_text(errors="replace").replace("\r", "") if serial.exists() else ""


def file_in(text: str, name: str) -> str:
    return text.partition(f"GUEST-FILE {name}\n")[2].partition("GUEST-END")[0]
