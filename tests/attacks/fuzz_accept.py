"""Fuzz target for acceptance: whatever the bytes are, an entry or a RefusedError, and at once.

``python -m tests.attacks.fuzz_accept [SECONDS] [CORPUS...]`` runs it: under atheris where that is
installed, with coverage as its guide; otherwise with random changes of real and hostile documents.
"""

from __future__ import annotations

import base64
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from lxml import etree

from marketplace.sparql.triples import triples
from tests.attacks.catalogue import documents
from tests.attacks.forging import encode, entry
from tests.attacks.fuzzing import count_outcomes, flip, run_target
from tests.costs import JUDGING, verify_cost
from tests.factories.documents import image, unsigned
from tests.factories.identities import make_identity
from tests.factories.signatures import EXCLUSIVE, sign_raw
from validators import accept
from validators.errors import RefusedError
from validators.prescan import LIMITS

#: Seconds of CPU time from which a document's cost is compared with the floor.
SUSPICIOUS = 0.1

_PIECES = (
    *(b"\0", b"\xff", b"<", b">", b"&", b'"', b"'", b"]]>", b"<!--", b"-->", b"<?x?>", b"<![CDATA["),
    *(b"<!DOCTYPE a>", b"&#0;", b"&#13;", b"&#x85;", b"\xc2\x85", b"\xe2\x80\xa8", b"\xef\xbb\xbf"),
    *(b"\xed\xa0\x80", b"%00", b"../", b"-1", b"99999999999999999999", b"<a/>", b'<x:a xmlns:x="urn:x#"/>'),
    *(b' xmlns=""', b' xmlns:a="urn:a"', b' xml:base="http://a/"', b' xml:id="a"', b' xml:lang="en"'),
    *(
        b' rdf:ID="a"',
        b' rdf:nodeID="a"',
        b' rdf:resource="#a"',
        b' rdf:datatype="urn:a"',
        b' rdf:about="#a"',
    ),
    *(
        b' rdf:parseType="Literal"',
        b' parseType="Resource"',
        b' rdf:parseType="Resource"',
        b"<rdf:li>a</rdf:li>",
    ),
)
_EXTENSIONS = (
    '<x:note xmlns:x="urn:x#" xml:lang="en">kept</x:note>'
    '<x:tree xmlns:x="urn:x#" rdf:parseType="Resource"><x:leaf rdf:resource="http://example.org/a"/>'
    '<x:leaf rdf:datatype="http://www.w3.org/2001/XMLSchema#int">5</x:leaf><x:node><x:Type/></x:node></x:tree>'
    '<x:raw xmlns:x="urn:x#" rdf:parseType="Literal"><b xmlns="">bold <i a="1">italic</i></b></x:raw>'
)
_CERTIFICATE = re.compile(rb"(?<=<X509Certificate>)[A-Za-z0-9+/=]+(?=<)")

Change = Callable[[random.Random, bytes], bytes]


def test_one_input(data: bytes) -> str:
    """Judge one document; the entry point that atheris calls.

    Returns:
        ``accepted`` or the code of the refusal.

    Raises:
        AssertionError: it took too long. Anything else that comes out is a fault of acceptance.
    """
    start = time.thread_time()
    try:
        accepted = accept(data)
    except RefusedError as refusal:
        assert refusal.message
        outcome = refusal.code
    else:
        assert accepted.data == data
        assert triples(data)
        outcome = "accepted"
    took = time.thread_time() - start
    if took > SUSPICIOUS:
        verify_cost(took, JUDGING)
    return outcome


# It is no test that pytest should collect, whatever its name.
test_one_input.__test__ = False


def seeds() -> list[bytes]:
    """Real entries, which come first, and hostile ones of every class."""
    own = [entry(), entry(identity=make_identity(key="rsa2048"))]
    return own * 40 + [data for _, data in documents() if len(data) < 20_000]


def mutants(rng: random.Random, corpus: Sequence[bytes]) -> Iterator[bytes]:
    """Documents of the corpus with one to four changes each, for ever."""
    while True:
        data = rng.choice(corpus)
        for _ in range(rng.randint(1, 4)):
            data = rng.choice(_CHANGES)(rng, data) or b"<"
        yield data[: LIMITS.size + 1]
        yield _signed(rng)


def _signed(rng: random.Random) -> bytes:
    """A document that was changed before it was signed: steps 4 to 6 see nothing else."""
    who = make_identity()
    text = unsigned(image(extra=_EXTENSIONS), who)
    changed = text
    for _ in range(rng.randint(1, 3)):
        changed = rng.choice((_insert_in_markup, _insert_in_markup, flip, _repeat, _insert))(rng, changed)
    options = {"method": "ecdsa-sha256", "digest": "sha256", "c14n": EXCLUSIVE}
    try:
        return sign_raw(changed, who, **options)
    except etree.LxmlError:
        return _respell(rng, sign_raw(text, who, **options))


def fuzz(rng: random.Random, deadline: float, most: int) -> Counter[str]:
    """Judge mutants until the deadline (of ``time.monotonic``), at most so many; counts outcomes."""
    return count_outcomes(mutants(rng, seeds()), test_one_input, base64.b64encode, deadline, most)


def _insert(rng: random.Random, data: bytes) -> bytes:
    place = rng.randrange(len(data))
    return data[:place] + rng.choice(_PIECES) + data[place:]


def _insert_in_markup(rng: random.Random, data: bytes) -> bytes:
    places = [match.end() for match in re.finditer(rb"<[A-Za-z:]+|>", data[:65_536])]
    place = rng.choice(places) if places else 0
    return data[:place] + rng.choice(_PIECES) + data[place:]


def _delete(rng: random.Random, data: bytes) -> bytes:
    place = rng.randrange(len(data))
    return data[:place] + data[place + rng.choice((1, 2, 8, 64, 512)) :]


def _repeat(rng: random.Random, data: bytes) -> bytes:
    start = rng.randrange(len(data))
    piece = data[start : start + rng.choice((1, 8, 64, 1024))]
    return data[:start] + piece * rng.choice((2, 3, 50)) + data[start:]


def _respell(rng: random.Random, data: bytes) -> bytes:
    """Write a character of a value as a reference, which changes nothing."""
    places = [match.start() for match in re.finditer(rb"(?<=[>\"])[A-Za-z0-9]", data)]
    if not places:
        return data
    place = rng.choice(places)
    return data[:place] + b"&#%d;" % data[place] + data[place + 1 :]


def _cut(rng: random.Random, data: bytes) -> bytes:
    return data[: rng.randrange(len(data))]


def _change_certificate(rng: random.Random, data: bytes) -> bytes:
    """Change the DER of the first certificate, which the text's mutations hardly ever reach."""
    match = _CERTIFICATE.search(data)
    try:
        der = base64.b64decode(match[0]) if match else b""
    except ValueError:
        return data
    if match is None or not der:
        return data
    for _ in range(rng.randint(1, 3)):
        place = rng.randrange(len(der))
        der = (
            der[:place]
            + bytes([rng.choice((0, 1, 2, 0x30, 0x7F, 0x80, 0x81, 0xFF, rng.randrange(256)))])
            + der[place + rng.choice((0, 1, 1, 1, 2)) :]
        )
    return data[: match.start()] + encode(der).encode() + data[match.end() :]


_CHANGES: tuple[Change, ...] = (
    flip, _insert, _insert_in_markup, _insert_in_markup, _delete, _repeat, _cut,
    _change_certificate, _change_certificate, _change_certificate,
)  # fmt: skip


if __name__ == "__main__":
    run_target(sys.argv[1:], test_one_input, fuzz)
