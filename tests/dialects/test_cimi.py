"""CIMI over HTTP, from the entry point on; no client of CIMI can be installed any more."""

from __future__ import annotations

import httpx

from validators import accept


def test_everything_is_reached_from_the_entry_point(lab):
    entry_point = httpx.get(f"{lab.url}/cimi/cloudEntryPoint").json()
    assert entry_point["resourceURI"] == "http://schemas.dmtf.org/cimi/1/CloudEntryPoint"
    answer = httpx.get(entry_point["machineImages"]["href"])
    assert answer.headers["marketplace-left-out"] == "1"
    collection = answer.json()
    assert collection["resourceURI"].endswith("/MachineImageCollection")
    images = collection["machineImages"]
    assert collection["count"] == len(images) == 4
    for one in images:
        assert httpx.get(one["id"]).json() == one
        assert accept(httpx.get(one["properties"]["entry"]).content).entry_id == one["properties"]["entryId"]
    states = {one["properties"]["identifier"]: one["state"] for one in images}
    named = {name: states.get(one.identifier) for name, one in lab.entries.items()}
    assert named == {
        "debian": "AVAILABLE", "ubuntu": "AVAILABLE", "bare": "AVAILABLE", "elsewhere": None,
        "withdrawn": "DELETING",
    }  # fmt: skip


def test_only_what_is_available_has_a_place(lab):
    images = lab.get("cimi/machineImages").json()["machineImages"]
    debian = lab.entries["debian"]
    (found,) = [one for one in images if one["properties"]["identifier"] == debian.identifier]
    assert (found["name"], found["created"][-1]) == ("Debian 12 für alle", "Z")
    sums = {one.algorithm: one.value for one in debian.metadata.checksums}
    assert found["properties"]["sha512"] == sums["SHA-512"]
    led = httpx.get(found["imageLocation"])
    assert (led.status_code, led.headers["location"].endswith("/debian.qcow2")) == (302, True)
    assert {"imageLocation" in one for one in images if one["state"] != "AVAILABLE"} == {False}


def test_there_is_nothing_beside_it(lab):
    for path in ("cimi", "cimi/MachineImage/x", "cimi/MachineImage", "cimi/machineImages/x", "cimi/machines"):
        assert lab.get(path).status_code == 404
