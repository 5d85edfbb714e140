"""Ports as rules: capped by the site, and taken by the real tools."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from marketplace.demo.hypervisor import running_hypervisor
from marketplace.sites.network.rules import Rules, rules_of
from marketplace.sites.network.writers import (
    neutron_rules,
    write_neutron,
    write_nft,
    write_nwfilter,
    write_openstack,
)
from marketplace.sites.settings import NetworkTable
from tests.factories.documents import image, signed
from tests.sites.clouds import ALICE, Cloud
from tests.sites.daemons import await_true
from tests.sites.libvirts import require_libvirt
from tests.sites.neutrons import running_neutron
from tests.sites.openstacks import VENV
from tests.waiting import HANGING
from validators import accept

PORTS = "".join(
    f"<slterms:{name}>{value}</slterms:{name}>"
    for name, value in [
        ("inbound-port", 22), ("inbound-port", 80), ("inbound-port", 9999), ("inbound-port", 0),
        ("outbound-port", 25), ("icmp", 8),
    ]
)  # fmt: skip


def test_what_a_stranger_asks_for_is_capped() -> None:
    entry = accept(signed(image(extra=PORTS), ALICE))
    found = rules_of(entry, NetworkTable())
    assert (found.inbound, found.outbound, found.icmp) == ((22, 80), (25,), (8,))
    assert len(found.left_out) == 2 and "9999" in found.left_out[1]
    everything = rules_of(entry, NetworkTable(allow_all=True, allow_inbound=()))
    assert everything.inbound == (0,)
    assert rules_of(accept(signed(image(), ALICE)), NetworkTable()).outbound is None


def test_neutron_gets_both_families_and_no_limits_for_all() -> None:
    found = neutron_rules(Rules((0,), (25,), (8, 255)))
    assert found[0] == {
        "direction": "ingress", "ethertype": "IPv4", "protocol": "tcp",
        "port_range_min": None, "port_range_max": None,
    }  # fmt: skip
    assert [one["ethertype"] for one in found] == ["IPv4", "IPv6"] * 2 + ["IPv4", "IPv6", "IPv4"]
    assert found[5]["protocol"] == "ipv6-icmp" and found[5]["port_range_min"] == 128
    assert "--dst-port 25" in write_openstack(Rules((), (25,), ()), "x")


def test_the_command_writes_for_an_image_that_is_allowed(cloud: Cloud) -> None:
    draft = image(content="ports", extra=PORTS, tags=("ports",), checksums=(("SHA-256", "0" * 64),))
    cloud.configure(subscription='search = "tag=ports"')
    cloud.say(draft)
    with cloud.site() as site:
        site.learn(site.followers[0])
        site.ask(site.followers[0])
    done = cloud.command("rules", draft.about, "--as", "neutron")
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["security_group_rules"]) == 8
    assert "left out: inbound-port 9999" in done.stderr
    assert "delete the egress rules" in done.stderr
    assert cloud.command("rules", "A" * 27, "--as", "nft").returncode == 3


@pytest.fixture(scope="module")
def neutron(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A real Neutron's API."""
    with running_neutron(tmp_path_factory.mktemp("neutron")) as api:
        yield api


def test_neutron_takes_the_rules_once_and_has_no_others(neutron: httpx.Client) -> None:
    asked = [
        Rules((22, 80, 443, 8080), (25,), (8, 255)),
        Rules((0,), (0,), (0, 13)),
        Rules((), None, ()),
    ]
    for number, rules in enumerate(asked):
        made = neutron.post("/security-groups", json={"security_group": {"name": f"image-{number}"}})
        assert made.status_code == 201, made.text
        group = made.json()["security_group"]
        if rules.outbound is not None:
            for one in group["security_group_rules"]:
                assert neutron.delete(f"/security-group-rules/{one['id']}").status_code == 204
        text = write_neutron(rules, "image").replace("SECURITY_GROUP", group["id"])
        given = json.loads(text)["security_group_rules"]
        for status in (201, 409) if given else ():  # what is there already is no harm
            said = neutron.post("/security-group-rules", content=text.encode())
            assert said.status_code == status, said.text
        assert _rules_of(neutron, group["id"]) == _expected(rules)


def test_the_openstack_client_makes_a_group_with_these_rules_only(
    neutron: httpx.Client, tmp_path: Path
) -> None:
    rules = Rules((), (25,), (8,))
    environ = {
        "PATH": f"{VENV / 'bin'}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "OS_AUTH_TYPE": "none",
        "OS_ENDPOINT": str(neutron.base_url).removesuffix("/v2.0/"),
        "no_proxy": "127.0.0.1",
    }
    subprocess.run(["sh", "-ec", write_openstack(rules, "A" * 27)], env=environ, check=True)
    (group,) = [
        one
        for one in neutron.get("/security-groups").json()["security_groups"]
        if one["name"] == f"image-{'A' * 27}"
    ]
    assert _rules_of(neutron, group["id"]) == _expected(rules)


_FIELDS = ("direction", "ethertype", "protocol", "port_range_min", "port_range_max")


def _rules_of(api: httpx.Client, group: str) -> list[str]:
    there = api.get(f"/security-groups/{group}").json()["security_group"]["security_group_rules"]
    return sorted(str([one[name] for name in _FIELDS]) for one in there)


def _expected(rules: Rules) -> list[str]:
    """What the group has to have; where nothing outbound is limited, what Neutron gives every group."""
    given = [[one[name] for name in _FIELDS] for one in neutron_rules(rules)]
    if rules.outbound is None:
        given += [["egress", family, None, None, None] for family in ("IPv4", "IPv6")]
    return sorted(map(str, given))


@pytest.fixture
def networks() -> Iterator[tuple[str, str, str]]:
    """Two namespaces with a router between: 10.78.1.2 and 10.78.2.2."""
    missing = [
        name for name in ("nft", "ip") if shutil.which(name, path="/usr/sbin:/sbin:/usr/bin:/bin") is None
    ]
    if missing and os.environ.get("REQUIRE_LIBVIRT"):
        pytest.fail(f"REQUIRE_LIBVIRT is set, and there is no {', '.join(missing)}")
    if missing or os.geteuid() != 0:
        pytest.skip(f"needs {', '.join(missing) or 'root'}")
    names = tuple(f"mps{os.getpid()}{end}" for end in "rab")
    router, *ends = names
    if subprocess.run(["ip", "netns", "add", router], capture_output=True).returncode != 0:
        pytest.skip("this machine makes no network namespaces")
    try:
        for n, end in enumerate(ends, 1):
            run("ip", "netns", "add", end)
            run(
                "ip",
                "link",
                "add",
                f"to{n}",
                "netns",
                router,
                "type",
                "veth",
                "peer",
                "name",
                "eth0",
                "netns",
                end,
            )
            run("ip", "-n", router, "addr", "add", f"10.78.{n}.1/24", "dev", f"to{n}")
            run("ip", "-n", router, "link", "set", f"to{n}", "up")
            run("ip", "-n", end, "addr", "add", f"10.78.{n}.2/24", "dev", "eth0")
            run("ip", "-n", end, "link", "set", "eth0", "up")
            run("ip", "-n", end, "route", "add", "default", "via", f"10.78.{n}.1")
        run("ip", "netns", "exec", router, "sysctl", "-q", "-w", "net.ipv4.ip_forward=1")
        yield names
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], capture_output=True)


def run(*words: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, input=given, check=True, capture_output=True, text=True, timeout=60)


CONNECT = "import socket,sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=1)"
LISTEN = """
import socket, sys, threading
def serve(port):
    server = socket.create_server(("", port))
    while True:
        server.accept()
for port in map(int, sys.argv[1:]):
    threading.Thread(target=serve, args=(port,)).start()
print("ready", flush=True)
"""


def reaches(inside: str, address: str, port: int) -> bool:
    words = ["ip", "netns", "exec", inside, "/usr/bin/python3", "-c", CONNECT, address, str(port)]
    return subprocess.run(words, capture_output=True, timeout=30).returncode == 0


def test_nftables_opens_what_is_asked_for_and_nothing_else(networks: tuple[str, str, str]) -> None:
    router, outside, machine = networks
    text = write_nft(Rules((22, 80), (25,), (8,)), "MN7SFECTSyTTqHYAVbcWW-9nwjW")
    for _ in range(2):  # loading it again replaces it
        run("ip", "netns", "exec", router, "nft", "-f", "-", given=text)
    table = text.split()[2]
    forward = (
        f"add chain inet {table} forward {{ type filter hook forward priority 0; }}\n"
        f'add rule inet {table} forward oifname "to2" jump to_vm\n'
        f'add rule inet {table} forward iifname "to2" jump from_vm\n'
    )
    run("ip", "netns", "exec", router, "nft", "-f", "-", given=forward)
    listeners = []
    try:
        for name, ports in ((machine, ("22", "80", "443")), (outside, ("25", "587"))):
            process = subprocess.Popen(
                ["ip", "netns", "exec", name, "/usr/bin/python3", "-c", LISTEN, *ports],
                stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
            listeners.append(process)
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
        assert reaches(outside, "10.78.2.2", 22) and reaches(outside, "10.78.2.2", 80)
        assert not reaches(outside, "10.78.2.2", 443)
        assert reaches(machine, "10.78.1.2", 25) and not reaches(machine, "10.78.1.2", 587)
        # The control: without the rules everything is reached.
        run("ip", "netns", "exec", router, "nft", "delete", "table", "inet", table)
        assert reaches(outside, "10.78.2.2", 443) and reaches(machine, "10.78.1.2", 587)
    finally:
        for process in listeners:
            process.kill()
            process.communicate(timeout=HANGING)


def test_libvirt_takes_the_filter(tmp_path_factory: pytest.TempPathFactory) -> None:
    require_libvirt()
    with running_hypervisor(tmp_path_factory.mktemp("libvirt")) as running:
        for n, rules in enumerate((Rules((22, 80), (25,), (8,)), Rules((0,), None, ()), Rules((), (), ()))):
            file = running.folder / "filter.xml"
            file.write_text(write_nwfilter(rules, f"MN7SFECTSyTTqHYAVbcWW-9nwj{n}"))
            await_true(
                lambda file=file: running.virsh("nwfilter-define", str(file), check=False).returncode == 0,
                "libvirt takes the filter",
                10,
            )
        assert running.virsh("nwfilter-list").stdout.count("marketplace-MN7S") == 3
