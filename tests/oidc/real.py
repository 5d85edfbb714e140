"""A real OpenID Connect provider (npm ``oidc-provider``), and somebody with a browser before it."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx
import pytest

from tests.functional.running import AUTHORITIES, START_SECONDS, STOP_SECONDS, free_port

HERE = Path(__file__).parent
MODULES = HERE / "node_modules"
#: What the site has to say at the token endpoint; its characters have to be encoded there.
CLIENT, SECRET = "this site", "s3 cr%t+x/:"
_FORM = re.compile(r'<form[^>]*action="([^"]+)"[^>]*>(.*?)</form>', re.DOTALL)
_FIELD = re.compile(r"<input[^>]*>")


@dataclass(frozen=True)
class RealProvider:
    """A provider that runs, and the file with the people it knows."""

    url: str
    accounts: Path

    def knows(self, accounts: Mapping[str, Mapping[str, Any]]) -> None:
        """Make these, by login name with their claims, the people that it knows."""
        beside = self.accounts.with_suffix(".new")
        beside.write_text(json.dumps(accounts))
        beside.replace(self.accounts)

    def settings(self) -> dict[str, str]:
        """What a site needs to use it."""
        return {
            "oidc_issuer": self.url,
            "oidc_client_id": CLIENT,
            "oidc_client_secret": SECRET,
            "oidc_scopes": "openid email groups",
        }


@contextmanager
def real_provider(folder: Path, site_url: str, host: str = "127.0.0.1") -> Iterator[RealProvider]:
    """Run a provider that knows one site.

    Args:
        host: by which browsers reach it; ``localhost`` makes it another site than the one it knows.
    """
    node = shutil.which("node")
    if node is None or not MODULES.is_dir():
        if os.environ.get("REQUIRE_OIDC"):
            raise RuntimeError("node, and `npm ci` in tests/oidc, are needed")
        pytest.skip("needs node, and `npm ci` in tests/oidc")
    port, clients, accounts = free_port(), folder / "clients.json", folder / "accounts.json"
    client = {
        "client_id": CLIENT,
        "client_secret": SECRET,
        "redirect_uris": [f"{site_url}/login/oidc/callback"],
    }
    clients.write_text(json.dumps([client]))
    accounts.write_text("{}")
    log = folder / "provider.log"
    with log.open("wb") as sink:
        command = [node, "provider.mjs", host, str(port), str(clients), str(accounts)]
        process = subprocess.Popen(command, cwd=HERE, stdout=sink, stderr=sink)
    try:
        provider = RealProvider(f"http://{host}:{port}", accounts)
        _await(provider, process, log)
        yield provider
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise


def _await(provider: RealProvider, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the provider ended at once:\n{log.read_text()}")
        try:
            httpx.get(
                f"{provider.url}/.well-known/openid-configuration", trust_env=False, verify=AUTHORITIES
            ).raise_for_status()
            return
        except httpx.TransportError:
            time.sleep(0.05)  # between two looks at another process
    raise RuntimeError(f"the provider was not ready in time:\n{log.read_text()}")


def go_to_provider(browser: httpx.Client, wanted: str = "/account") -> httpx.Response:
    """Press the button of the sign-in page; the answer leads to the provider."""
    page = browser.get("/login", params={"next": wanted}, headers={"Accept": "text/html"})
    found = re.search(r'href="([^"]*/login/oidc\?[^"]*)"', page.text)
    assert found is not None, page.text
    return browser.get(html.unescape(found[1]), headers={"Accept": "text/html"})


def answer_of_provider(leaving: httpx.Response, login: str) -> str:
    """Sign in at the provider as its own pages ask for it; the address that it sends the browser back to.

    With a browser of its own: cookies do not know ports, and the site's are none of the provider's.
    """
    assert leaving.status_code == 303, leaving.text
    url = leaving.headers["Location"]
    with httpx.Client(trust_env=False, timeout=30, verify=AUTHORITIES) as browser:
        answer = browser.get(url)
        for _ in range(12):
            if answer.is_redirect:
                url = urljoin(url, answer.headers["Location"])
                if "/login/oidc/callback" in url:
                    return url
                answer = browser.get(url)
                continue
            found = _FORM.search(answer.text)
            assert found is not None, (url, answer.status_code, answer.text)
            fields = {name: value for name, value in map(_field, _FIELD.findall(found[2])) if name}
            fields |= {"login": login, "password": "any"} if "login" in fields else {}
            url = urljoin(url, html.unescape(found[1]))
            answer = browser.post(url, data=fields)
    raise AssertionError("the provider leads on without end")


def _field(text: str) -> tuple[str, str]:
    name, value = re.search(r'name="([^"]*)"', text), re.search(r'value="([^"]*)"', text)
    return (name[1] if name else ""), (html.unescape(value[1]) if value else "")


def sign_in_as(browser: httpx.Client, login: str, wanted: str = "/account") -> httpx.Response:
    """The whole way; what the site answers at its end."""
    back = answer_of_provider(go_to_provider(browser, wanted), login)
    return browser.get(back, headers={"Accept": "text/html"})
