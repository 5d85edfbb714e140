"""Digests of one stream: the same whatever number of threads makes them, and however blocks come."""

from __future__ import annotations

import hashlib
import random
import threading

import pytest

from marketplace.images.digests import Digests

NAMES = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}


def running() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("digests ")]


@pytest.mark.parametrize("threads", [1, 2, 3, 9])
def test_every_digest_sees_every_block_once_and_in_order(threads: int) -> None:
    numbers = random.Random(threads)
    blocks = [numbers.randbytes(numbers.randrange(1, 100_000)) for _ in range(200)]
    with Digests(NAMES, threads) as digests:
        assert len(running()) == min(threads, len(NAMES))
        for block in blocks:
            digests.update(block)
        made = digests.finish()
    whole = b"".join(blocks)
    assert made == {name: hashlib.new(kind, whole).hexdigest() for name, kind in NAMES.items()}
    assert running() == []


def test_leaving_early_ends_the_threads() -> None:
    with pytest.raises(ZeroDivisionError), Digests(["SHA-1", "SHA-512"]) as digests:
        digests.update(bytes(1000))
        raise ZeroDivisionError
    assert running() == []


def test_no_block_and_no_digest_are_fine() -> None:
    with Digests(["SHA-1"]) as digests:
        assert digests.finish() == {"SHA-1": hashlib.sha1(b"").hexdigest()}
    with Digests([]) as digests:
        digests.update(b"x")
        assert digests.finish() == {}


def test_an_algorithm_that_the_format_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="CRC32"):
        Digests(["CRC32"])
