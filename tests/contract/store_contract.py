"""What every store of images of a cloud site can do, whatever it is made of.

Each kind of store has a class of tests that inherits from ``StoreContract`` and says how such a store
is opened; no test of the contract can be left out. Each call is made twice: after a crash nobody knows
whether the last one reached the store.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from marketplace.sites.errors import NameBurntError, StoreError, StoreFullError
from marketplace.sites.stores.interface import ImageProperties, Store
from tests.sites.pictures import Picture, qcow2


@dataclass(frozen=True)
class Kind:
    """A kind of store.

    Args:
        open: the store of a site of some name, the same each time.
        plant: puts something of somebody else where the store would have an image at first.
        rests: what is left in the store, whoever it is of.
        too_large: bytes of an image for which it has no room.
        many: images that its list is tried with.
    """

    open: Callable[[str], Store]
    plant: Callable[[Picture], None]
    rests: Callable[[], list[str]]
    too_large: int
    many: int


def raw(name: str, size: int = 64 << 10) -> Picture:
    """A disk without a boot sector: Glance looks at the partition table behind one, and refuses nonsense."""
    return Picture(hashlib.shake_128(name.encode()).digest(size), "raw")


def facts(picture: Picture, **changes: object) -> ImageProperties:
    given = {
        "identifier": picture.identifier,
        "entry_id": "e" * 64,
        "digest": f"sha512:{picture.sha512}",
        "size": len(picture.data),
        "format": picture.format,
        "title": "A title",
        "endorser": "alice@example.org",
    }
    return ImageProperties(**given | changes)


def blocks(picture: Picture, size: int = 1000) -> Iterator[bytes]:
    yield from (picture.data[at : at + size] for at in range(0, len(picture.data), size))


def fill(store: Store, picture: Picture, attempt: int = 1) -> str:
    external = store.reserve(facts(picture), attempt)
    assert store.fill(external, blocks(picture), "http://x/y", '"tag"', 0) == len(picture.data)
    return external


def fill_in_the_end(store: Store, picture: Picture) -> str:
    """As the importer does it: under the next name where one is used up."""
    for attempt in range(1, 5):
        try:
            return fill(store, picture, attempt)
        except NameBurntError:
            store.remove(store.reserve(facts(picture), attempt))
    raise AssertionError("four names are used up")


def bytes_of(store: Store, external: str) -> bytes:
    return b"".join(store.content(external))


def is_visible(store: Store, external: str) -> bool:
    found = store.look(external)
    return found is not None and found.visible


class StoreContract:
    """The contract; a class that inherits has a fixture ``kind``."""

    @pytest.fixture
    def store(self, kind: Kind) -> Store:
        return kind.open("lab")

    def test_nothing_is_visible_before_it_is_shown_and_each_call_can_be_repeated(
        self, kind: Kind, store: Store
    ) -> None:
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
        assert bytes_of(store, external) == picture.data and is_visible(store, external)
        for _ in range(2):
            store.quarantine(external)
            assert not is_visible(store, external)
        for _ in range(2):
            store.remove(external)
            assert store.look(external) is None and not list(store.ours())
        assert kind.rests() == []

    @pytest.mark.parametrize("calls", [1, 2, 3, 4], ids=["reserve", "fill", "show", "hide"])
    def test_what_broke_off_behind_a_call_is_begun_again_by_another_process(
        self, kind: Kind, calls: int
    ) -> None:
        picture = qcow2(f"broke off {calls}")
        first = kind.open("lab")
        external = first.reserve(facts(picture), 1)
        steps: list[Callable[[], object]] = [
            lambda: first.fill(external, blocks(picture), "http://x/y", '"tag"', 0),
            lambda: first.show(external),
            lambda: first.hide(external),
        ]
        for step in steps[: calls - 1]:
            step()
        again = kind.open("lab")
        assert again.reserve(facts(picture), 1) == external
        if again.look(external) is None:
            again.fill(external, blocks(picture), "http://x/y", '"tag"', 0)
        again.show(external)
        (found,) = again.ours()
        assert found.visible and found.complete and found.external == external
        assert bytes_of(again, external) == picture.data
        again.remove(external)
        assert kind.rests() == []

    def test_a_transfer_that_broke_off_is_gone_on_from_or_begun_again(self, kind: Kind, store: Store) -> None:
        picture = raw("part", 10_000)
        external = store.reserve(facts(picture), 1)
        assert store.part(external).size == 0

        def broken() -> Iterator[bytes]:
            yield picture.data[:3000]
            raise RuntimeError("the transfer broke off")

        with pytest.raises(RuntimeError):
            store.fill(external, broken(), "http://x/y", '"1"', 0)
        assert not is_visible(store, external)
        part = store.part(external)
        if part.size:
            assert (part.size, part.source, part.tag) == (3000, "http://x/y", '"1"')
            assert store.fill(external, blocks(picture, 700), "http://x/y", '"1"', 3000) == len(picture.data)
        else:
            external = fill_in_the_end(store, picture)
        assert bytes_of(store, external) == picture.data
        for _ in range(2):
            store.drop(external)
        assert store.part(external).size == 0 and store.look(external) is None
        store.remove(external)
        assert not list(store.ours()) and kind.rests() == []

    def test_what_came_too_much_is_let_go_of(self, kind: Kind, store: Store) -> None:
        picture = raw("too much", 5000)
        external = store.reserve(facts(picture), 1)
        store.fill(external, iter([picture.data, b"more"]), "http://x/y", None, 0)
        assert store.proven(external, f"sha512:{picture.sha512}") != ""
        external = fill_in_the_end(store, picture)
        assert bytes_of(store, external) == picture.data
        store.remove(external)
        assert kind.rests() == []

    def test_another_process_finds_what_is_of_this_site(self, kind: Kind, store: Store) -> None:
        first, second = qcow2("ours 1"), qcow2("ours 2")
        names = [fill(store, first), fill(store, second)]
        store.show(names[0])
        again = {one.external: one.visible for one in kind.open("lab").ours()}
        assert again == {names[0]: True, names[1]: False}
        for external in names:
            store.remove(external)

    def test_what_is_not_of_the_site_is_not_touched(self, kind: Kind, store: Store) -> None:
        picture = raw("theirs")
        kind.plant(picture)
        before = kind.rests()
        with pytest.raises(StoreError, match="not of this site"):
            store.reserve(facts(picture), 1)
        assert before and kind.rests() == before and not list(store.ours())

    def test_an_image_that_has_no_room_is_told_as_such_and_leaves_nothing(
        self, kind: Kind, store: Store
    ) -> None:
        picture = raw("huge")
        whole, rest = divmod(kind.too_large, len(picture.data))
        flows = (picture.data for _ in range(whole + bool(rest)))
        with pytest.raises(StoreFullError):
            external = store.reserve(facts(picture, size=kind.too_large), 1)
            store.fill(external, flows, "http://x/y", None, 0)
        for one in list(store.ours()):
            assert not one.visible and not one.complete
            store.remove(one.external)
        assert kind.rests() == []

    @pytest.mark.parametrize("format", ["../../x", "", "a" * 40, "QCOW2", "x/y", ".."])
    def test_a_format_never_leads_elsewhere(self, store: Store, format: str) -> None:
        try:
            external = store.reserve(facts(raw("format"), format=format), 1)
        except StoreError as error:
            assert "format" in str(error)
            return
        path = store.path(external)
        assert "/" not in external
        assert path is None or (path.parent == path.parent.resolve() and path.name == external)
        store.remove(external)

    def test_many_images_are_found(self, kind: Kind, store: Store) -> None:
        pictures = [Picture(n.to_bytes(4), "raw") for n in range(kind.many)]
        for picture in pictures:
            external = store.reserve(facts(picture), 1)
            store.fill(external, iter([picture.data]), "", None, 0)
            store.show(external)
        found = list(store.ours())
        assert all(one.visible for one in found)
        assert {one.digest for one in found} == {f"sha512:{one.sha512}" for one in pictures}
        for one in found:
            store.remove(one.external)
        assert kind.rests() == []
