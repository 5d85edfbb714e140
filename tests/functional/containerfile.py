"""Does what deploy/Containerfile says, without a program that builds images: in layers above this system.

Every stage that begins with the base image is a layer above this system's own root, which nothing changes.
Each RUN is run there as it is written, each COPY is made, and in the end the command is started, as the user
and with the variables that the file names. What differs from a real build is the base: what this system
has besides is there too.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

from tests.launching import ROOT

FILE = ROOT / "deploy" / "Containerfile"
#: What builders hand on by themselves. Names that begin with PIP_ tell how this system reaches packages.
_HANDED_ON = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#: Two layers above the root; nobody has to clean up what is in memory and in a namespace of its own.
_BEGIN = """\
set -e
work={work}
mount --make-rprivate /
mount -t tmpfs -o mode=0755 tmpfs "$work"
"""
_LAYER = """\
mkdir -p "$work/{name}/layer" "$work/{name}/work" "$work/{name}/root"
mount -t overlay -o "lowerdir={lower},upperdir=$work/{name}/layer,workdir=$work/{name}/work" \\
  overlay "$work/{name}/root"
"""
#: What a program that builds images gives to each step. Two hooks of this system that the real base does not
#: have are removed: they write the certificates for Java and the index of manual pages.
_FURNISH = """\
mount -t proc proc "$work/{name}/root/proc"
mount --bind /dev "$work/{name}/root/dev"
mount -t tmpfs -o mode=1777 tmpfs "$work/{name}/root/tmp"
mount -t tmpfs tmpfs "$work/{name}/root/run"
rm -rf "$work/{name}/root/etc/ca-certificates/update.d" "$work/{name}/root/var/lib/man-db/auto-update"
for file in /etc/resolv.conf /etc/hosts; do
  rm -f "$work/{name}/root$file"; cp "$file" "$work/{name}/root$file" || true
done
"""
#: The content of a folder goes into a folder; a file goes to a name, or by its own name into a folder.
_COPY = """\
if [ -d {origin} ]; then mkdir -p {root}{target}; tar -C {origin} {left_out} -c . | tar -C {root}{target} -x
else mkdir -p {root}{folder}; cp --preserve=mode {origin} {root}{target}; fi
"""
#: Starts the command; nobody can write to the root, and a volume begins with what the image has there.
_START = """\
mount --bind {root} {root}
mount -o remount,ro,bind {root}
{volumes}
mount -t tmpfs -o mode=1777 tmpfs {root}/tmp
mount -t proc proc {root}/proc
mount --bind /dev {root}/dev
exec chroot --userspec={user} --groups= {root} /usr/bin/env -i {environ} \
  sh -c 'cd "$0" && exec "$@"' {place} {command}
"""
_VOLUME = """\
cp -a {root}{place}/. {data}/
chown --reference={root}{place} {data}
chmod --reference={root}{place} {data}
mount --bind {data} {root}{place}
"""


class UnknownInstructionError(Exception):
    """Something that the builder below does not do: teach it."""


@dataclass
class Image:
    """What the last stage says of itself."""

    user: str = "0:0"
    place: str = "/"
    environ: dict[str, str] = field(default_factory=dict)
    volumes: list[str] = field(default_factory=list)
    port: int = 0
    stop_signal: str = "SIGTERM"
    command: list[str] = field(default_factory=list)

    def start(self, root: str, data: Path, **more: str) -> str:
        """The commands of a shell that starts it; for a mount namespace of its own.

        Args:
            data: an empty folder for its only volume.
            more: variables besides.
        """
        (place,) = self.volumes
        environ = " ".join(shlex.quote(f"{name}={value}") for name, value in (self.environ | more).items())
        return _START.format(
            root=root, volumes=_VOLUME.format(root=root, place=place, data=data), user=self.user,
            environ=environ, place=self.place, command=shlex.join(self.command),
        )  # fmt: skip


def instructions(text: str) -> list[tuple[str, str]]:
    """The instructions of such a file, each with what follows its name."""
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n\s*", " ", lines)
    return [
        (name, rest.strip()) for name, _, rest in (one.partition(" ") for one in joined.splitlines() if one)
    ]


def read_image(text: str) -> Image:
    """What is to be started."""
    image = Image()
    for name, rest in instructions(text):
        if name == "FROM":
            image = Image()
        elif name == "ENV":
            image.environ |= dict(one.split("=", 1) for one in shlex.split(rest))
        elif name == "USER":
            image.user = rest
        elif name == "WORKDIR":
            image.place = rest
        elif name == "VOLUME":
            image.volumes.append(rest)
        elif name == "EXPOSE":
            image.port = int(rest)
        elif name == "STOPSIGNAL":
            image.stop_signal = rest
        elif name == "CMD":
            image.command = json.loads(rest)
    return image


def is_sent(name: str) -> bool:
    """Whether a file or folder of the checkout is sent to the builder: .dockerignore names those."""
    first, *lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] != "#"]
    if first != "*" or any(line[0] != "!" and line != "**/__pycache__" for line in lines):
        raise UnknownInstructionError(f".dockerignore: {lines}")
    return f"!{name.rstrip('/')}" in lines


def build(text: str, work: Path) -> tuple[str, str]:
    """The commands of a shell that make the image; for a mount namespace of its own.

    Args:
        work: an empty folder.

    Returns:
        the commands, and the image's root, which is there in that namespace only.

    Raises:
        UnknownInstructionError: the file says something that is not known here.
    """
    builder = _Builder(_BEGIN.format(work=shlex.quote(str(work))))
    for name, rest in instructions(text):
        builder.do(name, rest)
    return builder.script, f"{work}/{builder.stage}/root"


class _Builder:
    def __init__(self, script: str) -> None:
        self.script = script
        self.stage = ""
        self._stages = 0
        self._environ: dict[str, str] = {}

    def do(self, name: str, rest: str) -> None:
        if name == "FROM":
            self._begin(*rest.split(" AS "))
        elif name == "RUN":
            self._run(rest)
        elif name == "COPY":
            self._copy(rest)
        elif name not in ("ARG", "USER", "VOLUME", "WORKDIR", "ENV", "EXPOSE", "STOPSIGNAL", "CMD"):
            raise UnknownInstructionError(name)

    @property
    def _root(self) -> str:
        return f'"$work/{self.stage}/root"'

    def _begin(self, base: str, stage: str = "") -> None:
        self._stages += 1
        self.stage = stage or f"stage{self._stages}"
        self._environ = {"PATH": _PATH, "HOME": "/root"}
        self._environ |= {
            name: value for name, value in os.environ.items() if name in _HANDED_ON or name.startswith("PIP_")
        }
        if base == "${BASE}":
            self.script += _LAYER.format(name=self.stage, lower="/") + _FURNISH.format(name=self.stage)
        elif base != "scratch":
            raise UnknownInstructionError(f"FROM {base}")

    def _run(self, command: str) -> None:
        environ = " ".join(shlex.quote(f"{name}={value}") for name, value in self._environ.items())
        self.script += f"chroot {self._root} /usr/bin/env -i {environ} sh -c {shlex.quote(command)}\n"

    def _copy(self, rest: str) -> None:
        words = rest.split()
        source = words.pop(0).removeprefix("--from=") if words[0].startswith("--from=") else ""
        *names, target = words
        if source and names == ["/"]:
            # All of another stage: the same layer, which is in use once only.
            self.script += f'umount -R -l "$work/{source}/root"\n'
            self.script += _LAYER.format(name=self.stage, lower=f"$work/{source}/layer:/")
            return
        if len(names) > 1 and not target.endswith("/"):
            raise UnknownInstructionError(f"several files go to a folder: COPY {rest}")
        for name in names:
            if not source and not is_sent(name):
                raise UnknownInstructionError(f"COPY {rest}: .dockerignore leaves {name} out")
            origin = f"$work/{source}/root{name}" if source else str(ROOT / name)
            self.script += _COPY.format(
                origin=f'"{origin}"', left_out="" if source else "--exclude=__pycache__", root=self._root,
                target=target, folder=target if target.endswith("/") else str(Path(target).parent),
            )  # fmt: skip
