"""Authorities that certify more than they may: too deep, other names, odd extensions, circles."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tests.attacks.distrust.forging import DAY, EMAIL, NOW, Cast, Deceit, Distrusted, der, with_beside
from tests.factories.documents import CREATED
from tests.factories.identities import Identity

LENGTH = "path lengths"
NAMES = "name constraints"
CRITICAL = "unknown critical extensions"
CIRCLES = "loops, floods and huge chains"
DATES = "dates of the chain"

Build = Callable[[Cast], Deceit]
_MADE = datetime.fromisoformat(CREATED)


def _lengths(*lengths: int | None) -> Build:
    """A chain of authorities with these lengths below a root, and an endorser under the last."""

    def build(cast: Cast) -> Deceit:
        root = above = cast.root()
        for place, length in enumerate(lengths):
            above = cast.authority(above, f"Middle {place}", path_length=length)
        return Deceit(cast.entry(cast.issue(above)), [der(root)])

    return build


def _length_of_the_anchor(cast: Cast) -> Deceit:
    anchor = cast.authority(cast.root(), "Anchor", path_length=0)
    return Deceit(cast.entry(cast.issue(cast.authority(anchor))), [der(anchor)])


def _length_at_the_end(cast: Cast) -> Deceit:
    """Not the nearest authority is bounded but the one at the top, three below it."""
    anchor = cast.authority(cast.root(), "Anchor", path_length=2)
    above = anchor
    for place in range(3):
        above = cast.authority(above, f"Middle {place}")
    return Deceit(cast.entry(with_beside(cast.issue(above), above)), [der(anchor)], _beside(above))


def _length_from_the_store(cast: Cast) -> Deceit:
    root = cast.root()
    top = cast.authority(root, "Top", path_length=0)
    middle = cast.authority(top)
    leaf = with_beside(cast.issue(middle))
    return Deceit(cast.entry(leaf), [der(root)], [der(middle), der(top)])


def _beside(identity: Identity) -> list[bytes]:
    """Every authority above somebody, for the store: there is no room for all beside a signature."""
    return [one.public_bytes(Encoding.DER) for one in identity.intermediates]


def _bounded(
    constraint: x509.NameConstraints,
    email: str | None = EMAIL,
    *,
    between: int = 0,
    subject: x509.Name | None = None,
    more: tuple[x509.ExtensionType, ...] = (),
) -> Build:
    """An endorser below an authority with name constraints."""

    def build(cast: Cast) -> Deceit:
        root = cast.root()
        above = cast.authority(root, "Bounded", extensions=[(constraint, True)])
        for place in range(between):
            above = cast.authority(above, f"Middle {place}")
        if more:
            email_here, extensions = None, [(one, False) for one in more]
        else:
            email_here, extensions = email, []
        leaf = cast.issue(above, email=email_here, subject=subject, extensions=extensions)
        if more:
            first = more[0].get_values_for_type(x509.RFC822Name)
            leaf = Identity(leaf.certificate, leaf.key, first[0] if first else None, leaf.intermediates)
        return Deceit(cast.entry(leaf), [der(root)])

    return build


def _permitted(*names: x509.GeneralName) -> x509.NameConstraints:
    return x509.NameConstraints(list(names), None)


def _excluded(*names: x509.GeneralName) -> x509.NameConstraints:
    return x509.NameConstraints(None, list(names))


def _directory(**parts: str) -> x509.DirectoryName:
    oids = {"C": NameOID.COUNTRY_NAME, "O": NameOID.ORGANIZATION_NAME, "CN": NameOID.COMMON_NAME}
    return x509.DirectoryName(x509.Name([x509.NameAttribute(oids[k], v) for k, v in parts.items()]))


def _bounded_anchor(cast: Cast) -> Deceit:
    """The anchor itself is bounded: who trusts it trusts it only so far."""
    bounds = (_permitted(x509.RFC822Name("example.com")), True)
    anchor = cast.authority(cast.root(), "Anchor", extensions=[bounds])
    return Deceit(cast.entry(with_beside(cast.issue(anchor), anchor)), [der(anchor)])


def _key_exchanged(cast: Cast) -> Deceit:
    """A self-issued authority is exempt itself; what it issues is not."""
    root = cast.root()
    bounds = (_permitted(x509.RFC822Name("example.com")), True)
    bounded = cast.authority(root, "Bounded", extensions=[bounds])
    again = cast.authority(bounded, "Bounded")
    return Deceit(cast.entry(cast.issue(again)), [der(root)])


_MAIL = x509.RFC822Name
_ADDRESS = NameOID.EMAIL_ADDRESS


def _subject(*parts: tuple[x509.ObjectIdentifier, str]) -> x509.Name:
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in parts])


def _alternatives(*names: x509.GeneralName) -> tuple[x509.ExtensionType, ...]:
    return (x509.SubjectAlternativeName(list(names)),)


def _names(name: str, because: str, build: Build) -> Distrusted:
    return Distrusted(NAMES, name, "untrusted-issuer", "chain", because, build)


_OUTSIDE = "is not permitted"
_NAMES = [
    _names("an address of another host", _OUTSIDE, _bounded(_permitted(_MAIL("example.com")))),
    _names(
        "an address of a host below", _OUTSIDE, _bounded(_permitted(_MAIL("example.org")), "a@x.example.org")
    ),
    _names("an address of the host itself", _OUTSIDE, _bounded(_permitted(_MAIL(".example.org")))),
    _names("an address of a host that ends alike", _OUTSIDE, _bounded(_permitted(_MAIL("ample.org")))),
    _names(
        "an address that begins alike",
        _OUTSIDE,
        _bounded(_permitted(_MAIL("example.org")), "a@example.org.evil.net"),
    ),
    _names("another person of the host", _OUTSIDE, _bounded(_permitted(_MAIL("boss@example.org")))),
    _names("an excluded host", "is excluded", _bounded(_excluded(_MAIL("example.org")))),
    _names("an excluded host in capitals", "is excluded", _bounded(_excluded(_MAIL("EXAMPLE.ORG")))),
    _names("an excluded person", "is excluded", _bounded(_excluded(_MAIL(EMAIL)))),
    _names("three authorities further down", _OUTSIDE, _bounded(_permitted(_MAIL("example.com")), between=2)),
    _names("bounds of the anchor", _OUTSIDE, _bounded_anchor),
    _names("a key exchanged in between", _OUTSIDE, _key_exchanged),
    _names(
        "a second address outside",
        _OUTSIDE,
        _bounded(_permitted(_MAIL("example.org")), more=_alternatives(_MAIL(EMAIL), _MAIL("a@example.com"))),
    ),
    _names(
        "an address outside in the subject",
        "may not be certified",
        _bounded(
            _permitted(_MAIL("example.org")),
            subject=_subject((NameOID.COMMON_NAME, "x"), (_ADDRESS, "a@example.com")),
        ),
    ),
    _names("a directory name outside", _OUTSIDE, _bounded(_permitted(_directory(C="FR")))),
    _names(
        "a directory name in another order",
        _OUTSIDE,
        _bounded(_permitted(_directory(O="a directory name in another order", C="EU"))),
    ),
    _names("an excluded directory name", "is excluded", _bounded(_excluded(_directory(C="EU")))),
    _names("an excluded directory name in capitals", "is excluded", _bounded(_excluded(_directory(C="eu")))),
    _names(
        "a host name where only its kind is bounded",
        "may not be certified",
        _bounded(
            _permitted(x509.DNSName("example.org")),
            more=_alternatives(_MAIL(EMAIL), x509.DNSName("example.org")),
        ),
    ),
    _names(
        "an excluded kind of name",
        "may not be certified",
        _bounded(
            _excluded(x509.UniformResourceIdentifier("evil.org")),
            more=_alternatives(_MAIL(EMAIL), x509.UniformResourceIdentifier("http://good.org/")),
        ),
    ),
]


def _odd(oid: str) -> tuple[x509.ExtensionType, bool]:
    return x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), b"\x05\x00"), True


def _server_only() -> tuple[x509.ExtensionType, bool]:
    return x509.ExtendedKeyUsage([x509.ObjectIdentifier("1.3.6.1.5.5.7.3.1")]), True


def _odd_at(place: str, extension: tuple[x509.ExtensionType, bool]) -> Build:
    def build(cast: Cast) -> Deceit:
        root = cast.root()
        if place == "anchor":
            root = cast.authority(root, "Anchor", extensions=[extension])
        middle = cast.authority(root, extensions=[extension] if place == "intermediate" else [])
        leaf = cast.issue(middle, extensions=[extension] if place == "signer" else [])
        return Deceit(cast.entry(leaf), [der(root)])

    return build


def _odd_pin(cast: Cast) -> Deceit:
    leaf = cast.issue(cast.root(), extensions=[_odd("1.2.3.4")])
    return Deceit(cast.entry(leaf), [der(leaf)])


_MEANING = "critical extensions of unknown meaning"
_CRITICAL = [
    *(
        (f"unknown, of the {place}", _odd_at(place, _odd("1.2.3.4")))
        for place in ("signer", "intermediate", "anchor")
    ),
    *(
        (f"purpose of a web server, of the {place}", _odd_at(place, _server_only()))
        for place in ("signer", "intermediate")
    ),
    ("policies that may not be any", _odd_at("intermediate", (x509.InhibitAnyPolicy(0), True))),
    ("policies that are asked for", _odd_at("intermediate", (x509.PolicyConstraints(0, None), True))),
    ("unknown, of a pinned signer", _odd_pin),
]


def _loop(members: int) -> Build:
    """Authorities that certify each other in a circle; none of them is an anchor."""

    def build(cast: Cast) -> Deceit:
        keys = [cast.root(f"Member {n}") for n in range(members)]
        crossed = [
            cast.issue(keys[n - 1], f"Member {n}", ca=True, own=keys[n], email=None) for n in range(members)
        ]
        leaf = with_beside(cast.issue(keys[0]), *crossed[:4])
        return Deceit(cast.entry(leaf), [der(cast.root("Other"))], [der(one) for one in crossed])

    return build


def _loop_of_one(cast: Cast) -> Deceit:
    """One name under several keys, each of which certifies the next."""
    keys = [cast.root("Same") for _ in range(12)]
    crossed = [cast.issue(keys[n - 1], "Same", ca=True, own=keys[n]) for n in range(12)]
    leaf = with_beside(cast.issue(keys[0]))
    return Deceit(cast.entry(leaf), [der(cast.root("Other"))], [der(one) for one in crossed])


def _long(authorities: int) -> Build:
    def build(cast: Cast) -> Deceit:
        root = above = cast.root()
        for place in range(authorities):
            above = cast.authority(above, f"Middle {place}")
        leaf = with_beside(cast.issue(above), above)
        return Deceit(cast.entry(leaf), [der(root)], [der(above), *_beside(above)])

    return build


def _namesakes(cast: Cast) -> Deceit:
    """A hundred authorities of the issuer's name, none of which issued it."""
    thief = cast.root("Namesake")
    others = [cast.root("Namesake") for _ in range(100)]
    leaf = with_beside(cast.issue(thief))
    return Deceit(cast.entry(leaf), [der(cast.root("Other"))], [der(one) for one in others])


def _mesh(cast: Cast) -> Deceit:
    """Six layers of four authorities, each certified by each above, and none of them by an anchor."""
    layers = [[cast.root(f"Layer {layer}") for _ in range(4)] for layer in range(6)]
    mesh = [
        cast.issue(above, f"Layer {layer}", ca=True, own=below)
        for layer in range(5)
        for below in layers[layer]
        for above in layers[layer + 1]
    ]
    leaf = with_beside(cast.issue(layers[0][0]))
    return Deceit(cast.entry(leaf), [der(cast.root("Other"))], [der(one) for one in mesh])


def _junk_beside(cast: Cast) -> Deceit:
    """An issuer of 40 000 bytes stands beside: 300 constraints, none of which matters."""
    root, fake = cast.root(), cast.root("Fake")
    many = x509.NameConstraints([x509.RFC822Name(f"host{n}.example.org") for n in range(300)], None)
    big = cast.issue(fake, "Fake", ca=True, own=fake, extensions=[(many, True)])
    return Deceit(cast.entry(cast.issue(Identity(big.certificate, fake.key, None))), [der(root)])


_CIRCLE = "is in the path already"
_CIRCLES = [
    ("a loop of two", _CIRCLE, _loop(2)),
    ("a loop of three", _CIRCLE, _loop(3)),
    ("a loop of twenty", "longer than 8", _loop(20)),
    ("one name under twelve keys", "did not sign", _loop_of_one),
    ("seven authorities in between", "longer than 8", _long(7)),
    ("sixty authorities in between", "longer than 8", _long(60)),
    ("a hundred namesakes of the issuer", "more than 64 signatures", _namesakes),
    ("a mesh of cross-certificates", "more than 64 signatures", _mesh),
    ("an authority with 300 constraints", "not permitted", _junk_beside),
]


def _dated(who: str, **dates: datetime) -> Build:
    def build(cast: Cast) -> Deceit:
        root = cast.root(**dates if who == "anchor" else {})
        middle = cast.authority(root, **dates if who == "intermediate" else {})
        leaf = cast.issue(middle, **dates if who == "signer" else {})
        return Deceit(cast.entry(leaf), [der(root)])

    return build


def _dated_pin(cast: Cast) -> Deceit:
    late = cast.root("Jane", ca=False, key_usage="digital_signature", not_after=_MADE - timedelta(seconds=1))
    return Deceit(cast.entry(late), [der(late)])


_ENDED = {"not_after": _MADE - timedelta(seconds=1)}
_AHEAD = {"not_before": _MADE + timedelta(seconds=1)}
_NEVER = {"not_before": NOW + 30 * DAY}
_DATES = [
    *(
        (f"{who} expired a second before", _dated(who, **_ENDED))
        for who in ("signer", "intermediate", "anchor")
    ),
    *(
        (f"{who} begins a second after", _dated(who, **_AHEAD))
        for who in ("signer", "intermediate", "anchor")
    ),
    ("signer that is not yet valid at all", _dated("signer", **_NEVER)),
    ("pinned signer that had expired", _dated_pin),
]

ATTACKS = [
    *(
        Distrusted(LENGTH, name, "untrusted-issuer", "chain", "(pathLen)", build)
        for name, build in (
            ("0 with an authority below", _lengths(0, None)),
            ("0 with one that says it may", _lengths(0, 5)),
            ("1 with two below", _lengths(1, None, None)),
            ("0 in the middle", _lengths(None, 0, None)),
            ("0 of the anchor", _length_of_the_anchor),
            ("2 of the anchor with three below", _length_at_the_end),
            ("0 with the chain in the store", _length_from_the_store),
        )
    ),
    *_NAMES,
    *(Distrusted(CRITICAL, name, "untrusted-issuer", "chain", _MEANING, build) for name, build in _CRITICAL),
    *(
        Distrusted(CIRCLES, name, "untrusted-issuer", "chain", because, build)
        for name, because, build in _CIRCLES
    ),
    *(
        Distrusted(DATES, name, "chained", "date-at-endorsement", "the certificates are valid", build)
        for name, build in _DATES
    ),
]
