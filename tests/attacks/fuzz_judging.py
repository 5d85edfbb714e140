"""Fuzz target for judging: whatever a certificate's or a list's bytes are, there is a verdict, and at once.

``python -m tests.attacks.fuzz_judging [SECONDS] [CORPUS...]`` runs it: under atheris where that is
installed, with coverage as its guide; otherwise with random changes of certificates and revocation
lists. Most of them are signed again after the change, so that judging does not end at the signature.
"""

from __future__ import annotations

import base64
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from tests.attacks.certificates import bit_string, emails, revocation_list, sequence, tlv
from tests.attacks.distrust import deceits
from tests.attacks.distrust.forging import Cast, crl, der
from tests.attacks.fuzzing import count_outcomes, flip, run_target
from tests.factories.identities import Identity
from validators import accept
from validators.certificates import parse_signer
from validators.der import der_elements
from validators.errors import RefusedError
from validators.links import MaterialError, parse_link
from validators.material import TrustMaterial, TrustPolicy
from validators.revocation import parse_list
from validators.verdict import judge_certificate

SLOWEST = 2.0  # seconds of CPU for one verdict; far above what any takes, for busy machines
NOW = datetime.now(UTC).replace(microsecond=0)

_CONSTRUCTED = 0x20
_TAGS = (0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0A, 0x0C, 0x13, 0x14, 0x16, 0x17, 0x18, 0x1C, 0x1E, 0x30, 0x31)
_CONTENTS = (
    *(b"", b"\0", b"\xff", b"\x80", b"\x7f\xff", b"\xed\xa0\x80", b"\xe9\xff", b"a@b", b"@", b"a\0b"),
    *(b"0101010000Z", b"00000000000000Z", b"99991231235959Z", b"500101000000Z", b"\x00" * 40, b"9" * 300),
    *(bytes.fromhex("551d13"), bytes.fromhex("551d1e"), bytes.fromhex("551d11"), bytes.fromhex("551d1c")),
    *(bytes.fromhex("551d23"), bytes.fromhex("551d1f"), bytes.fromhex("2a864886f70d010901"), b"\x2a" * 70),
)


@dataclass(frozen=True)
class World:
    """What a site trusts, and those whose certificates and lists are changed.

    Args:
        leaf, middle, root: an endorser, an authority with name constraints, the site's anchor.
        lists: of both authorities.
        others: certificates and lists of every attack there is.
    """

    leaf: Identity
    middle: Identity
    root: Identity
    lists: tuple[bytes, ...]
    others: tuple[bytes, ...]


@cache
def world() -> World:
    """Made once a process."""
    cast = Cast("fuzzing")
    root = cast.root()
    bounds = x509.NameConstraints(
        [x509.RFC822Name("example.org"), x509.DirectoryName(x509.Name([]))],
        [x509.RFC822Name("evil.org"), x509.DNSName("evil.org")],
    )
    middle = cast.authority(root, extensions=[(bounds, True)])
    points = [x509.UniformResourceIdentifier("http://ca.example.org/1")]
    leaf = cast.issue(
        middle,
        extensions=[
            (x509.CRLDistributionPoints([x509.DistributionPoint(points, None, None, None)]), False),
            (x509.AuthorityKeyIdentifier.from_issuer_public_key(middle.key.public_key()), False),
        ],
    )
    whole = dict.fromkeys(("user_certs", "ca_certs", "attribute_certs"), False)
    point = x509.IssuingDistributionPoint(
        points, None, only_some_reasons=None, indirect_crl=False,
        **{f"only_contains_{kind}": on for kind, on in whole.items()},
    )  # fmt: skip
    lists = (
        crl(root),
        crl(middle, leaf, extensions=[(point, True), (x509.CRLNumber(7), False)]),
        crl(middle, cast.issue(middle, "Other")),
        revocation_list(middle, b"\x02\x01\xf9"),
    )
    others: dict[bytes, None] = {}
    for _, deceit in deceits():
        signer = accept(deceit.document).signer
        pieces = (signer.certificate, *signer.intermediates, *deceit.anchors, *deceit.lists)
        others |= dict.fromkeys(one for one in pieces if 0 < len(one) < 8_000)
    return World(leaf, middle, root, lists, tuple(others))


def test_one_input(data: bytes, beside: Sequence[bytes] = (), lists: Sequence[bytes] = ()) -> str:
    """Judge a certificate, and what stands beside it, by changed lists; atheris calls it with bytes alone.

    Returns:
        the standing of the certificate.

    Raises:
        AssertionError: it took too long, or the verdict cannot be stored. Anything else that comes out
            is a fault of judging.
    """
    start = time.thread_time()
    here = world()
    known = []
    for one in (*lists, data):
        try:
            known.append(parse_list(one))
        except MaterialError as error:
            assert str(error)
    anchors = (parse_link(der(here.root)), parse_link(der(here.middle)))
    for policy in (TrustPolicy(), TrustPolicy("accept", "accept", "refuse")):
        held = TrustMaterial(anchors[:1], anchors[1:], tuple(known), policy=policy)
        verdict = judge_certificate(data, [*beside, data], held, NOW)
        words = (
            verdict.anchor,
            verdict.revoked_name,
            *verdict.path,
            *verdict.faults,
            verdict.revocation_fault,
        )
        for word in filter(None, words):
            assert "\0" not in word
            assert word.encode()
    try:
        assert parse_signer(data).subjects
    except RefusedError as refusal:
        assert refusal.message.encode()
    took = time.thread_time() - start
    assert took < SLOWEST, f"{took:.2f} s for {len(data)} bytes"
    return verdict.standing.value


# It is no test that pytest should collect, whatever its name.
test_one_input.__test__ = False


def mutants(rng: random.Random) -> Iterator[tuple[bytes, list[bytes], list[bytes]]]:
    """A certificate, what stands beside it and revocation lists, some of them changed, for ever."""
    here = world()
    leaf, middle = der(here.leaf), der(here.middle)
    while True:
        lists = rng.sample(here.lists, rng.randint(1, len(here.lists)))
        yield _again(rng, leaf, here.middle), [middle], lists
        place = rng.randrange(len(lists))
        lists[place] = _again(rng, lists[place], here.middle)
        yield leaf, [middle], lists
        yield leaf, [_again(rng, middle, here.root)], []
        yield _changed(rng, rng.choice(here.others)), [_changed(rng, rng.choice(here.others))], lists


def _again(rng: random.Random, whole: bytes, issuer: Identity) -> bytes:
    """A certificate or a list that was changed and then signed by its issuer."""
    signed, algorithm, _ = der_elements(whole)
    for _ in range(rng.randint(1, 3)):
        signed = _altered(rng, signed)
    key = issuer.key
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return sequence(signed, algorithm, bit_string(key.sign(signed, ec.ECDSA(hashes.SHA256()))))


def _altered(rng: random.Random, element: bytes) -> bytes:
    """A DER element with something changed at some depth, every length around it put right."""
    tag = element[0]
    try:
        inside = der_elements(element) if tag & _CONSTRUCTED or tag in (0x03, 0x04) else []
    except ValueError:
        inside = []
    if inside and rng.random() < 0.9:
        place = rng.randrange(len(inside))
        kind = rng.random()
        if kind < 0.8:
            inside[place] = _altered(rng, inside[place])
        elif kind < 0.88:
            del inside[place]
        elif kind < 0.94:
            inside.insert(place, inside[rng.randrange(len(inside))])
        else:
            rng.shuffle(inside)
        return tlv(tag, *inside)
    kind = rng.random()
    if kind < 0.2:
        return tlv(rng.choice(_TAGS), element[2:])
    if kind < 0.6:
        return tlv(tag, rng.choice(_CONTENTS))
    if kind < 0.7:
        return emails(rng.choice(_CONTENTS), rng.choice(_CONTENTS))
    return flip(rng, element)


def _changed(rng: random.Random, data: bytes) -> bytes:
    """Bytes with one to three changes that put nothing right."""
    for _ in range(rng.randint(1, 3)):
        data = rng.choice((flip, _delete, _insert, _put_together))(rng, data) or b"0"
    return data


def _delete(rng: random.Random, data: bytes) -> bytes:
    place = rng.randrange(len(data))
    return data[:place] + data[place + rng.choice((1, 2, 8, 64)) :]


def _insert(rng: random.Random, data: bytes) -> bytes:
    place = rng.randrange(len(data))
    return data[:place] + rng.choice(_CONTENTS) + data[place:]


def _put_together(rng: random.Random, data: bytes) -> bytes:
    try:
        return _altered(rng, data)
    except IndexError:
        return data


def fuzz(rng: random.Random, deadline: float, most: int) -> Counter[str]:
    """Judge mutants until the deadline (of ``time.monotonic``), at most so many; counts standings."""
    return count_outcomes(mutants(rng), lambda found: test_one_input(*found), _shown, deadline, most)


def _shown(found: tuple[bytes, list[bytes], list[bytes]]) -> list[str]:
    return [base64.b64encode(one).decode() for one in (found[0], *found[1], *found[2])]


if __name__ == "__main__":
    run_target(sys.argv[1:], test_one_input, fuzz)
