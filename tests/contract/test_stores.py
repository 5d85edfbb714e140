"""The contract of stores, held by those that are folders."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from marketplace.demo.hypervisor import Hypervisor, running_hypervisor
from marketplace.sites.stores.directory import DirectoryStore
from marketplace.sites.stores.libvirt_pool import LibvirtPool
from tests.contract.store_contract import Kind, StoreContract
from tests.sites.libvirts import require_libvirt
from tests.sites.pictures import Picture


@pytest.fixture(scope="module")
def hypervisor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hypervisor]:
    require_libvirt()
    with running_hypervisor(tmp_path_factory.mktemp("libvirt")) as running:
        yield running


def folder_kind(folder: Path, many: int, **opened: object) -> Kind:
    """What both have in common."""

    def plant(picture: Picture) -> None:
        folder.mkdir(exist_ok=True)
        (folder / f"{picture.identifier}.raw").write_text("mine")

    def rests() -> list[str]:
        return [f"{one.name}: {one.read_bytes()[:10]!r}" for one in folder.rglob("*") if one.is_file()]

    return Kind(**opened, plant=plant, rests=rests, too_large=1 << 60, many=many)


class TestDirectory(StoreContract):
    @pytest.fixture
    def kind(self, tmp_path: Path) -> Kind:
        folder = tmp_path / "store"
        return folder_kind(folder, 200, open=lambda site: DirectoryStore("store", site, folder))


class TestLibvirt(StoreContract):
    @pytest.fixture
    def kind(self, tmp_path: Path, hypervisor: Hypervisor) -> Iterator[Kind]:
        folder, uri = tmp_path / "store", hypervisor.uri
        hypervisor.make_pool("images", folder)
        yield folder_kind(folder, 20, open=lambda site: LibvirtPool("store", site, folder, "images", uri))
        hypervisor.virsh("pool-destroy", "images")
