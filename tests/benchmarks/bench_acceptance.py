"""What acceptance costs: a ratio to the least work that could verify the same document.

The floor is a straight line: parse with lxml, load the certificate, canonicalise
SignedInfo and document, hash, verify once. signxml, told which certificate to expect, is
measured beside it, and the steps of acceptance one by one. All are timed in turn, round
after round: a machine that becomes slower slows all of a round, so each part is divided
by the floor of its round, and the median of the rounds counts.
"""

from __future__ import annotations

import base64
import hashlib
import statistics
import time
from collections.abc import Callable
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from lxml import etree
from signxml.verifier import SignatureConfiguration, XMLVerifier

from tests.benchmarks.figures import Figure
from tests.factories.documents import image, signed
from tests.factories.identities import Identity, make_identity
from validators import accept
from validators.constraints import parse_content
from validators.identity import verify_endorser
from validators.parser import parse_document
from validators.prescan import verify_prescan
from validators.rdf import verify_rdf
from validators.signature import verify_signature
from validators.signature_shape import parse_signature

_DSIG = "{http://www.w3.org/2000/09/xmldsig#}"
_SIZE = 6_000


def run(rounds: int = 40, repeats: int = 25) -> dict[str, float]:
    """Measure everything on one document of about 6 kB.

    Returns:
        Of each part, how many times the floor it takes; of the floor, microseconds for a call.
    """
    identity = make_identity(key="rsa2048")
    parts = _parts(_document(identity), identity)
    seconds = [{name: _seconds(part, repeats) for name, part in parts.items()} for _ in range(rounds)]
    found = {name: statistics.median(one[name] / one["floor"] for one in seconds) for name in parts}
    found["1 parse tree, compare"] = found["1 parse safely"] - found["1 prescan"]
    found["2 signature shape"] = found["1+2"] - found["1 parse safely"]
    found["3 signature holds"] = found["1+2+3"] - found["1+2"]
    del found["1+2"], found["1+2+3"]
    return found | {"floor": statistics.median(one["floor"] for one in seconds) * 1e6}


def _document(identity: Identity) -> bytes:
    bare = signed(image(description=""), identity)
    return signed(image(description="x" * max(0, _SIZE - len(bare))), identity)


def _parts(data: bytes, identity: Identity) -> dict[str, Callable[[], object]]:
    root = parse_document(data)
    content = verify_signature(root, parse_signature(root))
    said = parse_content(content.root)
    verifier, expected = XMLVerifier(), SignatureConfiguration()

    def two() -> object:
        return parse_signature(parse_document(data))

    def three() -> object:
        document = parse_document(data)
        return verify_signature(document, parse_signature(document))

    return {
        "floor": lambda: _floor(data),
        "signxml": lambda: verifier.verify(data, x509_cert=identity.certificate, expect_config=expected),
        "accept": lambda: accept(data),
        "1 prescan": lambda: verify_prescan(data),
        "1 parse safely": lambda: parse_document(data),
        "1+2": two,
        "1+2+3": three,
        "4 constraints": lambda: parse_content(content.root),
        "5 endorser": lambda: verify_endorser(said.endorser, content.certificate),
        "6 RDF": lambda: verify_rdf(content.content, content.root, extended=False),
    }


def _floor(data: bytes) -> bytes:
    root = etree.fromstring(data)
    signature = root.find(f"{_DSIG}Signature")
    signed_info, value, key_info = signature
    key: Any = x509.load_der_x509_certificate(base64.b64decode(key_info[0][0].text)).public_key()
    signed = etree.tostring(signed_info, method="c14n", exclusive=True)
    before = signature.getprevious()
    before.tail = (before.tail or "") + (signature.tail or "")
    root.remove(signature)
    content = etree.tostring(root, method="c14n", exclusive=True, with_comments=False)
    if hashlib.sha256(content).digest() != base64.b64decode(signed_info[2][2].text):
        raise ValueError("the floor must verify what it measures")
    key.verify(base64.b64decode(value.text), signed, padding.PKCS1v15(), hashes.SHA256())
    return content


def _seconds(part: Callable[[], object], repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        part()
    return (time.perf_counter() - start) / repeats


def figures(rounds: int = 40) -> list[Figure]:
    """The measurements as rows of the report."""
    measured = run(rounds)
    floor = measured["floor"]
    rows = [
        _figure("accept, steps 1-6", measured["accept"], floor, 3.0),
        _figure("signxml alone, for comparison", measured["signxml"], floor, None),
    ]
    steps = [name for name in measured if name[0].isdigit()]
    return rows + [_figure(f"step {name}", measured[name], floor, None) for name in steps]


def _figure(what: str, ratio: float, floor: float, most: float | None) -> Figure:
    goal = "" if most is None else f"at most {most:g} times the floor"
    beside = f"parse, two C14N, hash, one verify: {floor:.0f} us"
    value = f"{ratio * floor:.0f} us"
    return Figure(what, value, beside, ratio, goal, None if most is None else ratio <= most)
