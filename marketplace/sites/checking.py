"""Looks at everything that a site rests on, without changing anything."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from marketplace.client.errors import TransportError
from marketplace.sites.configuration import SiteConfiguration
from marketplace.sites.decisions.hook import FOLDER, HookError, find_fault, prove_hook
from marketplace.sites.errors import KnowledgeError
from marketplace.sites.knowledge.follow import MOST_SKEW
from marketplace.sites.knowledge.reader import MarketplaceReader
from marketplace.sites.settings import LibvirtTable, MarketplaceTable, ReceiptsTable
from marketplace.sites.site import open_trust
from marketplace.sites.site_key import SiteKeyError, read_site_key
from marketplace.sites.state import State
from marketplace.sites.stores.opening import open_stores
from marketplace.tlog.checkpoint import verify_checkpoint
from marketplace.tlog.errors import TlogError

#: Bytes of free space below which a store is named.
_LITTLE = 1 << 30


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that was looked at; ``fault`` is None where nothing is wrong with it."""

    what: str
    found: str
    fault: str | None = None


def check_site(configuration: SiteConfiguration, *, probe: bool, hooks: Path = FOLDER) -> Iterator[Finding]:
    """Look at everything, one thing after the other.

    Args:
        probe: also have libvirt refuse a canary.
        hooks: where libvirt keeps its hooks.
    """
    table = configuration.table
    yield Finding("configuration", f"{configuration.file} can be used")
    for one in table.marketplace:
        yield _marketplace(one)
    with TemporaryDirectory(prefix="marketplace-site-") as folder:
        state = State(Path(folder))
        trust = open_trust(configuration, state)
        state.close()
    held = trust.material
    yield Finding(
        "trust",
        f"{len(held.anchors)} anchors, {len(held.lists)} revocation lists",
        _no_anchor(len(held.anchors)),
    )
    for fault in trust.faults:
        yield Finding("trust", fault.file, str(fault))
    for name, store in open_stores(table).items():
        faults = store.check()
        path = next(one.path for one in table.store if one.name == name)
        free = shutil.disk_usage(path).free if path.exists() else 0
        if not faults and free < _LITTLE:
            faults = [f"store {name} has only {free >> 20} MiB left"]
        yield Finding(f"store {name}", f"{path}, {free >> 30} GiB free", "; ".join(faults) or None)
    if table.receipts is not None:
        yield _key(table.receipts, table.name)
    for uri in dict.fromkeys(one.uri for one in table.store if isinstance(one, LibvirtTable)):
        yield _hook(uri, probe=probe, hooks=hooks)


def _no_anchor(count: int) -> str | None:
    return None if count else "there is no anchor, so nobody's statements count (trust.anchors)"


def _marketplace(one: MarketplaceTable) -> Finding:
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
        return Finding(what, "does not answer as it should", str(error))
    if offset is not None and abs(offset) > MOST_SKEW:
        return Finding(what, f"{size} entries", f"its clock and ours are {offset:.0f} s apart")
    return Finding(what, f"{size} entries")


def _hook(uri: str, *, probe: bool, hooks: Path) -> Finding:
    fault = find_fault(hooks)
    if not probe:
        return Finding("libvirt hook", f"{hooks} (check --probe proves that it is called)", fault)
    try:
        return Finding("libvirt hook", f"refused the canary: {prove_hook(uri)[:200]}")
    except HookError as error:
        return Finding("libvirt hook", "is not proven", f"{error}" + (f"; {fault}" if fault else ""))


def _key(table: ReceiptsTable, name: str) -> Finding:
    try:
        return Finding("receipts", str(read_site_key(table.key_file, name).verifier))
    except SiteKeyError as error:
        return Finding("receipts", str(table.key_file), str(error))
