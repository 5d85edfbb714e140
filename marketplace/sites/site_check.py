"""Looks at everything that a site rests on, without changing anything."""

from __future__ import annotations

import hashlib
import shutil
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from marketplace.client.errors import TransportError
from marketplace.images import UnsafeImageError, verify_safe
from marketplace.moments import counted
from marketplace.sites.configuration import SiteConfiguration
from marketplace.sites.decisions.hook import FOLDER, HookError, find_fault, prove_hook
from marketplace.sites.errors import KnowledgeError, StoreError
from marketplace.sites.image_comparison import measure_start
from marketplace.sites.knowledge.follow import MOST_SKEW
from marketplace.sites.knowledge.reader import MarketplaceReader
from marketplace.sites.settings import MarketplaceTable, ReceiptsTable
from marketplace.sites.site import open_trust
from marketplace.sites.site_key import SiteKeyError, read_site_key
from marketplace.sites.state import State
from marketplace.sites.store_settings import LibvirtTable
from marketplace.sites.stores.glance import GlanceStore
from marketplace.sites.stores.interface import ImageProperties
from marketplace.sites.stores.opening import open_stores
from marketplace.tlog.checkpoint import verify_checkpoint
from marketplace.tlog.errors import TlogError

#: Bytes of free space below which a store is named.
_LITTLE = 1 << 30


@dataclass(frozen=True, slots=True)
class CheckFinding:
    """Something that was looked at; ``fault`` is None where nothing is wrong with it."""

    what: str
    found: str
    fault: str | None = None


def check_site(
    configuration: SiteConfiguration, *, probe: bool, hooks: Path = FOLDER
) -> Iterator[CheckFinding]:
    """Look at everything, one thing after the other.

    Args:
        probe: also have libvirt refuse a canary, and Glance a hostile image.
        hooks: where libvirt keeps its hooks.
    """
    table = configuration.table
    yield CheckFinding("configuration", f"{configuration.file} can be used")
    for one in table.marketplace:
        yield _marketplace(one)
    with TemporaryDirectory(prefix="marketplace-site-") as folder:
        state = State(Path(folder))
        trust = open_trust(configuration, state)
        state.close()
    held = trust.material
    yield CheckFinding(
        "trust",
        f"{counted(len(held.anchors), 'anchor')}, {counted(len(held.lists), 'revocation list')}",
        _no_anchor(len(held.anchors)),
    )
    for fault in trust.faults:
        yield CheckFinding("trust", fault.file, fault.for_operators())
    for name, store in open_stores(table).items():
        faults = store.check()
        path = store.path(".")
        free = shutil.disk_usage(path).free if path is not None and path.exists() else _LITTLE
        if not faults and free < _LITTLE:
            faults = [f"store {name} has only {free >> 20} MiB left"]
        about = store.about() if not faults else "cannot be used as it is"
        yield CheckFinding(f"store {name}", about, "; ".join(faults) or None)
        if probe and isinstance(store, GlanceStore) and not faults:
            yield _hostile(store)
    if table.receipts is not None:
        yield _key(table.receipts, table.name)
    for uri in dict.fromkeys(one.uri for one in table.store if isinstance(one, LibvirtTable)):
        yield _hook(uri, probe=probe, hooks=hooks)


def _hostile(store: GlanceStore) -> CheckFinding:
    """Have a qcow2 that names a file of its host refused, by the site and by Glance."""
    what = f"store {store.name}: an image that would read /etc/passwd of its host"
    data = _hostile_qcow2()
    try:
        verify_safe(measure_start([data], len(data)).inspection)
    except UnsafeImageError as error:
        found = f"is refused before it reaches Glance ({error})"
    else:
        return CheckFinding(what, "is not refused", "this site would let it in: do not use it")
    digest = f"sha512:{hashlib.sha512(data).hexdigest()}"
    facts = ImageProperties("probe", "", digest, len(data), "qcow2", "marketplace site check --probe", "")
    try:
        also = "refuses it, too" if store.refuses(facts, data) else "itself would take it"
    except StoreError as error:
        return CheckFinding(what, found, str(error))
    return CheckFinding(what, f"{found}; Glance {also}")


def _hostile_qcow2() -> bytes:
    name = b"/etc/passwd"
    header = struct.pack(
        ">4sIQIIQIIQQIIQQQQII", b"QFI\xfb", 3, 112, len(name), 16, 1 << 20, 0, 1, 3 << 16, 1 << 16, 1, 0, 0,
        0, 0, 0, 4, 104,
    )  # fmt: skip
    return (header + bytes(112 - len(header)) + name).ljust(1 << 16, b"\0") + struct.pack(
        ">Q", 2 << 16
    ).ljust(3 << 16, b"\0")


def _no_anchor(count: int) -> str | None:
    return None if count else "there is no anchor, so nobody's statements count (trust.anchors)"


def _marketplace(one: MarketplaceTable) -> CheckFinding:
    what = f"marketplace {one.url}"
    try:
        reader = MarketplaceReader(one.url, one.token_file)
        try:
            page = reader.changes(0, 1)
            size = 0 if page is None else page.size
            if one.verifier is not None:
                note = reader.checkpoint()
                signed = verify_checkpoint(note or b"", one.verifier)
                what += f", log {signed.checkpoint.origin}"
            offset = reader.clock_offset
        finally:
            reader.close()
    except (KnowledgeError, TransportError, TlogError) as error:
        return CheckFinding(what, "does not answer correctly", str(error))
    found = counted(size, "entry", "entries")
    if offset is not None and abs(offset) > MOST_SKEW:
        return CheckFinding(what, found, f"its clock and ours are {offset:.0f} s apart")
    return CheckFinding(what, found)


def _hook(uri: str, *, probe: bool, hooks: Path) -> CheckFinding:
    fault = find_fault(hooks)
    if not probe:
        return CheckFinding("libvirt hook", f"{hooks} (check --probe proves that it is called)", fault)
    try:
        return CheckFinding("libvirt hook", f"refused the canary: {prove_hook(uri)[:200]}")
    except HookError as error:
        return CheckFinding("libvirt hook", "is not proven", f"{error}" + (f"; {fault}" if fault else ""))


def _key(table: ReceiptsTable, name: str) -> CheckFinding:
    try:
        return CheckFinding("receipts", str(read_site_key(table.key_file, name).verifier))
    except SiteKeyError as error:
        return CheckFinding("receipts", str(table.key_file), str(error))
