"""Lets a process that root started go on as another user."""

from __future__ import annotations

import ctypes
import os
import struct
from pathlib import Path

_KEEP_CAPABILITIES = 8  # prctl(2)
_VERSION_3 = 0x20080522  # capset(2)
#: Rights to read every file, without and with that to write them (capabilities(7)).
_READING, _WRITING = 1 << 2, 1 << 1


def become(user: int, group: int, *needed: str) -> None:
    """Be that user from now on, with no other right of root's than to read, where files need it.

    Args:
        needed: what the process has to read: an interpreter may be in the home of root.

    Raises:
        OSError: the system refuses it.
    """
    rights = 0 if all(map(_is_open, needed)) else _reading_rights()
    libc = ctypes.CDLL(None, use_errno=True)
    if rights and libc.prctl(_KEEP_CAPABILITIES, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
    os.setgroups([])
    os.setgid(group)
    os.setuid(user)
    if rights:
        header, data = struct.pack("=Ii", _VERSION_3, 0), struct.pack("=6I", rights, rights, 0, 0, 0, 0)
        if libc.capset(header, data):
            raise OSError(ctypes.get_errno(), "capset")


def _is_open(path: str) -> bool:
    """Whether everybody may go to a place and read it."""
    place = Path(path).resolve()
    return all(one.stat().st_mode & 0o5 == 0o5 for one in (place, *place.parents))


def _reading_rights() -> int:
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if "CapPrm" in line]
    permitted = int(line.split()[1], 16)
    return permitted & _READING or permitted & _WRITING
