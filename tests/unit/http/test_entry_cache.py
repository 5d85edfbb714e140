"""The memory of entries: bounded, fresh, and never older than what was forgotten."""

from __future__ import annotations

import threading

from marketplace.entries.cache import EntryCache, RememberedEntry


def test_what_was_used_least_recently_goes_first():
    cache = EntryCache(3 * 1700)
    for name in "abc":
        cache.remember(name, RememberedEntry.of(b"x" * 1000), cache.generation())
    assert cache.find("a")
    cache.remember("d", RememberedEntry.of(b"x" * 1000), cache.generation())
    assert [name for name in "abcd" if cache.find(name)] == ["a", "c", "d"]
    assert cache.size() == (3, 3 * 1700)


def test_nothing_larger_than_the_memory_is_kept():
    cache = EntryCache(1000)
    cache.remember("a", RememberedEntry.of(b"x" * 1000), cache.generation())
    assert cache.size() == (0, 0)


def test_an_item_is_asked_for_again_after_its_time():
    now = [0.0]
    cache = EntryCache(10_000, max_age=60, clock=lambda: now[0])
    cache.remember("a", RememberedEntry.of(b"x"), cache.generation())
    now[0] = 59.9
    assert cache.find("a")
    now[0] = 60.0
    assert cache.find("a") is None
    assert cache.size() == (0, 0)


def test_what_was_read_before_something_was_forgotten_is_not_kept():
    cache = EntryCache(10_000)
    generation = cache.generation()
    cache.forget("a")
    cache.remember("a", RememberedEntry.of(b"old"), generation)
    assert cache.find("a") is None


def test_threads_leave_the_count_of_bytes_right():
    cache = EntryCache(20 * 1700)

    def work(start: int) -> None:
        for n in range(500):
            name = str((start + n) % 40)
            if cache.find(name) is None:
                cache.remember(name, RememberedEntry.of(b"x" * 1000), cache.generation())
            if n % 50 == 0:
                cache.forget(name)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    count, size = cache.size()
    assert count <= 20 and size == count * 1700
