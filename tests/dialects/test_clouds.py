"""Views in the formats that clouds import from: CIMI, OpenNebula and openstack-image-manager.

One server for all of them: the entries that a format needs come when its turn does. No client of CIMI can be
installed any more, and OpenNebula's market driver is not in Debian: what its code reads, and how it asks, is
done here. openstack-image-manager checks its file itself; tests/sites/test_glance.py has it fill a Glance.
"""

from __future__ import annotations

import json
import re
from datetime import date

import httpx
import pytest
import yaml

from tests.dialects.clients import run
from tests.dialects.conftest import NOW, Lab, entry
from tests.functional.catalogue import upload
from tests.functional.running import AUTHORITIES
from validators import accept
from validators.lint.properties import IMAGE_PROPERTIES


def test_everything_of_cimi_is_reached_from_the_entry_point(lab):
    entry_point = httpx.get(f"{lab.url}/cimi/cloudEntryPoint", verify=AUTHORITIES).json()
    assert entry_point["resourceURI"] == "http://schemas.dmtf.org/cimi/1/CloudEntryPoint"
    answer = httpx.get(entry_point["machineImages"]["href"], verify=AUTHORITIES)
    assert answer.headers["marketplace-left-out"] == "1"
    collection = answer.json()
    assert collection["resourceURI"].endswith("/MachineImageCollection")
    images = collection["machineImages"]
    assert collection["count"] == len(images) == 4
    for one in images:
        assert httpx.get(one["id"], verify=AUTHORITIES).json() == one
        assert (
            accept(httpx.get(one["properties"]["entry"], verify=AUTHORITIES).content).entry_id
            == one["properties"]["entryId"]
        )
    states = {one["properties"]["identifier"]: one["state"] for one in images}
    named = {name: states.get(one.identifier) for name, one in lab.entries.items()}
    assert named == {
        "debian": "AVAILABLE", "ubuntu": "AVAILABLE", "bare": "AVAILABLE", "elsewhere": None,
        "withdrawn": "DELETING",
    }  # fmt: skip


def test_only_what_is_available_has_a_place_in_cimi(lab):
    images = lab.get("cimi/machineImages").json()["machineImages"]
    debian = lab.entries["debian"]
    (found,) = [one for one in images if one["properties"]["identifier"] == debian.identifier]
    assert (found["name"], found["created"][-1]) == ("Debian 12 für alle", "Z")
    sums = {one.algorithm: one.value for one in debian.metadata.checksums}
    assert found["properties"]["sha512"] == sums["SHA-512"]
    led = httpx.get(found["imageLocation"], verify=AUTHORITIES)
    assert (led.status_code, led.headers["location"].endswith("/debian.qcow2")) == (302, True)
    assert {"imageLocation" in one for one in images if one["state"] != "AVAILABLE"} == {False}


def test_there_is_nothing_beside_what_cimi_leads_to(lab):
    for path in ("cimi", "cimi/MachineImage/x", "cimi/MachineImage", "cimi/machineImages/x", "cimi/machines"):
        assert lab.get(path).status_code == 404


HOSTILE = 'Ends "so" \\'


@pytest.fixture(scope="module")
def endpoint(lab: Lab) -> str:
    """The ENDPOINT of a market, which ends in a slash."""
    with lab.server.client() as http:
        data = entry("disk of hostile", "http://images.example.org", title=HOSTILE, description="a\n\\")
        upload(http, data)
    return f"{lab.url}/opennebula/"


def ask(url: str) -> httpx.Response:
    return httpx.get(
        url, headers={"User-Agent": "OpenNebula 6.6.0 (Market Driver)"}, timeout=60, verify=AUTHORITIES
    )


def template(app: dict, endpoint: str) -> dict[str, str]:
    """The variables of an appliance, as the driver puts them together and OpenNebula reads them."""
    file = app["files"][0]
    values = {
        "NAME": app["name"], "IMPORT_ID": app["_id"]["$oid"], "TYPE": app["type"],
        "SOURCE": f"{endpoint}appliance/{app['_id']['$oid']}/download/0",
        "PUBLISHER": app["publisher"], "FORMAT": app["format"], "DESCRIPTION": app["short_description"],
        "VERSION": app["version"], "TAGS": ", ".join(app["tags"]), "DATE": str(app["creation_time"]),
        "SIZE": str(-(-int(file["size"]) // 2**20)), "MD5": file["md5"],
    }  # fmt: skip
    escaped = {name: value.replace('"', '\\"') for name, value in values.items() if value}
    text = "".join(f'{name}="{value}"\n' for name, value in escaped.items())
    found = re.findall(r'^([A-Z0-9_]+)="((?:[^"\\]|\\.)*)"\n', text, re.MULTILINE)
    assert [name for name, _ in found] == list(escaped), text
    return {name: value.replace('\\"', '"') for name, value in found}


def test_the_driver_reads_the_list_and_follows_the_download(lab, endpoint):
    answer = ask(f"{endpoint}/appliance")
    assert answer.status_code == 200, answer.text
    assert answer.headers["marketplace-left-out"] == "2"
    apps = {one["name"]: one for one in answer.json()["appliances"]}
    assert set(apps) == {"Debian 12 für alle", "Ubuntu 24.04", 'Ends "so" /'}
    debian, said = apps["Debian 12 für alle"], lab.entries["debian"]
    read = template(debian, endpoint)
    assert (read["SIZE"], read["FORMAT"], read["TAGS"]) == ("1", "qcow2", "debian-12")
    assert int(read["DATE"]) == int(said.created.timestamp()) < NOW.timestamp()
    assert json.loads(debian["opennebula_template"])["CPU"]
    assert debian["mp_entry_id"] == said.entry_id
    assert accept(httpx.get(debian["mp_entry"], verify=AUTHORITIES).content).entry_id == said.entry_id
    sums = {one.algorithm: one.value for one in said.metadata.checksums}
    assert read["MD5"] == sums["MD5"]
    led = ask(read["SOURCE"])
    assert (led.status_code, led.content) == (302, b"")
    assert httpx.get(led.headers["location"], verify=AUTHORITIES).content == lab.contents["/debian.qcow2"]


def test_no_text_of_an_entry_ends_a_variable_of_the_template(endpoint):
    apps = {one["name"]: one for one in ask(f"{endpoint}appliance").json()["appliances"]}
    read = template(apps['Ends "so" /'], endpoint)
    assert read["NAME"] == 'Ends "so" /'
    assert read["DESCRIPTION"].startswith("a / (http://")


@pytest.mark.parametrize(
    "path", ["appliance/{bare}/download/0", "appliance/{withdrawn}/download/0", "appliance/x/download/0",
             "appliance/{debian}/download/1", "appliance/{debian}/download", "appliance/{debian}", ""],
)  # fmt: skip
def test_nothing_else_is_led_to(lab, endpoint, path):
    names = {name: one.identifier for name, one in lab.entries.items()}
    assert ask(endpoint + path.format(**names)).status_code == 404


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
    "no login user: image_original_user is not set": {},
    "a system that the manager does not know": {"os": "templeos", **TAKEN["plain"]},
    "an architecture that the manager does not know": {"os_arch": "vax", **TAKEN["plain"]},
    "a format that Glance does not know": {"format": "floppy", **TAKEN["plain"]},
    "no SHA-256 or SHA-512": {"checksums": (("MD5", "0" * 32),), **TAKEN["plain"]},
    "compressed at its location: the checksum is for the uncompressed image": {
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
