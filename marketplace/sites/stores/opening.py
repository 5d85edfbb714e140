"""The stores that a configuration names."""

from __future__ import annotations

from marketplace.sites.settings import SiteTable
from marketplace.sites.store_settings import DirectoryTable, GlanceTable, LibvirtTable, S3Table
from marketplace.sites.stores.directory import DirectoryStore
from marketplace.sites.stores.interface import Store
from marketplace.sites.stores.libvirt_pool import LibvirtPool


def open_store(table: DirectoryTable | LibvirtTable | GlanceTable | S3Table, site: str) -> Store:
    """Make the store of a table in the settings; it is not contacted yet."""
    if isinstance(table, LibvirtTable):
        return LibvirtPool(table.name, site, table.path, table.pool, table.uri)
    if isinstance(table, GlanceTable):
        # Only sites with such a store need what it is made of in memory.
        from marketplace.sites.stores.glance import GlanceStore

        return GlanceStore(table, site)
    if isinstance(table, S3Table):
        from marketplace.sites.stores.s3 import S3Store

        return S3Store(table, site)
    return DirectoryStore(table.name, site, table.path)


def open_stores(table: SiteTable) -> dict[str, Store]:
    """Every store by name."""
    return {one.name: open_store(one, table.name) for one in table.store}
