"""The hook that libvirt runs before it starts a domain: its text, its place, the proof that it is called."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final, Literal

from marketplace.files import write_whole
from marketplace.sites.decisions.domains import CANARY
from marketplace.sites.errors import SiteError

#: Scripts of this folder are run beside the operator's own hook (libvirt 6.5 and newer).
FOLDER: Final = Path("/etc/libvirt/hooks/qemu.d")
FILE_NAME: Final = "50-marketplace"
_PATIENCE: Final = 60.0

# Both shell and Python: libvirt calls it several times for one start, and all but one of the calls have to
# end before Python is there.
_TEXT: Final = """#!/bin/sh
''':'
# Refuses the start of domains whose images the marketplace site does not allow.
# Written by "marketplace site hook install"; libvirtd reads this folder at its start and on SIGHUP.
case "$2" in
    prepare|migrate|restore) exec /usr/bin/python3 -IS "$0" "$@" ;;
    *) exit 0 ;;
esac
'''
# Not the modules above these two: their import takes longer than everything else here.
import posix, sys, time
try:
    import _socket as socket
except ImportError:
    import socket
RUN, WHEN_DOWN, WHY, MIGRATIONS = {run!r}, {when_down!r}, {why!r}, {migrations!r}
NAME, ACTION = (sys.argv + ["", "", ""])[1:3]
MARK = RUN + "/.incoming-" + NAME.replace("/", "_")
if ACTION in ("migrate", "restore") and not MIGRATIONS:
    open(MARK, "w").close()  # a machine that runs elsewhere is not stopped by moving here
if ACTION != "prepare":
    sys.exit(0)
try:
    coming = time.time() - posix.stat(MARK).st_mtime < 600
    posix.unlink(MARK)
    if coming:
        sys.exit(0)
except OSError:
    pass  # no machine is coming from elsewhere
XML = sys.stdin.buffer.read()
def refuse(reason):
    sys.stderr.write("image refused by the marketplace site: %s (%s %s)\\n" % (reason, WHY, NAME))
    sys.exit(6)
try:
    asked = socket.socket(socket.AF_UNIX)
    asked.settimeout(1)
    asked.connect(RUN + "/answer.sock")
    asked.sendall(b"POST /libvirt HTTP/1.0\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(XML) + XML)
    got = b""
    while (piece := asked.recv(65536)) and len(got) < 100000:
        got += piece
    status, reason = got[9:12], got.partition(b"\\r\\n\\r\\n")[2].decode("utf-8", "replace").strip()
except OSError:
    status, reason = b"", ""
if status == b"200":
    sys.exit(0)
if status == b"403":
    refuse(reason)
# Nobody answers: the file that the daemon left.
try:
    import html, os, re, urllib.parse
    with open(RUN + "/verdicts", encoding="utf-8") as file:
        words = file.readline().split()
        said, now, found = dict(zip(words[4::2], words[5::2])), time.time(), {{}}
        wanted = set()
        text = XML.decode("utf-8", "replace")
        for path in re.findall(r"<source [^>]*?(?:file|dev)=['\\"]([^'\\"]+)", text):
            wanted.add("path:" + os.path.realpath(html.unescape(path)))
        for line in file:
            key, answer, until, reason = line.rstrip("\\n").split(" ", 3)
            if urllib.parse.unquote(key) in wanted:
                found[key] = answer == "allow" and (until == "-" or now < int(until)), reason
except (OSError, ValueError, KeyError):
    said, found = None, {{}}
for allowed, reason in found.values():
    if not allowed:
        refuse(reason)
if NAME == {canary!r}:
    refuse("this domain is the canary that proves that the hook is called")
stale = said is None or (now >= int(said["fresh-until"]) and said["stale"] != "keep")
if stale and WHEN_DOWN == "refuse" and (said is None or found):
    refuse("no daemon answers, and its last answers are too old or gone")
if said is not None and not found and said["unknown"] == "refuse":
    refuse("no disk of the domain is an image of this site")
"""


class HookError(SiteError, code="site.hook"):
    """The hook cannot be installed, or libvirt does not call it."""


def hook_text(
    run: Path, when_down: Literal["refuse", "allow"], why: str, *, refuse_migrations: bool = False
) -> str:
    """The script.

    Args:
        run: where the socket and the verdict file are.
        when_down: what happens where neither the daemon nor a fresh verdict file is there.
        why: the command that tells more, without the domain's name.
    """
    return _TEXT.format(
        run=str(run), when_down=when_down, why=why, migrations=refuse_migrations, canary=CANARY
    )


def install_hook(folder: Path, text: str) -> Path:
    """Write the script; libvirtd has to be told to look again (SIGHUP) where the folder is new to it.

    Raises:
        OSError: it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o755)
    path = folder / FILE_NAME
    write_whole(path, text.encode(), 0o755)
    return path


def prove_hook(uri: str) -> str:
    """Have libvirt start a domain that the hook always refuses.

    Returns:
        libvirt's own words of the refusal.

    Raises:
        HookError: the domain was started, so the hook is not called; or libvirt does not answer.
    """
    domain = (
        f"<domain type='qemu'><name>{CANARY}</name><memory unit='MiB'>16</memory>"
        "<os><type arch='x86_64'>hvm</type></os><devices/></domain>"
    )
    said = _virsh(uri, "create", "/dev/stdin", given=domain.encode())
    if said.returncode == 0:
        _virsh(uri, "destroy", "--domain", CANARY)
        raise HookError(
            f"libvirt at {uri} does not call the hook: it started the canary. Is the hook executable "
            "(mode 0755), and was libvirtd told to look again (systemctl reload libvirtd)?"
        )
    words = " ".join(said.stderr.decode("utf-8", "replace").split())
    if "canary" not in words:
        raise HookError(f"libvirt at {uri} did not say that the hook refused the canary: {words[:300]}")
    return words


def find_fault(folder: Path) -> str | None:
    """Why libvirt would not call the hook, as far as the file tells; None where it would."""
    path = folder / FILE_NAME
    if not path.is_file():
        return f"{path} is not there: marketplace site hook install libvirt"
    if not os.access(path, os.X_OK):
        return f"{path} is not executable, so libvirt skips it: chmod 755 {path}"
    return None


def _virsh(uri: str, *words: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(  # noqa: S603  # an argument list of ours
            ["virsh", "-q", "-c", uri, *words],  # noqa: S607  # wherever the operator has it
            input=given,
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
        )
    except FileNotFoundError:
        raise HookError("virsh is not installed (Debian: libvirt-clients)") from None
    except subprocess.TimeoutExpired:
        raise HookError(f"virsh did not end within {_PATIENCE:.0f} s") from None
