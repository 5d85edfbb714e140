"""What the code of OpenNebula's market driver reads, and how it asks; the driver itself is not in Debian."""

from __future__ import annotations

import json
import re

import httpx
import pytest

from tests.dialects.conftest import NOW, Lab, entry
from tests.functional.catalogue import upload
from validators import accept

HOSTILE = 'Ends "so" \\'


@pytest.fixture(scope="module")
def endpoint(lab: Lab) -> str:
    """The ENDPOINT of a market, which ends in a slash."""
    with lab.server.client() as http:
        data = entry("disk of hostile", "http://images.example.org", title=HOSTILE, description="a\n\\")
        upload(http, data)
    return f"{lab.url}/opennebula/"


def ask(url: str) -> httpx.Response:
    return httpx.get(url, headers={"User-Agent": "OpenNebula 6.6.0 (Market Driver)"}, timeout=60)


def template(app: dict, endpoint: str) -> dict[str, str]:
    """The variables of an appliance, as the driver puts them together and OpenNebula reads them."""
    file = app["files"][0]
    values = {
        "NAME": app["name"], "IMPORT_ID": app["_id"]["$oid"], "TYPE": app["type"],
        "SOURCE": f"{endpoint}/appliance/{app['_id']['$oid']}/download/0",
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
    assert accept(httpx.get(debian["mp_entry"]).content).entry_id == said.entry_id
    sums = {one.algorithm: one.value for one in said.metadata.checksums}
    assert read["MD5"] == sums["MD5"]
    led = ask(read["SOURCE"])
    assert (led.status_code, led.content) == (302, b"")
    assert httpx.get(led.headers["location"]).content == lab.contents["/debian.qcow2"]


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
