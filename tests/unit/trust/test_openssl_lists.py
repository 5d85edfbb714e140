"""Revocation, case by case beside ``openssl verify -crl_check_all``: the verdict is never milder.

Each case is made for real: an endorser below an authority below a root, and lists that fit,
do not fit, are out of date, hold changes only, or are signed with another key of the same name.
"""

from __future__ import annotations

import itertools
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from tests.factories.identities import Identity, make_identity
from tests.soaking import Tell
from tests.unit.trust.authorities import DAY, NOW, crl_bytes, der, issue, link, root
from validators.material import TrustMaterial, TrustPolicy
from validators.revocation import parse_list
from validators.verdict import Standing, judge_certificate

OPENSSL = shutil.which("openssl") or "openssl"
STRICT = TrustPolicy(missing_crl="refuse", stale_crl="refuse")
STALE = {"this_update": NOW - 9 * DAY, "next_update": NOW - DAY}
AHEAD = {"this_update": NOW + DAY, "next_update": NOW + 9 * DAY}
SOME = frozenset({x509.ReasonFlags.key_compromise})
OLDER = {"this_update": NOW - 3 * DAY}

ROOT = root("Lists Root")
ROOT_LIST = crl_bytes(ROOT)


def key_of(authority: Identity) -> x509.SubjectKeyIdentifier:
    return x509.SubjectKeyIdentifier.from_public_key(authority.key.public_key())


def named(authority: Identity) -> x509.DirectoryName:
    return x509.DirectoryName(authority.certificate.subject)


def uri(text: str) -> x509.UniformResourceIdentifier:
    return x509.UniformResourceIdentifier(text)


def points(*names: str, **how: object) -> tuple[x509.ExtensionType, bool]:
    """CRLDistributionPoints of a certificate, a point for each name; "" is a point without one."""
    given = {"relative_name": None, "reasons": None, "crl_issuer": None} | how
    made = [x509.DistributionPoint([uri(name)] if name else None, **given) for name in names]
    return x509.CRLDistributionPoints(made), False


def idp(*names: str, **flags: object) -> tuple[x509.ExtensionType, bool]:
    """IssuingDistributionPoint of a list."""
    kinds = dict.fromkeys(("user_certs", "ca_certs", "attribute_certs"), False)
    whole = {f"only_contains_{kind}": on for kind, on in kinds.items()}
    whole |= {"relative_name": None, "only_some_reasons": None, "indirect_crl": False}
    return x509.IssuingDistributionPoint(list(map(uri, names)) or None, **whole | flags), True


def middle(variant: int) -> Identity:
    """The authority; another variant has another key under the same name."""
    own = make_identity("Lists Middle", None, "p256", ca=True, variant=variant)
    builder = (
        x509.CertificateBuilder()
        .subject_name(own.certificate.subject)
        .issuer_name(ROOT.certificate.subject)
        .public_key(own.key.public_key())
        .serial_number(1000 + variant)
        .not_valid_before(NOW - 900 * DAY)
        .not_valid_after(NOW + 900 * DAY)
        .add_extension(x509.BasicConstraints(True, None), True)
        .add_extension(key_of(own), False)
    )
    certificate = builder.sign(ROOT.key, hashes.SHA256())
    return Identity(certificate, own.key, None, (ROOT.certificate,))


MIDDLE, OTHER_KEY = middle(1), middle(2)
PLAIN = issue(MIDDLE, "Plain")
NEIGHBOUR = issue(MIDDLE, "Neighbour")
POINT_1 = issue(MIDDLE, "Point 1", extensions=[points("http://ca/1")])
TWO_POINTS = issue(MIDDLE, "Two points", extensions=[points("http://ca/1", "http://ca/2")])
NAMELESS = issue(MIDDLE, "Nameless", extensions=[points("", crl_issuer=[named(MIDDLE)])])
LIMITED = issue(
    MIDDLE,
    "Limited",
    extensions=[points("http://ca/1", reasons=SOME)],
)
DELEGATED = issue(
    MIDDLE,
    "Delegated",
    extensions=[points("http://ca/1", crl_issuer=[named(ROOT)])],
)
RELATIVE_NAME = x509.RelativeDistinguishedName([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Part 1")])
RELATIVE = issue(
    MIDDLE,
    "Relative",
    extensions=[
        (x509.CRLDistributionPoints([x509.DistributionPoint(None, RELATIVE_NAME, None, None)]), False)
    ],
)
SIGNERS = (PLAIN, POINT_1, TWO_POINTS, NAMELESS, LIMITED, DELEGATED, RELATIVE)


def aki(authority: Identity, **how: object) -> tuple[x509.ExtensionType, bool]:
    given = {
        "key_identifier": key_of(authority).digest,
        "authority_cert_issuer": None,
        "authority_cert_serial_number": None,
    }
    return x509.AuthorityKeyIdentifier(**given | how), False


def number(value: int) -> tuple[x509.ExtensionType, bool]:
    return x509.CRLNumber(value), False


def delta(base: int) -> tuple[x509.ExtensionType, bool]:
    return x509.DeltaCRLIndicator(base), True


def lists_of(*extensions: tuple[x509.ExtensionType, bool], by: Identity = MIDDLE, **how: object):
    """A list with these extensions, about whoever is given."""

    def make(*revoked: Identity) -> bytes:
        return crl_bytes(by, *revoked, extensions=extensions, **how)

    return make


#: Kinds of lists; each is put beside each other one, and either may revoke.
KINDS: dict[str, Callable[..., bytes]] = {
    "plain": lists_of(),
    "plain, stale": lists_of(**STALE),
    "plain, ahead": lists_of(**AHEAD),
    "point 1": lists_of(idp("http://ca/1")),
    "point 1, stale": lists_of(idp("http://ca/1"), **STALE),
    "point 2": lists_of(idp("http://ca/2")),
    "points 1 and 2": lists_of(idp("http://ca/1", "http://ca/2")),
    "relative point": lists_of(idp(relative_name=RELATIVE_NAME)),
    "users": lists_of(idp(only_contains_user_certs=True)),
    "users at point 1": lists_of(idp("http://ca/1", only_contains_user_certs=True)),
    "authorities": lists_of(idp(only_contains_ca_certs=True)),
    "attributes": lists_of(idp(only_contains_attribute_certs=True)),
    "some reasons": lists_of(idp(only_some_reasons=SOME)),
    "indirect": lists_of(idp(indirect_crl=True)),
    "own key": lists_of(aki(MIDDLE)),
    "own key by serial": lists_of(
        aki(
            MIDDLE,
            authority_cert_issuer=[named(ROOT)],
            authority_cert_serial_number=MIDDLE.certificate.serial_number,
        )
    ),
    "own key by another serial": lists_of(
        aki(
            MIDDLE,
            authority_cert_issuer=[named(ROOT)],
            authority_cert_serial_number=77,
        )
    ),
    "own key, says another": lists_of(aki(OTHER_KEY)),
    "other key": lists_of(aki(OTHER_KEY), by=OTHER_KEY),
    "other key, says own": lists_of(aki(MIDDLE), by=OTHER_KEY),
    "other key, says none": lists_of(by=OTHER_KEY),
    "base": lists_of(number(5), **OLDER),
    "delta": lists_of(number(6), delta(5)),
    "unknown critical extension": lists_of(
        (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), True)
    ),
}


@dataclass(frozen=True)
class Case:
    """An endorser and every revocation list that there is."""

    signer: Identity
    lists: tuple[bytes, ...]
    label: str


def cases() -> list[Case]:
    """All of them, the simplest first."""
    made = []
    for signer in SIGNERS:
        made.append(case(signer, "no list"))
        for kind, make in KINDS.items():
            made.append(case(signer, f"{kind}, which revokes nothing", make()))
            made.append(case(signer, f"{kind}, which revokes", make(signer)))
    for label, lists in {
        "no list of the root": (),
        "an old list of the root": (crl_bytes(ROOT, **STALE),),
        "the authority revoked": (crl_bytes(ROOT, MIDDLE),),
        "the root revoked by itself": (crl_bytes(ROOT, ROOT),),
    }.items():
        made.append(Case(PLAIN, (*lists, KINDS["plain"]()), label))
    for (one, other), signer in itertools.product(itertools.combinations(KINDS, 2), (PLAIN, POINT_1)):
        for revoking, silent in ((one, other), (other, one)):
            pair = KINDS[revoking](signer), KINDS[silent](NEIGHBOUR)
            made.append(case(signer, f"{revoking}, which revokes, and {silent}, which does not", *pair))
        pair = KINDS[one](NEIGHBOUR), KINDS[other]()
        made.append(case(signer, f"{one} and {other}, which revoke nothing", *pair))
    return made


def case(signer: Identity, label: str, *lists: bytes) -> Case:
    name = signer.certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value
    return Case(signer, (ROOT_LIST, *lists), f"{name}: {label}")


def judged(case: Case) -> Standing:
    lists = tuple(map(parse_list, case.lists))
    held = TrustMaterial((link(ROOT),), (link(MIDDLE), link(OTHER_KEY)), lists, policy=STRICT)
    return judge_certificate(der(case.signer), [der(MIDDLE)], held, NOW).standing


def ask_openssl(case: Case, folder: Path) -> tuple[bool, str]:
    """What ``openssl verify`` makes of the same bytes at the same time, and its words."""
    certificates = {"root": ROOT, "middle": MIDDLE, "leaf": case.signer}
    for name, identity in certificates.items():
        (folder / f"{name}.pem").write_bytes(identity.certificate_pem)
    lists = [x509.load_der_x509_crl(one).public_bytes(Encoding.PEM) for one in case.lists]
    (folder / "lists.pem").write_bytes(b"".join(lists))
    given = ["-CAfile", "root.pem", "-untrusted", "middle.pem", *(["-CRLfile", "lists.pem"] if lists else [])]
    asked = [OPENSSL, "verify", "-crl_check_all", "-attime", f"{NOW.timestamp():.0f}", *given, "leaf.pem"]
    answer = subprocess.run(asked, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert answer.returncode in (0, 2), answer.stderr
    return answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.skipif(not Path(OPENSSL).exists(), reason="openssl is not installed")
@pytest.mark.parametrize("every", [13, pytest.param(1, marks=pytest.mark.soak)])
def test_no_verdict_is_milder_than_openssl(every: int, tmp_path: Path, tell: Tell) -> None:
    chosen = cases()[::every]
    milder, taken, refused = [], 0, 0
    for one in chosen:
        good, words = ask_openssl(one, tmp_path)
        taken, refused = taken + good, refused + (not good)
        # A list that its issuer's key did not sign is nobody's word. openssl picks one list by what the
        # lists say of themselves and looks for no other; here the ones that are signed are asked.
        if judged(one) is Standing.CHAINED and not good and "CRL signature failure" not in words:
            milder.append((one.label, words))
    tell(len(chosen))
    assert milder == []
    assert min(taken, refused) > len(chosen) // 20


def test_what_fits_is_taken() -> None:
    """Or the comparison would pass where nobody was ever good."""
    made = {one.label: one for one in cases()}
    good = ("Plain: plain", "Point 1: point 1", "Point 1: plain", "Plain: users", "Plain: own key")
    good += (
        "Two points: point 2",
        "Relative: relative point",
        "Nameless: point 1",
        "Plain: own key by serial",
    )
    for label in good:
        assert judged(made[f"{label}, which revokes nothing"]) is Standing.CHAINED, label
    unknown = ("Plain: point 1", "Point 1: point 2", "Plain: authorities", "Plain: other key", "Plain: delta")
    unknown += ("Limited: plain", "Plain: indirect", "Plain: some reasons", "Plain: own key, says another")
    for label in unknown:
        assert judged(made[f"{label}, which revokes nothing"]) is Standing.REVOCATION_UNKNOWN, label
    for label in ("Plain: plain", "Plain: delta", "Plain: some reasons", "Point 1: plain"):
        assert judged(made[f"{label}, which revokes"]) is Standing.REVOKED, label
    assert judged(made["the root revoked by itself"]) is Standing.REVOKED
