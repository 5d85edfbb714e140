"""Which images a libvirt domain would start from: its disks, and what lies behind them."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lxml import etree

from marketplace.sites.decisions.answers import Answer

#: Bytes of a domain's description, and files behind one disk.
MOST_XML = 1 << 20
_MOST_BACKING = 16
_MOST_NAME = 1023  # of a backing file (qcow2, header field backing_file_size)
#: Our element in a domain's <metadata>; a claim, so it can only make the answer stricter.
NAMESPACE = "https://marketplace.example.org/site/1"
#: A domain of this name is refused always: it proves that the hook is called.
CANARY = "marketplace-canary"


class DomainError(Exception):
    """The description of a domain cannot be read."""


@dataclass(frozen=True, slots=True)
class Domain:
    """A domain as far as images matter.

    Args:
        sources: paths of disks, and what the description says lies behind them.
        claims: keys that its metadata names.
    """

    name: str
    sources: tuple[str, ...]
    claims: tuple[str, ...]


def parse_domain(data: bytes) -> Domain:
    """Read the XML that libvirt gives to its hooks.

    Raises:
        DomainError: it is none.
    """
    if len(data) > MOST_XML:
        raise DomainError(f"the domain's description has more than {MOST_XML} bytes")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False, load_dtd=False)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise DomainError(f"the domain's description is not XML ({error})") from None
    if root.tag != "domain":
        raise DomainError("the description is not one of a domain")
    sources = [
        value
        for one in root.iterfind("./devices/disk//source")
        for name in ("file", "dev", "dir")
        if (value := one.get(name))
    ]
    claims = [
        prefix + one.text.strip()
        for kind, prefix in (("identifier", "id:"), ("sha512", "sha512:"))
        for one in root.iterfind(f"./metadata//{{{NAMESPACE}}}{kind}")
        if one.text and one.text.strip()
    ]
    return Domain((root.findtext("name") or "")[:255], tuple(dict.fromkeys(sources)), tuple(claims))


def judge_domain(domain: Domain, ask: Callable[[str], Answer]) -> Answer:
    """May a domain be started: no, where any of its images may not.

    Args:
        ask: the answer to a key.
    """
    if domain.name == CANARY:
        return Answer(False, True, None, "this domain is the canary that proves that the hook is called")
    keys = list(domain.claims)
    for source in domain.sources:
        keys += [f"path:{path}" for path in chain_of(source)]
    answers = [(key, ask(key)) for key in dict.fromkeys(keys)]
    known = [(key, answer) for key, answer in answers if answer.known]
    for key, answer in known:
        if not answer.allowed:
            return Answer(False, True, answer.until, f"{answer.reason} [{key}]")
    if any(key.startswith("path:") for key, _ in known):
        ends = [answer.until for _, answer in known if answer.until is not None]
        return Answer(True, True, min(ends, default=None), known[0][1].reason)
    unknown = ask(f"path:{domain.sources[0]}" if domain.sources else "path:none")
    return Answer(
        unknown.allowed, False, None, "no disk of the domain is an image of this site; " + unknown.reason
    )


def chain_of(path: str) -> Iterator[str]:
    """A file and what lies behind it, each as its real path; read without any tool that opens images."""
    seen: set[str] = set()
    while len(seen) < _MOST_BACKING:
        real = os.path.realpath(path)
        if real in seen:
            return
        seen.add(real)
        yield real
        behind = _backing_file(Path(real))
        if behind is None:
            return
        path = os.path.join(os.path.dirname(real), behind)  # noqa: PTH118, PTH120  # names of any shape


def _backing_file(path: Path) -> str | None:
    """The backing file that a qcow2 header names (QEMU, docs/interop/qcow2.txt)."""
    try:
        if not path.is_file():
            return None
        with path.open("rb") as file:
            head = file.read(20)
            if len(head) < 20 or head[:4] != b"QFI\xfb":
                return None
            offset, length = struct.unpack(">QI", head[8:20])
            if not offset or not 0 < length <= _MOST_NAME:
                return None
            file.seek(offset)
            name = file.read(length).decode("utf-8", "surrogateescape")
    except (OSError, OverflowError):
        return None
    return name.removeprefix("file:")
