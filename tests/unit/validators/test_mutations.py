"""Altered entries, ten thousand of them: refused, or accepted with exactly the signed content, and fast."""

from __future__ import annotations

import random
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence

import pytest

from tests.costs import JUDGING, verify_cost
from tests.factories.documents import image
from tests.factories.identities import make_identity
from tests.factories.signatures import ALL_C14N, C14N, ENVELOPED, EXCLUSIVE
from tests.soaking import Tell
from tests.unit.validators.judging import made
from validators import accept
from validators.document import AcceptedEntry
from validators.errors import RefusedError

MUTATIONS, SOAK_MUTATIONS = 10_000, 1_000_000
EXTENSIONS = (
    '<x:note xmlns:x="urn:x#" xml:lang="en">kept</x:note>'
    '<x:tree xmlns:x="urn:x#" rdf:parseType="Resource"><x:leaf rdf:resource="http://example.org/a"/>'
    '<x:leaf rdf:datatype="http://www.w3.org/2001/XMLSchema#int">5</x:leaf></x:tree>'
    '<x:raw xmlns:x="urn:x#" rdf:parseType="Literal"><b xmlns="">bold <i a="1">italic</i></b></x:raw>'
)

Mutation = Callable[[random.Random, bytes, Sequence[bytes]], bytes]


def originals() -> list[bytes]:
    rsa, small = make_identity(key="rsa2048"), make_identity("Small Tester", key="rsa1024")
    curve = make_identity("Curve Tester", key="p256")
    old = {"method": "rsa-sha1", "digest": "sha1"}
    drafts = [image(content=str(n), tags=("stable",), extra=EXTENSIONS) for n in range(5)]
    return [
        made(None, drafts[0], rsa, c14n=EXCLUSIVE, transforms=(ENVELOPED, EXCLUSIVE)),
        made(None, drafts[1], curve, c14n=EXCLUSIVE, transforms=(ENVELOPED, EXCLUSIVE)),
        made(None, drafts[2], rsa, **old),
        made(None, drafts[3], small, **old, c14n=C14N),
        made(None, drafts[4], curve, c14n=ALL_C14N[2]),
        made(None, drafts[4].but(title="Another"), curve, created="2024-06-01T12:00:00Z"),
    ]


def flip_bit(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    place = rng.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << rng.randrange(8)]) + data[place + 1 :]


def set_byte(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    place = rng.randrange(len(data))
    return (
        data[:place] + rng.choice(list(b"<>&\"'=/ \n#;:!?-]\0\xffAa0")).to_bytes(1, "big") + data[place + 1 :]
    )


def delete(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    start = rng.randrange(len(data))
    return data[:start] + data[start + rng.choice([1, 1, 2, 5, 20, 200]) :]


def duplicate(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    start = rng.randrange(len(data))
    end = start + rng.choice([1, 3, 30, 300, 3000])
    return data[:end] + data[start:end] + data[end:]


def cut(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    return data[: rng.randrange(len(data))]


def swap(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    a, b, c = sorted(rng.randrange(len(data)) for _ in range(3))
    return data[:a] + data[b:c] + data[a:b] + data[c:]


PIECES = [
    *(b" ", b"\n", b"\t", b"&#13;", b"&#x20;", b"&#65;", b"&amp;", b"&lt;", b"&x;", b"]]>", b"0", b"A", b"="),
    *(b"<!-- x -->", b"<!---->", b"<?x y?>", b"<![CDATA[x]]>", b"<![CDATA[]]>", b"<!DOCTYPE a>"),
    *(b' xmlns:q="urn:q"', b' xmlns=""', b' xmlns="urn:q"', b' xml:lang="en"', b' xml:id="a"'),
    *(b' xml:base="http://x/"', b' Id="a"', b' a="1"', b"<a/>", b"</a>"),
    *(b"\xc3\xa9", b"\xe2\x80\x8b", b"\xef\xbb\xbf", b"\xef\xbc\x91", b"\0", b"\xc3"),
]


def insert(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    place = rng.randrange(len(data))
    return data[:place] + rng.choice(PIECES) + data[place:]


def insert_between_elements(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    place = rng.choice([match.end() for match in re.finditer(rb">", data)])
    return data[:place] + rng.choice(PIECES) + data[place:]


def insert_in_tag(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    place = rng.choice([match.end() for match in re.finditer(rb"<[A-Za-z:-]+", data)])
    return data[:place] + rng.choice(PIECES) + data[place:]


ELEMENT = re.compile(
    rb"<([A-Za-z0-9:-]+)(?: [^<>]*)?(?:/>|>[^<]*</\1>)|<([A-Za-z0-9:-]+)(?: [^<>]*)?>.*?</\2>", re.S
)


def elements(data: bytes) -> list[tuple[int, int]]:
    found, place = [], 0
    while match := ELEMENT.search(data, place):
        found.append(match.span())
        place = match.start() + 1
    return found


def splice_element(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Put an element of another entry in the place of one of this."""
    start, end = rng.choice(elements(data))
    other = rng.choice(others)
    taken = rng.choice(elements(other))
    return data[:start] + other[taken[0] : taken[1]] + data[end:]


def add_element(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    place = rng.choice(elements(data))[rng.randrange(2)]
    other = rng.choice(others)
    taken = rng.choice(elements(other))
    return data[:place] + other[taken[0] : taken[1]] + data[place:]


def remove_element(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    start, end = rng.choice(elements(data))
    return data[:start] + data[end:]


def swap_elements(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    (a, b), (c, d) = sorted(rng.sample(elements(data), 2))
    return data[:a] + data[c:d] + data[b:c] + data[a:b] + data[d:] if b <= c else data[:a] + data[c:]


def crossing(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """The beginning of one entry and the end of another."""
    other = rng.choice(others)
    place = rng.randrange(min(len(data), len(other)))
    return data[:place] + other[place:]


def respell_character(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    place = rng.choice([match.start() for match in re.finditer(rb"(?<=[>\"])[A-Za-z0-9]", data)])
    return data[:place] + b"&#%d;" % data[place] + data[place + 1 :]


def respell_quotes(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    match = rng.choice(list(re.finditer(rb'="([^"\']*)"', data)))
    return data[: match.start()] + b"='" + match[1] + b"'" + data[match.end() :]


def respell_base64(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    match = rng.choice(list(re.finditer(rb"(?<=>)[A-Za-z0-9+/=]{20,}(?=<)", data)))
    place = rng.randrange(*match.span())
    return data[:place] + rng.choice([b"\n", b"&#13;\n", b" ", b"=", b"\xc2\xa0", b"-"]) + data[place:]


RESPELLINGS: list[Mutation] = [respell_character, respell_quotes, respell_base64, insert_between_elements]
KINDS: list[Mutation] = [
    flip_bit, set_byte, delete, duplicate, cut, swap, insert, insert_in_tag, splice_element, add_element,
    remove_element, swap_elements, crossing, *RESPELLINGS,
]  # fmt: skip


def said(entry: AcceptedEntry) -> tuple[object, ...]:
    return entry.entry_id, entry.identifier, entry.created, entry.endorser, entry.metadata, entry.strength


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("mutations", [MUTATIONS, pytest.param(SOAK_MUTATIONS, marks=pytest.mark.soak)])
def test_mutations_are_refused_or_mean_the_same(mutations: int, tell: Tell) -> None:
    rng = random.Random(20_260_101)
    entries = originals()
    meanings = {said(accept(data)) for data in entries}
    assert len(meanings) == len(entries)
    accepted: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    slowest = 0.0
    for number in range(mutations):
        mutate = KINDS[number % len(KINDS)]
        data = mutate(rng, rng.choice(entries), entries)
        start = time.thread_time()
        try:
            entry = accept(data)
        except RefusedError as refusal:
            refused[refusal.code] += 1
        else:
            accepted[mutate.__name__] += 1
            assert said(entry) in meanings, f"mutation {number} ({mutate.__name__}) means something new"
        slowest = max(slowest, time.thread_time() - start)
    tell(mutations)
    verify_cost(slowest, JUDGING)
    # The test is worth something only where mutations reach every step and some respellings pass.
    assert {refusal.partition(".")[0] for refusal in refused} >= {"parse", "signature", "certificate"}
    assert all(accepted[mutate.__name__] for mutate in RESPELLINGS), accepted
