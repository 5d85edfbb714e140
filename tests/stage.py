"""A piece of internet for this process alone: names that lead somewhere, and TLS as a site has it.

In network and mount namespaces of its own (``unshare --net --mount``), so that nothing of the machine
changes and nothing leaves it. Needs root.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import ssl
import subprocess
import threading
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from cryptography import x509

from tests.factories.server_certificates import make_server_certificate

#: Runs what follows in namespaces of its own, which end with it.
ALONE = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
#: An address that is none of a private network, as those of sites are.
_ADDRESS = "93.184.216.{}"


def reason_against() -> str | None:
    """Why there can be no such internet here; None where there can."""
    if os.geteuid() != 0 or shutil.which("unshare") is None or shutil.which("ip") is None:
        return "needs root, unshare and ip for namespaces of its own"
    made = subprocess.run([*ALONE, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False)
    return (
        None if made.returncode == 0 else f"this machine makes no namespaces: {made.stderr.decode().strip()}"
    )


def begin() -> None:
    """What a new network namespace needs before anything listens in it."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


@contextmanager
def names(folder: Path, ports: Mapping[str, int]) -> Iterator[Path]:
    """Have names lead to https servers of this machine; gives the file of their authority.

    Args:
        folder: for files; not removed.
        ports: name -> port of a server on 127.0.0.1 that speaks HTTP.
    """
    places = {name: _ADDRESS.format(number) for number, name in enumerate(ports, 10)}
    hosts = folder / "hosts"
    hosts.write_text("127.0.0.1 localhost\n" + "".join(f"{at} {name}\n" for name, at in places.items()))
    subprocess.run(["mount", "--bind", hosts, "/etc/hosts"], check=True)
    for place in places.values():
        subprocess.run(["ip", "address", "add", f"{place}/32", "dev", "lo"], check=True)
    authority = _certificate(folder, list(ports))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority, folder / "tls.key")
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    for name, port in ports.items():
        asyncio.run_coroutine_threadsafe(_front(places[name], context, port), loop).result()
    try:
        yield authority
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


def _front(address: str, context: ssl.SSLContext, port: int) -> Coroutine[None, None, asyncio.Server]:
    """TLS in front of a server, which a site has its proxy for."""

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, asks = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(_pump(reader, asks), _pump(answers, writer))

    return asyncio.start_server(pass_on, address, 443, ssl=context)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass  # one side went away, as they do
    finally:
        writer.close()


def _certificate(folder: Path, hosts: list[str]) -> Path:
    path = folder / "tls.pem"
    make_server_certificate(path, folder / "tls.key", [x509.DNSName(host) for host in hosts])
    return path
