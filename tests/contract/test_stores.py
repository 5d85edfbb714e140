"""What every store of images of a cloud site can do, whatever it is made of.

Each call is made twice: after a crash nobody knows whether the last one reached the store.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from marketplace.demo.hypervisor import Hypervisor, running_hypervisor
from marketplace.sites.errors import StoreError, StoreFullError
from marketplace.sites.stores.directory import DirectoryStore
from marketplace.sites.stores.interface import ImageFacts, Store
from marketplace.sites.stores.libvirt_pool import LibvirtPool
from tests.sites.libvirts import require_libvirt
from tests.sites.pictures import Picture, qcow2, raw

#: Opens the store of a site of some name, over the same folder each time.
Opening = Callable[[str], Store]


@pytest.fixture(scope="module")
def hypervisor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hypervisor]:
    require_libvirt()
    with running_hypervisor(tmp_path_factory.mktemp("libvirt")) as running:
        yield running


@pytest.fixture(params=["directory", "libvirt"])
def opening(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opening]:
    folder = tmp_path / "store"
    if request.param == "directory":
        yield lambda site: DirectoryStore("store", site, folder)
        return
    running: Hypervisor = request.getfixturevalue("hypervisor")
    running.make_pool("images", folder)
    yield lambda site: LibvirtPool("store", site, folder, "images", running.uri)
    running.virsh("pool-destroy", "images")


@pytest.fixture
def store(opening: Opening) -> Store:
    return opening("lab")


def facts(picture: Picture, **changes: object) -> ImageFacts:
    given = {
        "identifier": picture.identifier,
        "entry_id": "e" * 64,
        "digest": f"sha512:{picture.sha512}",
        "size": len(picture.data),
        "format": picture.format,
        "title": "A title",
        "endorser": "alice@example.org",
    }
    return ImageFacts(**given | changes)  # type: ignore[arg-type]


def blocks(picture: Picture, size: int = 1000) -> Iterator[bytes]:
    yield from (picture.data[at : at + size] for at in range(0, len(picture.data), size))


def fill(store: Store, picture: Picture) -> str:
    external = store.reserve(facts(picture), 1)
    assert store.fill(external, blocks(picture), "http://x/y", '"tag"', 0) == len(picture.data)
    return external


def bytes_of(store: Store, external: str) -> bytes:
    return b"".join(store.content(external))


def test_nothing_is_visible_before_it_is_shown_and_each_call_can_be_repeated(store: Store) -> None:
    picture = qcow2("contract")
    assert store.check() == []
    assert store.reserve(facts(picture), 1) == store.reserve(facts(picture), 1)
    external = fill(store, picture)
    assert fill(store, picture) == external
    path = store.path(external)
    assert path is None or not path.exists()
    found = store.look(external)
    assert found is not None and not found.visible and found.size == len(picture.data)
    assert store.proven(external, f"sha512:{picture.sha512}") in ("", None)
    assert store.proven(external, "sha512:" + "0" * 128) != ""
    assert b"".join(store.content(external, 100)) == picture.data[:100]
    assert bytes_of(store, external) == picture.data
    for _ in range(2):
        store.show(external)
        found = store.look(external)
        assert found is not None and found.visible and found.digest == f"sha512:{picture.sha512}"
        assert path is None or path.read_bytes() == picture.data
    for _ in range(2):
        store.hide(external)
        found = store.look(external)
        assert found is not None and not found.visible and (path is None or not path.exists())
        # A cloud lets nobody read what is deactivated, and shows a digest that nobody can change.
        if store.proven(external, f"sha512:{picture.sha512}") is None:
            assert bytes_of(store, external) == picture.data
    store.show(external)
    assert bytes_of(store, external) == picture.data
    assert (found := store.look(external)) is not None and found.visible
    for _ in range(2):
        store.quarantine(external)
        assert (found := store.look(external)) is None or not found.visible
    for _ in range(2):
        store.remove(external)
        assert store.look(external) is None and not list(store.ours())
    if path is None:
        return
    assert [one.name for one in path.parent.iterdir()] == [".marketplace"]
    assert not [one for one in path.parent.rglob("*") if one.is_file()]


def test_a_part_is_gone_on_from_and_can_be_dropped(store: Store) -> None:
    picture = raw("part", 10_000)
    external = store.reserve(facts(picture), 1)
    assert store.part(external).size == 0

    def broken() -> Iterator[bytes]:
        yield picture.data[:3000]
        raise RuntimeError("the transfer broke off")

    with pytest.raises(RuntimeError):
        store.fill(external, broken(), "http://x/y", '"1"', 0)
    part = store.part(external)
    assert (part.size, part.source, part.tag) == (3000, "http://x/y", '"1"')
    assert store.fill(external, blocks(picture, 700), "http://x/y", '"1"', 3000) == len(picture.data)
    assert bytes_of(store, external) == picture.data
    store.drop(external)
    store.drop(external)
    assert store.part(external).size == 0 and store.look(external) is None


def test_what_the_part_has_too_much_is_cut_off(store: Store) -> None:
    picture = raw("too much", 5000)
    external = store.reserve(facts(picture), 1)
    store.fill(external, iter([picture.data, b"more"]), "http://x/y", None, 0)
    assert store.fill(external, blocks(picture), "http://x/y", None, 0) == len(picture.data)
    assert bytes_of(store, external) == picture.data


def test_another_process_finds_what_is_of_this_site(opening: Opening, store: Store) -> None:
    first, second = qcow2("ours 1"), qcow2("ours 2")
    names = [fill(store, first), fill(store, second)]
    store.show(names[0])
    again = {one.external: one.visible for one in opening("lab").ours()}
    assert again == {names[0]: True, names[1]: False}
    assert not list(opening("other").ours()) or opening("other").path("") is not None
    for external in names:
        store.remove(external)


def test_a_file_that_is_not_of_the_site_is_not_touched(store: Store) -> None:
    picture = raw("theirs")
    external = store.reserve(facts(picture), 1)
    store.remove(external)
    path = store.path(external)
    assert path is not None
    path.write_text("mine")
    with pytest.raises(StoreError, match="not of this site"):
        store.reserve(facts(picture), 1)
    assert path.read_text() == "mine" and not list(store.ours())


def test_an_image_that_has_no_room_is_refused_before_a_byte_flows(store: Store) -> None:
    with pytest.raises(StoreFullError, match="has room for"):
        store.reserve(facts(raw("huge"), size=1 << 60), 1)


@pytest.mark.parametrize("format", ["../../x", "", "a" * 40, "QCOW2", "x/y", ".."])
def test_a_format_never_leads_out_of_the_folder(store: Store, format: str) -> None:
    external = store.reserve(facts(raw("format"), format=format), 1)
    path = store.path(external)
    assert path is not None and path.parent == path.parent.resolve() and "/" not in external


def test_a_thousand_images_are_found(tmp_path: Path) -> None:
    store = DirectoryStore("store", "lab", tmp_path)
    for n in range(1000):
        data = n.to_bytes(4)
        picture = Picture(data, "raw")
        external = store.reserve(facts(picture), 1)
        store.fill(external, iter([data]), "", None, 0)
        store.show(external)
    assert sum(one.visible for one in store.ours()) == 1000
    digest = hashlib.sha512((7).to_bytes(4)).hexdigest()
    assert any(one.digest == f"sha512:{digest}" for one in store.ours())
