"""Lets a process go on in the network of a namespace: it need not be started anew for that."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from pathlib import Path

#: Where iproute2 keeps the namespaces that it made.
NAMESPACES = Path("/run/netns")
_NETWORK = 0x40000000  # CLONE_NEWNET of setns(2)


def joining(command: Sequence[str], namespace: str) -> tuple[str, ...]:
    """A command that runs a program in Python with the network of a namespace.

    Args:
        command: the interpreter, ``-c``, the code.
    """
    python, option, code = command
    return python, option, f"from tests.federation.joining import join; join({namespace!r})\n{code}"


def join(namespace: str) -> None:
    """Have the network of a namespace from now on, as ``ip netns exec`` gives it to a program.

    Raises:
        OSError: there is no such namespace, or the system refuses it.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    file = os.open(NAMESPACES / namespace, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if libc.setns(file, _NETWORK):
            raise OSError(ctypes.get_errno(), f"setns: {namespace}")
    finally:
        os.close(file)
