"""The reverse proxies of docs/operations.md: each real program, by its example, in front of a marketplace."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.functional.running import AUTHORITIES, RunningServer, free_port, running_server
from tests.waiting import wait_for
from validators import accept

PAGE = Path(__file__).parent.parent.parent / "docs" / "operations.md"
ENTRY = signed(image(content="proxied", tags=("a/b",)), make_identity(email="pat@example.org"))
#: A client's address: all of 127.0.0.0/8 is this machine.
CLIENT = "127.0.0.77"
NGINX = """\
daemon off; pid {folder}/pid; error_log {folder}/log;
events {{}}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{ listen 127.0.0.1:{port};
{example}
  }}
}}
"""
#: The same for an example that says itself where it listens.
NGINX_ALONE = re.sub(r"server \{\{.*?\}\}", "{example}", NGINX, flags=re.S)
#: Stands for the address at which an example listens.
HERE = "HERE"
HAPROXY = """\
defaults
    mode http
    timeout connect 30s
    timeout client 130s
frontend here
    bind 127.0.0.1:{port}
    default_backend marketplace
{example}
"""
APACHE = """\
ServerRoot {folder}
ServerName 127.0.0.1
Listen 127.0.0.1:{port}
PidFile {folder}/pid
ErrorLog {folder}/log
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_http_module /usr/lib/apache2/modules/mod_proxy_http.so
{example}
"""
#: Language of the example -> program, its frame, and how it is started.
PROXIES = {
    "nginx": ("nginx", NGINX, ("-c",)),
    "haproxy": ("haproxy", HAPROXY, ("-db", "-f")),
    "apache": ("apache2", APACHE, ("-DFOREGROUND", "-f")),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("proxied"), server_trusted_proxy="127.0.0.1") as running:
        yield running


def example_of(name: str, server: RunningServer) -> str:
    """The configuration that docs/operations.md has for a proxy, in its frame."""
    (example,) = re.findall(rf"^```{name}\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    return example.replace("127.0.0.1:6543", f"127.0.0.1:{server.port}")


@contextmanager
def proxy(name: str, frame: str, example: str, folder: Path) -> Iterator[httpx.Client]:
    """A proxy that runs; the frame says where it listens and writes."""
    program, _, options = PROXIES[name]
    path = shutil.which(program) or shutil.which(f"/usr/sbin/{program}")
    if path is None:
        complain = pytest.fail if os.environ.get("REQUIRE_PROXIES") else pytest.skip
        complain(f"needs {program}: apt-get install nginx-light haproxy apache2-bin")
    port = free_port()
    config = folder / "config"
    config.write_text(
        frame.format(folder=folder, port=port, example=example).replace(HERE, f"127.0.0.1:{port}")
    )
    log = (folder / "out").open("wb")
    process = subprocess.Popen([str(path), *options, str(config)], stdout=log, stderr=log)
    client = httpx.Client(
        base_url=f"http://127.0.0.1:{port}",
        timeout=60,
        transport=httpx.HTTPTransport(local_address=CLIENT, verify=AUTHORITIES),
    )

    def answers() -> bool:
        assert process.poll() is None, (folder / "out").read_text()
        try:
            return client.get("/healthz").status_code == 200
        except httpx.TransportError:
            return False

    try:
        wait_for(answers)
        yield client
    finally:
        client.close()
        process.terminate()
        process.wait()
        log.close()


@pytest.mark.parametrize("name", PROXIES)
def test_a_marketplace_works_behind_the_proxy_of_the_example(
    name: str, server: RunningServer, tmp_path: Path
) -> None:
    place = accept(ENTRY).coordinates
    with proxy(name, PROXIES[name][1], example_of(name, server), tmp_path) as client:
        sent = client.post("/metadata", content=ENTRY, headers={"Content-Type": "application/rdf+xml"})
        assert sent.status_code == 201, sent.text
        assert client.get(f"/metadata/{place.path()}", headers={"Accept": "application/xml"}).content == ENTRY
        # An escaped slash and an escaped @ have to arrive as they were sent.
        tagged = client.get("/tag/pat%40example.org/a%2Fb", headers={"Accept": "application/xml"})
        assert tagged.status_code == 200 and tagged.content == ENTRY
        assert server.url in client.get("/api/v1").text
        client.get(f"/nothing/behind/{name}")
    # The client's own address, and not the proxy's.
    wait_for(lambda: any(CLIENT in line and f"/nothing/behind/{name}" in line for line in logged(server)))


#: File of deploy/ -> its kind, what stands around it, and the address at which it listens.
FOR_SEVERAL = {
    "cluster/haproxy-web.cfg": ("haproxy", "{example}", "10.0.0.20:80"),
    "compose-haproxy.cfg": ("haproxy", "{example}", ":8080"),
    "cluster/nginx-web.conf": ("nginx", NGINX_ALONE, "10.0.0.20:80"),
}
NODES = ("10.0.0.21:6543", "web1:6543"), ("10.0.0.22:6543", "web2:6543")


@pytest.mark.parametrize("file", FOR_SEVERAL)
def test_one_of_two_web_nodes_may_be_off(file: str, server: RunningServer, tmp_path: Path) -> None:
    name, frame, listens = FOR_SEVERAL[file]
    text = (PAGE.parent.parent / "deploy" / file).read_text(encoding="utf-8")
    for names, port in zip(NODES, (server.port, free_port()), strict=True):
        for one in names:
            text = text.replace(one, f"127.0.0.1:{port}")
    assert text.count(f"127.0.0.1:{server.port}") == 1
    data = signed(image(content=file), make_identity(email="pat@example.org"))
    with proxy(name, frame, text.replace(f" {listens}", f" {HERE}"), tmp_path) as client:
        sent = client.post("/metadata", content=data, headers={"Content-Type": "application/rdf+xml"})
        assert sent.status_code == 201, sent.text
        assert [client.get("/metadata?limit=1").status_code for _ in range(6)] == [200] * 6
        assert client.get("/tag/pat%40example.org/a%2Fb").status_code in (200, 404)
        client.get(f"/nothing/behind/{file}", headers={"X-Forwarded-For": "10.1.2.3"})
    wait_for(lambda: any(CLIENT in line and f"/nothing/behind/{file}" in line for line in logged(server)))


def logged(server: RunningServer) -> list[str]:
    return server.log.read_text(encoding="utf-8", errors="replace").splitlines()
