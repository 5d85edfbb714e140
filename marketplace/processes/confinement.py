"""What a query process gives up before it sees a query: memory, files, network, other programs.

The engine is a large parser and evaluator in native code that reads what
strangers write, and it can open connections (SERVICE). Everything here holds
until the process ends and cannot be taken back by it. Linux only; on other
systems and old kernels the limits hold and the rest is reported as missing.

Source: landlock(7), seccomp(2), prctl(2), setrlimit(2).
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import resource
import struct
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

#: Queries are worth less than uploads and lists on a machine that has too much to do.
_NICENESS = 5

_PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 4, 22, 38

# System calls that Landlock needs; they have these numbers on every architecture.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_RULESET_VERSION = 1
_RULE_PATH_BENEATH = 1
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
#: Every right over files of Landlock's first version, and binding and connecting TCP of its fourth.
_ALL_FILES, _ALL_TCP, _TCP_VERSION = (1 << 13) - 1, 3, 4

_SECCOMP_MODE_FILTER = 2
_ALLOW, _DENY = 0x7FFF0000, 0x00050000 | errno.EPERM
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_NUMBER_AT, _ARCHITECTURE_AT = 0, 4
#: Architecture, then: socket, execve, execveat, ptrace, io_uring_setup.
_DENIED = {
    "x86_64": (0xC000003E, (41, 59, 322, 101, 425)),
    "aarch64": (0xC00000B7, (198, 221, 281, 117, 425)),
}


def confine(readable: Sequence[Path], memory: int) -> list[str]:
    """Bound this process's memory and take away files, sockets and programs.

    Call it before any thread starts and after every import.

    Args:
        readable: the directories that stay readable.
        memory: most bytes of data, stacks and heap.

    Returns:
        what this system could not take away: ``files``, ``network``; empty where all is done.
    """
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    os.nice(_NICENESS)
    if sys.platform != "linux":
        return ["files", "network"]
    measures: list[tuple[str, Callable[[], None]]] = [
        ("files", lambda: _restrict_files(readable)),
        ("network", _deny_calls),
    ]
    missing = []
    _prctl(_PR_SET_DUMPABLE, 0)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    for name, measure in measures:
        try:
            measure()
        except OSError:
            missing.append(name)
    return missing


def limit_processor_time(seconds: float) -> None:
    """Have the system end this process after that much more processor time, whoever still watches it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))


_libc = ctypes.CDLL(None, use_errno=True)


def _prctl(option: int, argument: int, pointer: object = None) -> None:
    zero = ctypes.c_ulong(0)
    last = zero if pointer is None else pointer
    _checked(_libc.prctl(option, ctypes.c_ulong(argument), last, zero, zero))


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def _syscall(number: int, *arguments: object) -> int:
    return _checked(_libc.syscall(ctypes.c_long(number), *arguments))


def _restrict_files(readable: Sequence[Path]) -> None:
    version = _syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_RULESET_VERSION))
    handled = (
        struct.pack("=QQ", _ALL_FILES, _ALL_TCP) if version >= _TCP_VERSION else struct.pack("=Q", _ALL_FILES)
    )
    ruleset = _syscall(_CREATE_RULESET, handled, ctypes.c_size_t(len(handled)), ctypes.c_uint32(0))
    try:
        for path in readable:
            directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
            try:
                rule = struct.pack("=Qi", _READ_FILE | _READ_DIR, directory)
                _syscall(
                    _ADD_RULE,
                    ctypes.c_int(ruleset),
                    ctypes.c_int(_RULE_PATH_BENEATH),
                    rule,
                    ctypes.c_uint32(0),
                )
            finally:
                os.close(directory)
        _syscall(_RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint32(0))
    finally:
        os.close(ruleset)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


def _deny_calls() -> None:
    if platform.machine() not in _DENIED:
        raise OSError(errno.ENOSYS, "the system calls of this architecture are not known here")
    architecture, denied = _DENIED[platform.machine()]
    program = [
        (_LOAD, 0, 0, _ARCHITECTURE_AT),
        (_JUMP_IF_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _DENY),
        (_LOAD, 0, 0, _NUMBER_AT),
        # From each comparison to the denial behind the last one, and the allowance between.
        *((_JUMP_IF_EQUAL, len(denied) - index, 0, call) for index, call in enumerate(denied)),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _DENY),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in program))
    filters = _Program(len(program), ctypes.cast(code, ctypes.c_void_p))
    _prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(filters))
