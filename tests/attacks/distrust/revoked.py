"""Certificates that were taken back, and revocation lists that should not be believed."""

from __future__ import annotations

from collections.abc import Callable

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import Encoding

from tests.attacks.distrust.forging import DAY, NOW, Cast, Deceit, Distrusted, crl, der
from tests.factories.identities import Identity, usage_of

REVOKED = "revoked certificates"
LISTS = "revocation lists"

Build = Callable[[Cast], Deceit]
_STALE = {"this_update": NOW - 9 * DAY, "next_update": NOW - 8 * DAY}
_FUTURE = {"this_update": NOW + DAY, "next_update": NOW + 9 * DAY}


def _revoked(**how: object) -> Build:
    def build(cast: Cast) -> Deceit:
        root = cast.root()
        leaf = cast.issue(root)
        return Deceit(cast.entry(leaf), [der(root)], lists=[crl(root, leaf, **how)])

    return build


def _for_the_reason(reason: x509.ReasonFlags) -> Build:
    def build(cast: Cast) -> Deceit:
        root = cast.root()
        leaf = cast.issue(root)
        row = (
            x509.RevokedCertificateBuilder(leaf.certificate.serial_number, NOW - DAY)
            .add_extension(x509.CRLReason(reason), False)
            .build()
        )
        name = root.certificate.subject
        made = x509.CertificateRevocationListBuilder(name, NOW - DAY, NOW + DAY, [], [row])
        return Deceit(
            cast.entry(leaf),
            [der(root)],
            lists=[made.sign(root.key, hashes.SHA256()).public_bytes(Encoding.DER)],
        )

    return build


def _revoked_authority(cast: Cast) -> Deceit:
    root = cast.root()
    middle = cast.authority(root)
    leaf = cast.issue(middle)
    return Deceit(cast.entry(leaf), [der(root)], lists=[crl(root, middle), crl(middle)])


def _revoked_authority_far_up(cast: Cast) -> Deceit:
    root = cast.root()
    top = cast.authority(root, "Top")
    middle = cast.authority(top)
    lists = [crl(root, top), crl(top), crl(middle)]
    return Deceit(cast.entry(cast.issue(middle)), [der(root)], lists=lists)


def _revoked_pin(cast: Cast) -> Deceit:
    root = cast.root()
    leaf = cast.issue(root)
    return Deceit(cast.entry(leaf), [der(leaf)], [der(root)], lists=[crl(root, leaf)])


def _older_list_again(cast: Cast) -> Deceit:
    """The list from before the revocation is put beside the newest one."""
    root = cast.root()
    leaf = cast.issue(root)
    lists = [crl(root, this_update=NOW - 9 * DAY), crl(root, leaf), crl(root, this_update=NOW - 8 * DAY)]
    return Deceit(cast.entry(leaf), [der(root)], lists=lists)


def _stale_and_revoked(cast: Cast) -> Deceit:
    root = cast.root()
    leaf = cast.issue(root)
    old = crl(root, leaf, this_update=NOW - 9 * DAY, next_update=NOW - 8 * DAY)
    return Deceit(cast.entry(leaf), [der(root)], lists=[old])


def _second_path(cast: Cast) -> Deceit:
    """The revoked signer brings another way to an anchor: a cross-certificate of its issuer."""
    root, other = cast.root(), cast.root("Other")
    middle = cast.authority(root)
    crossed = cast.issue(other, "Middle", ca=True, own=middle)
    leaf = cast.issue(middle)
    return Deceit(
        cast.entry(leaf),
        [der(root), der(other)],
        [der(crossed)],
        lists=[crl(middle, leaf), crl(root), crl(other)],
    )


def _with(make: Callable[[Cast, Identity, Identity], list[bytes]]) -> Build:
    """An endorser below a root, with the lists that the function makes of both."""

    def build(cast: Cast) -> Deceit:
        root = cast.root()
        leaf = cast.issue(root)
        return Deceit(cast.entry(leaf), [der(root)], lists=make(cast, root, leaf))

    return build


def _forged_clearing(cast: Cast, root: Identity, leaf: Identity) -> list[bytes]:
    """A newer, empty list of the authority's name, signed by the thief."""
    return [crl(root, leaf), crl(root, key=cast.root("Thief").key, this_update=NOW)]


def _namesake_clearing(cast: Cast) -> Deceit:
    """A newer, empty list signed by an authority of the same name that may not sign lists."""
    root = cast.root()
    limited = cast.issue(cast.root("Other"), "Root", ca=True, extensions=[(usage_of("key_cert_sign"), True)])
    leaf = cast.issue(root)
    lists = [crl(root, leaf), crl(limited, this_update=NOW)]
    return Deceit(cast.entry(leaf), [der(root)], [der(limited)], lists=lists)


def _foreign_clearing(cast: Cast, root: Identity, leaf: Identity) -> list[bytes]:
    return [crl(root, leaf), crl(cast.root("Foreigner"), this_update=NOW)]


def _md5(cast: Cast) -> Deceit:
    """The list that would clear the signer rests on MD5; there is no other."""
    root = cast.root(key="rsa2048")
    leaf = cast.issue(root)
    strong, weak = bytes.fromhex("06092a864886f70d01010b"), bytes.fromhex("06092a864886f70d010104")
    made = crl(root)
    parsed = x509.load_der_x509_crl(made)
    signed = parsed.tbs_certlist_bytes.replace(strong, weak)
    value = root.key.sign(signed, padding.PKCS1v15(), hashes.MD5())  # noqa: S303  # what the attack is about
    return Deceit(
        cast.entry(leaf), [der(root)], lists=[made.replace(strong, weak).replace(parsed.signature, value)]
    )


def _without_the_right(cast: Cast) -> Deceit:
    root = cast.root(key_usage="key_cert_sign")
    leaf = cast.issue(root)
    return Deceit(cast.entry(leaf), [der(root)], lists=[crl(root)])


def _endorsers_list(cast: Cast, root: Identity, leaf: Identity) -> list[bytes]:
    """The signer states in a list of its own that nothing is revoked."""
    return [crl(Identity(root.certificate, leaf.key, None))]


def _partial(**flags: bool) -> tuple[x509.ExtensionType, bool]:
    kinds = ("user_certs", "ca_certs", "attribute_certs")
    whole = {f"only_contains_{kind}": False for kind in kinds} | {"indirect_crl": False}
    nothing = dict.fromkeys(("full_name", "relative_name", "only_some_reasons"))
    return x509.IssuingDistributionPoint(**nothing | whole | flags), True


def _odd_list(*extensions: tuple[x509.ExtensionType, bool]) -> Build:
    return _with(lambda cast, root, leaf: [crl(root, extensions=extensions)])


def _others_rows(cast: Cast, root: Identity, leaf: Identity) -> list[bytes]:
    issuer = x509.CertificateIssuer([x509.DirectoryName(cast.name("Somebody"))])
    return [crl(root, cast.issue(root, "Other"), row_extensions=[(issuer, True)])]


def _points(*names: str) -> tuple[x509.ExtensionType, bool]:
    named = [[x509.UniformResourceIdentifier(name)] for name in names]
    return x509.CRLDistributionPoints([x509.DistributionPoint(one, None, None, None) for one in named]), False


def _at(name: str) -> tuple[x509.ExtensionType, bool]:
    return _partial(full_name=[x509.UniformResourceIdentifier(name)])


def _elsewhere(*points: str) -> Build:
    """An endorser whose lists are at one place, and an authority with lists at others."""

    def build(cast: Cast) -> Deceit:
        root = cast.root()
        leaf = cast.issue(root, extensions=[_points("http://ca.example.org/1")])
        lists = [crl(root, extensions=[_at(f"http://ca.example.org/{point}")]) for point in points]
        return Deceit(cast.entry(leaf), [der(root)], lists=lists)

    return build


def _stale_where_it_matters(cast: Cast) -> Deceit:
    """The part of the lists that holds the endorser is out of date; another part is as new as can be."""
    root = cast.root()
    leaf = cast.issue(root, extensions=[_points("http://ca.example.org/1")])
    lists = [
        crl(root, extensions=[_at("http://ca.example.org/1")], **_STALE),
        crl(root, extensions=[_at("http://ca.example.org/2")], this_update=NOW),
    ]
    return Deceit(cast.entry(leaf), [der(root)], lists=lists)


def _namesakes_silence(cast: Cast) -> Deceit:
    """The only list is signed with another key of the authority's name."""
    root, again = cast.root(), cast.root()
    return Deceit(cast.entry(cast.issue(root)), [der(root), der(again)], lists=[crl(again)])


def _beside_a_whole_list(*extensions: tuple[x509.ExtensionType, bool]) -> Build:
    def lists(cast: Cast, root: Identity, leaf: Identity) -> list[bytes]:
        return [crl(root, this_update=NOW - 2 * DAY), crl(root, extensions=extensions)]

    return _with(lists)


_UNKNOWN_EXTENSION = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), True
_NOT_UNDERSTOOD: list[tuple[str, Build]] = [
    ("a list of changes only", _odd_list((x509.DeltaCRLIndicator(1), True))),
    ("a list of changes beside a whole list", _beside_a_whole_list((x509.DeltaCRLIndicator(1), True))),
    ("a list of others' certificates", _odd_list(_partial(indirect_crl=True))),
    ("a list of others' certificates beside a whole list", _beside_a_whole_list(_partial(indirect_crl=True))),
    (
        "a list of some reasons",
        _odd_list(_partial(only_some_reasons=frozenset({x509.ReasonFlags.key_compromise}))),
    ),
    ("a list with an unknown critical extension", _odd_list(_UNKNOWN_EXTENSION)),
    ("a list with rows about others", _with(_others_rows)),
]
_MISFITS: list[tuple[str, Build]] = [
    ("a list of authorities only", _odd_list(_partial(only_contains_ca_certs=True))),
    ("a list of attributes only", _odd_list(_partial(only_contains_attribute_certs=True))),
    ("a list for another distribution point", _elsewhere("2")),
    ("lists for two other distribution points", _elsewhere("2", "3")),
    ("a list for a distribution point of nobody", _odd_list(_at("http://ca.example.org/1"))),
    ("a list signed with another key of the same name", _namesakes_silence),
]
_ODD_LISTS: list[tuple[str, Build]] = [
    ("a list that is cut off", _with(lambda cast, root, leaf: [crl(root)[:-20]])),
    ("a list of noise", _with(lambda cast, root, leaf: [b"0\x82\x01\x00" + cast.about.encode() * 9])),
    ("an empty file", _with(lambda cast, root, leaf: [b""])),
    (
        "a list signed with the attacker's key",
        _with(lambda cast, root, leaf: [crl(root, key=cast.root("Thief").key)]),
    ),
    ("a list signed by the signer itself", _with(_endorsers_list)),
    ("a list signed with MD5", _md5),
    ("a list of an authority that may not sign lists", _without_the_right),
    ("a list of somebody else", _with(lambda cast, root, leaf: [crl(cast.root("Foreigner"))])),
    ("no list", _with(lambda cast, root, leaf: [])),
]


def _taken_back(name: str, build: Build, because: str = "was revoked on", strict: bool = False) -> Distrusted:
    return Distrusted(REVOKED, name, "revoked", "revocation", because, build, strict)


def _unknown(name: str, because: str, build: Build, strict: bool) -> Distrusted:
    return Distrusted(LISTS, name, "revocation-unknown", "revocation", because, build, strict)


ATTACKS = [
    _taken_back("before the entry was made", _revoked(since=NOW - 4000 * DAY), "is after the revocation"),
    _taken_back("after the entry was made", _revoked(since=NOW - DAY), "is before the revocation"),
    _taken_back("from a day that is yet to come", _revoked(since=NOW + 9 * DAY)),
    *(
        _taken_back(f"for the reason {reason.value}", _for_the_reason(reason), reason.value)
        for reason in (
            x509.ReasonFlags.certificate_hold,
            x509.ReasonFlags.superseded,
            x509.ReasonFlags.cessation_of_operation,
            x509.ReasonFlags.remove_from_crl,
        )
    ),
    _taken_back("the authority above", _revoked_authority, "CN=Middle"),
    _taken_back("an authority two above", _revoked_authority_far_up, "CN=Top"),
    _taken_back("a pinned certificate", _revoked_pin),
    _taken_back("older lists that say nothing beside the newest", _older_list_again),
    _taken_back("in a list that is out of date", _stale_and_revoked),
    _taken_back("with another path beside", _second_path),
    _taken_back("a forged newer list clears it", _with(_forged_clearing), strict=True),
    _taken_back("a namesake's newer list clears it", _namesake_clearing, strict=True),
    _taken_back("a foreigner's newer list clears it", _with(_foreign_clearing)),
    _unknown(
        "a list that is out of date",
        "is out of date",
        _with(lambda cast, root, leaf: [crl(root, **_STALE)]),
        False,
    ),
    _unknown(
        "a list from the future",
        "is out of date",
        _with(lambda cast, root, leaf: [crl(root, **_FUTURE)]),
        False,
    ),
    _unknown("a part that is out of date beside a new one", "is out of date", _stale_where_it_matters, False),
    *(_unknown(name, "is not understood", build, False) for name, build in _NOT_UNDERSTOOD),
    *(_unknown(name, "that fits", build, True) for name, build in _MISFITS),
    *(_unknown(name, "there is no revocation list of the issuer", build, True) for name, build in _ODD_LISTS),
]
