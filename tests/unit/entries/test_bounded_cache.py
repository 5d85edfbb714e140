"""What is remembered is bounded in bytes, and the least recently used goes first."""

from __future__ import annotations

from marketplace.entries.bounded_cache import BoundedCache


def test_the_least_recently_used_go_when_the_bound_is_reached() -> None:
    kept: BoundedCache[str, bytes] = BoundedCache(100, len)
    for name in "abcdef":
        kept.keep(name, name.encode() * 20)
        assert kept.find("a") == b"a" * 20
    assert [name for name in "abcdef" if kept.find(name)] == ["a", "c", "d", "e", "f"]
    assert len(kept) == 5


def test_one_value_never_drives_out_the_others() -> None:
    kept: BoundedCache[str, bytes] = BoundedCache(100, len)
    kept.keep("small", b"x")
    kept.keep("large", b"x" * 26)
    assert (kept.find("small"), kept.find("large")) == (b"x", None)


def test_a_key_kept_twice_counts_once_and_clearing_counts_anew() -> None:
    kept: BoundedCache[str, bytes] = BoundedCache(100, len)
    for _ in range(50):
        kept.keep("same", b"x" * 20)
    kept.keep("other", b"y" * 20)
    assert len(kept) == 2
    kept.clear()
    for name in "abcde":
        kept.keep(name, b"x" * 20)
    assert len(kept) == 5
