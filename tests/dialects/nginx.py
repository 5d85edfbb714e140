"""A copy behind nginx, set up as docs/dialects.md says."""

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

from tests.functional.running import AUTHORITIES, free_port
from tests.waiting import wait_for

PAGE = Path(__file__).parent.parent.parent / "docs" / "dialects.md"
#: The folders of tests are for their owner, whom nginx would leave for another user.
_FRAME = """\
daemon off; {user} pid {folder}/pid; error_log {folder}/log;
events {{}}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
{example}
}}
"""


def recipe(language: str) -> str:
    """The one example of docs/dialects.md in a language."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    return str(found)


@contextmanager
def served_by_nginx(copy: Path, certificate: tuple[Path, Path], folder: Path) -> Iterator[tuple[str, str]]:
    """A copy as nginx serves it; yields its address without and with TLS.

    Args:
        folder: an empty one for the configuration.
    """
    nginx = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
    if nginx is None:
        complain = pytest.fail if os.environ.get("REQUIRE_PROXIES") else pytest.skip
        complain("needs nginx: apt-get install nginx-light")
    script = recipe("sh").replace("/srv/lists.map", str(folder / "map")).replace("/srv/lists", str(copy))
    subprocess.run(["sh", "-ec", script], check=True)
    plain, secure = free_port(), free_port()
    listens = (
        f"server {{ listen 127.0.0.1:{plain}; listen 127.0.0.1:{secure} ssl;"
        f" ssl_certificate {certificate[0]}; ssl_certificate_key {certificate[1]};"
    )
    example = recipe("nginx").replace("/srv/lists.map", str(folder / "map"))
    example = example.replace("/srv/lists", str(copy)).replace("server {", listens)
    config = folder / "nginx.conf"
    config.write_text(
        _FRAME.format(folder=folder, example=example, user="user root;" if os.geteuid() == 0 else "")
    )
    with (folder / "out").open("wb") as log:
        process = subprocess.Popen([nginx, "-c", str(config)], stdout=log, stderr=log)
    url = f"http://127.0.0.1:{plain}"

    def answers() -> bool:
        assert process.poll() is None, (folder / "out").read_text()
        try:
            return httpx.get(f"{url}/index.json", verify=AUTHORITIES, trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    try:
        wait_for(answers)
        yield url, f"https://127.0.0.1:{secure}"
    finally:
        process.terminate()
        process.wait()
