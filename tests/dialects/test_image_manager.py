"""The file of openstack-image-manager, checked by the manager itself."""

from __future__ import annotations

from datetime import date

import pytest
import yaml

from tests.dialects.clients import run
from tests.dialects.conftest import Lab, entry
from tests.functional.catalogue import upload
from validators.lint.properties import IMAGE_PROPERTIES

PATH = "openstack-image-manager.yml"


def said(**properties: str) -> str:
    """Properties of clouds, as an entry says them."""
    return "".join(
        f'<glance:{name} xmlns:glance="{IMAGE_PROPERTIES}">{value}</glance:{name}>'
        for name, value in properties.items()
    )


#: Entries that the manager can take in, and, with the reason, such as it cannot.
TAKEN = {
    "plain": {"extra": said(image_original_user="debian")},
    "full": {
        "os": "Open SUSE",
        "os_arch": "arm64",
        "title": 'Quoted "title" \\ of: two\nlines # x\u2028y 😀',
        "valid": "2031-01-02T03:04:05Z",
        "extra": said(
            os_admin_user="root", min_ram="2048", hw_disk_bus="scsi", os_purpose="minimal",
            replace_frequency="monthly", uuid_validity="last-3", hypervisor_type="qemu",
        ),
    },
    # What the manager does not know is not said, and breaks nothing.
    "odd": {
        "extra": said(
            image_original_user="x: [y", min_ram="-1", hw_disk_bus="ide", os_purpose="fun",
            replace_frequency="often", uuid_validity="last-x", hypervisor_type="none",
        )
    },
}  # fmt: skip
LEFT_OUT = {
    "nobody who logs in: no image_original_user": {},
    "a system that the manager does not know": {"os": "templeos", **TAKEN["plain"]},
    "an architecture that the manager does not know": {"os_arch": "vax", **TAKEN["plain"]},
    "a format that Glance does not know": {"format": "floppy", **TAKEN["plain"]},
    "no SHA-256 or SHA-512": {"checksums": (("MD5", "0" * 32),), **TAKEN["plain"]},
    "compressed at its location: the checksum is of the image itself": {
        "compression": "xz", **TAKEN["plain"],
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def told(lab: Lab) -> dict:
    with lab.server.client() as http:
        for name, fields in [*TAKEN.items(), *LEFT_OUT.items()]:
            upload(http, entry(f"disk of {name}", "http://images.example.org", **fields))
    return {one["meta"]["image_description"]: one for one in yaml.safe_load(lab.get(PATH).text)["images"]}


def test_the_manager_finds_no_fault_in_the_file(lab, told, tmp_path):
    assert len(told) == len(TAKEN)
    (tmp_path / PATH).write_bytes(lab.get(PATH).content)
    done = run("openstack-image-manager", "--images", PATH, "--check-only", folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    broken = lab.get(PATH).text.replace("os_distro: debian", "os_distro: templeos")
    (tmp_path / PATH).write_text(broken)
    assert run("openstack-image-manager", "--images", PATH, "--check-only", folder=tmp_path).returncode


def test_the_file_has_what_entries_say(lab, told):
    (full,) = [one for one in told.values() if one["meta"]["os_distro"] == "opensuse"]
    assert full["name"] == 'Quoted "title" \\ of: two lines # x y 😀'
    assert (full["login"], full["min_ram"], full["visibility"]) == ("root", 2048, "public")
    assert full["meta"] | {"image_description": ""} == {
        "architecture": "aarch64", "hw_disk_bus": "scsi", "hypervisor_type": "qemu", "os_distro": "opensuse",
        "os_version": "13", "os_purpose": "minimal", "provided_until": date(2031, 1, 2),
        "replace_frequency": "monthly", "uuid_validity": "last-3", "image_description": "",
    }  # fmt: skip
    (odd,) = [one for one in told.values() if one["login"] == "x: [y"]
    assert (odd["min_ram"], odd["meta"]["hw_disk_bus"], odd["meta"]["os_purpose"]) == (0, "virtio", "custom")


def test_what_it_leaves_out_is_counted_by_its_reason(lab, told):
    with lab.server.client() as http:
        dialects = http.get("/api/v1/views/default").json()["dialects"]
    (one,) = [one for one in dialects if one["name"] == "openstack-image-manager"]
    assert set(LEFT_OUT) < set(one["left_out"])
    assert int(lab.get(PATH).headers["marketplace-left-out"]) == sum(one["left_out"].values())
