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
from tests.functional.catalogue import eventually
from tests.functional.running import AUTHORITIES, RunningServer, free_port, running_server
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


@contextmanager
def proxy(name: str, server: RunningServer, folder: Path) -> Iterator[httpx.Client]:
    program, frame, options = PROXIES[name]
    path = shutil.which(program) or shutil.which(f"/usr/sbin/{program}")
    if path is None:
        complain = pytest.fail if os.environ.get("REQUIRE_PROXIES") else pytest.skip
        complain(f"needs {program}: apt-get install nginx-light haproxy apache2-bin")
    (example,) = re.findall(rf"^```{name}\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    port = free_port()
    config = folder / "config"
    example = example.replace("127.0.0.1:6543", f"127.0.0.1:{server.port}")
    config.write_text(frame.format(folder=folder, port=port, example=example))
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
        eventually(answers)
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
    with proxy(name, server, tmp_path) as client:
        sent = client.post("/metadata", content=ENTRY, headers={"Content-Type": "application/rdf+xml"})
        assert sent.status_code == 201, sent.text
        assert client.get(f"/metadata/{place.path()}", headers={"Accept": "application/xml"}).content == ENTRY
        # An escaped slash and an escaped @ have to arrive as they were sent.
        tagged = client.get("/tag/pat%40example.org/a%2Fb", headers={"Accept": "application/xml"})
        assert tagged.status_code == 200 and tagged.content == ENTRY
        assert server.url in client.get("/api/v1").text
        client.get(f"/nothing/behind/{name}")
    # The client's own address, and not the proxy's.
    eventually(lambda: any(CLIENT in line and f"/nothing/behind/{name}" in line for line in logged(server)))


def logged(server: RunningServer) -> list[str]:
    return server.log.read_text(encoding="utf-8", errors="replace").splitlines()
