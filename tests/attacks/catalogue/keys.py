"""KeyInfo offers another key, another order, too much or nothing; unsigned content in the signature."""

from __future__ import annotations

from tests.attacks.certificates import certificate, own, spki
from tests.attacks.forging import Attack, edit, encode, entry, regex, shown_with
from tests.factories.identities import Identity, make_ca, make_identity
from tests.factories.signatures import DSIG, certificate_xml

KEY_INFO = "KeyInfo"
UNSIGNED = "unsigned content, comments and instructions"

_MODULUS = encode(b"\xc1" * 256)
_RSA_VALUE = (
    f"<KeyValue><RSAKeyValue><Modulus>{_MODULUS}</Modulus><Exponent>AQAB</Exponent></RSAKeyValue></KeyValue>"
)


def _attacker() -> Identity:
    return make_identity("Mallory", "jane.tester@example.org", variant=1)


def _key_info(new: str):
    return lambda: entry(signature=regex("<KeyInfo>.*</KeyInfo>", new))


def _in_key_info(xml: str):
    return lambda: entry(signature=edit("<KeyInfo>", "<KeyInfo>" + xml))


def _in_data(xml: str):
    return lambda: entry(signature=edit("<X509Data>", "<X509Data>" + xml))


def _by_attacker(order) -> bytes:
    """Signed with the attacker's key, in the name of the victim."""
    victim, attacker = make_identity(), _attacker()
    forger = Identity(victim.certificate, attacker.key, victim.email)
    return entry(identity=forger, certificates=order(victim.certificate, attacker.certificate))


def _attackers_value() -> bytes:
    """Signed with the attacker's key, which stands in a KeyValue beside the victim's certificate."""
    attacker = make_identity("Mallory", key="rsa2048")
    numbers = attacker.key.public_key().public_numbers()
    value = (
        f"<KeyValue><RSAKeyValue><Modulus>{encode(numbers.n.to_bytes(256, 'big'))}</Modulus>"
        "<Exponent>AQAB</Exponent></RSAKeyValue></KeyValue>"
    )
    victim = make_identity(key="rsa2048")
    forger = Identity(victim.certificate, attacker.key, victim.email)
    return entry(identity=forger, signature=edit("<KeyInfo>", "<KeyInfo>" + value))


def _chain(order) -> bytes:
    issued = make_identity("Issued Tester", issuer=make_ca())
    return entry(identity=issued, certificates=order(issued.certificate, make_ca().certificate))


def _words(before: str):
    return lambda: entry(signature=edit(before, "words" + before))


def _after(old: str, new: str):
    return lambda: entry(after=edit(old, new))


_REMARKS = {
    "comment in the e-mail": ("jane.tester@example.org", "jane.tester@example.org<!-- -->.evil.org"),
    "comment in the identifier": ("</dcterms:identifier>", "<!-- --></dcterms:identifier>"),
    "comment in the subject": ("</slreq:subject>", "<!--,O=x--></slreq:subject>"),
    "comment in the size": (">1073741824<", ">1073<!-- -->741824<"),
    "comment in the title": ("A demo image", "A <!-- --> demo image"),
    "comment in an extension's value": (
        "</rdf:Description>",
        '<x:a xmlns:x="urn:x#">a<!-- -->b</x:a></rdf:Description>',
    ),
    "instruction in the time": ("2024-05-01T12:00:00Z", "2024-05-01T12:00:00<?x?>Z"),
    "instruction in the checksum": ("</slreq:value>", "<?x y?></slreq:value>"),
    "instruction in an empty value": ("<dcterms:title>A demo image<", "<dcterms:title><?x y?><"),
    "comment in the signature": ("<SignedInfo>", "<!-- --><SignedInfo>"),
    "comment in SignedInfo": ("<Reference", "<!-- --><Reference"),
    "comment in the digest": ("</DigestValue>", "<!-- --></DigestValue>"),
    "comment in the signature value": ("</SignatureValue>", "<!-- --></SignatureValue>"),
    "comment in the certificate": ("</X509Certificate>", "<!-- --></X509Certificate>"),
    "instruction in KeyInfo": ("<X509Data>", "<?x y?><X509Data>"),
    "instruction in a transform": ('enveloped-signature"/>', 'enveloped-signature"><?x y?></Transform>'),
}

ATTACKS = [
    Attack(KEY_INFO, "no KeyInfo", "signature.child", _key_info("")),
    Attack(KEY_INFO, "empty KeyInfo", "signature.key-info", _key_info("<KeyInfo/>")),
    Attack(
        KEY_INFO,
        "KeyInfo twice",
        "signature.child",
        lambda: entry(signature=regex("(<KeyInfo>.*</KeyInfo>)", r"\1\1")),
    ),
    Attack(
        KEY_INFO,
        "KeyInfo in front",
        "signature.child",
        lambda: entry(signature=regex("(<SignedInfo>.*)(<KeyInfo>.*</KeyInfo>)", r"\2\1")),
    ),
    Attack(KEY_INFO, "no certificate", "signature.certificates", lambda: entry(certificates=())),
    Attack(KEY_INFO, "only a KeyValue", "signature.key-info", _key_info(f"<KeyInfo>{_RSA_VALUE}</KeyInfo>")),
    Attack(
        KEY_INFO,
        "only a KeyName",
        "signature.key-info",
        _key_info("<KeyInfo><KeyName>jane</KeyName></KeyInfo>"),
    ),
    Attack(
        KEY_INFO, "attacker's KeyValue beside the victim's certificate", "signature.value", _attackers_value
    ),
    Attack(KEY_INFO, "two KeyValues", "signature.key-info", _in_key_info(_RSA_VALUE * 2)),
    Attack(
        KEY_INFO,
        "KeyValue with a private part",
        "signature.key-info",
        _in_key_info("<KeyValue><RSAKeyValue><D>AA==</D></RSAKeyValue></KeyValue>"),
    ),
    Attack(
        KEY_INFO,
        "KeyValue with other content",
        "signature.key-info",
        _in_key_info('<KeyValue><x xmlns="urn:x"/></KeyValue>'),
    ),
    Attack(
        KEY_INFO,
        "KeyValue with words",
        "signature.base64",
        _in_key_info("<KeyValue><RSAKeyValue><Modulus>words, unsigned</Modulus></RSAKeyValue></KeyValue>"),
    ),
    Attack(
        KEY_INFO,
        "victim's certificate first, attacker's behind",
        "signature.value",
        lambda: _by_attacker(lambda victim, attacker: (victim, attacker)),
    ),
    Attack(
        KEY_INFO,
        "attacker's certificate first, victim's behind",
        "endorser.subject",
        lambda: _by_attacker(lambda victim, attacker: (attacker, victim)),
    ),
    Attack(KEY_INFO, "forged leaf first", "certificate.self-signature", lambda: _forged_leaf()),
    Attack(KEY_INFO, "reversed chain", "certificate.ca", lambda: _chain(lambda leaf, ca: (ca, leaf))),
    Attack(
        KEY_INFO, "issuer in the place of the leaf", "certificate.ca", lambda: _chain(lambda leaf, ca: (ca,))
    ),
    Attack(
        KEY_INFO,
        "six certificates",
        "signature.certificates",
        lambda: entry(certificates=[make_identity().certificate] * 6),
    ),
    Attack(
        KEY_INFO,
        "100 certificates",
        "signature.certificates",
        lambda: entry(certificates=[make_identity().certificate] * 100),
    ),
    Attack(KEY_INFO, "two X509Data", "signature.key-info", _in_key_info("<X509Data/>")),
    Attack(
        KEY_INFO,
        "certificates in two X509Data",
        "signature.key-info",
        lambda: entry(
            signature=edit(
                "<X509Data>", f"<X509Data>{certificate_xml(_attacker().certificate)}</X509Data><X509Data>"
            )
        ),
    ),
    Attack(
        KEY_INFO,
        "RetrievalMethod",
        "signature.key-info",
        _in_key_info('<RetrievalMethod URI="http://example.org/key"/>'),
    ),
    Attack(
        KEY_INFO,
        "RetrievalMethod of itself",
        "signature.key-info",
        _in_key_info(f'<RetrievalMethod URI="#k" Type="{DSIG}X509Data"/>'),
    ),
    Attack(
        KEY_INFO,
        "KeyInfoReference",
        "signature.key-info",
        _in_key_info('<KeyInfoReference xmlns="http://www.w3.org/2009/xmldsig11#" URI="#k"/>'),
    ),
    Attack(
        KEY_INFO,
        "PGP data",
        "signature.key-info",
        _in_key_info("<PGPData><PGPKeyID>AA==</PGPKeyID></PGPData>"),
    ),
    Attack(
        KEY_INFO,
        "SPKI data",
        "signature.key-info",
        _in_key_info("<SPKIData><SPKISexp>AA==</SPKISexp></SPKIData>"),
    ),
    Attack(KEY_INFO, "management data", "signature.key-info", _in_key_info("<MgmtData>x</MgmtData>")),
    Attack(
        KEY_INFO,
        "encrypted key",
        "signature.key-info",
        _in_key_info('<EncryptedKey xmlns="http://www.w3.org/2001/04/xmlenc#"/>'),
    ),
    Attack(KEY_INFO, "revocation list", "signature.key-info", _in_data("<X509CRL>AA==</X509CRL>")),
    Attack(KEY_INFO, "key identifier", "signature.key-info", _in_data("<X509SKI>AA==</X509SKI>")),
    Attack(
        KEY_INFO,
        "issuer and serial number",
        "signature.key-info",
        _in_data(
            "<X509IssuerSerial><X509IssuerName>x</X509IssuerName><X509SerialNumber>1</X509SerialNumber></X509IssuerSerial>"
        ),
    ),
    Attack(
        KEY_INFO,
        "a hundred subject names",
        "signature.key-info",
        _in_data("<X509SubjectName>x</X509SubjectName>" * 100),
    ),
    Attack(
        KEY_INFO,
        "content in a subject name",
        "signature.key-info",
        _in_data("<X509SubjectName><a/></X509SubjectName>"),
    ),
    Attack(KEY_INFO, "empty certificate", "certificate.malformed", lambda: shown_with([b""])),
    Attack(
        KEY_INFO,
        "words in the place of a certificate",
        "certificate.malformed",
        lambda: shown_with([b"words"]),
    ),
    Attack(
        KEY_INFO,
        "PEM in the place of DER",
        "certificate.malformed",
        lambda: shown_with([make_identity().certificate_pem]),
    ),
    Attack(
        KEY_INFO, "bytes behind the certificate", "certificate.malformed", lambda: shown_with([own() + b"\0"])
    ),
    Attack(
        KEY_INFO,
        "words in the place of a further certificate",
        "certificate.malformed",
        lambda: shown_with([own(), b"words"]),
    ),
    Attack(
        KEY_INFO,
        "length of a further certificate of 4 GiB",
        "certificate.malformed",
        lambda: shown_with([own(), b"\x30\x84\xff\xff\xff\xff"]),
    ),
    Attack(
        KEY_INFO,
        "certificate of indefinite length",
        "certificate.malformed",
        lambda: shown_with([b"\x30\x80" + own()[4:] + b"\0\0"]),
    ),
    *(
        Attack(UNSIGNED, f"words before {before}", "signature.text", _words(before))
        for before in (
            "<SignedInfo>",
            "<SignatureMethod",
            "<Reference",
            "<DigestMethod",
            "<KeyInfo>",
            "<X509Data>",
            "<X509Certificate>",
            "</Signature>",
            "</KeyInfo>",
        )
    ),
    Attack(
        UNSIGNED,
        "no-break space in the signature",
        "signature.text",
        lambda: entry(signature=edit("<SignedInfo>", "\u00a0<SignedInfo>")),
    ),
    Attack(
        UNSIGNED,
        "line separator in the signature",
        "signature.text",
        lambda: entry(signature=edit("<SignedInfo>", "\u2028<SignedInfo>")),
    ),
    Attack(
        UNSIGNED,
        "foreign element in the signature",
        "signature.child",
        lambda: entry(signature=edit("</Signature>", '<x xmlns="urn:x">words</x></Signature>')),
    ),
    Attack(
        UNSIGNED,
        "element in the signature value",
        "signature.child",
        lambda: entry(signature=edit("</SignatureValue>", "<x/></SignatureValue>")),
    ),
    Attack(
        UNSIGNED,
        "element in the certificate",
        "signature.child",
        lambda: entry(signature=edit("</X509Certificate>", "<x/></X509Certificate>")),
    ),
    Attack(
        UNSIGNED,
        "attribute of the signature",
        "signature.attribute",
        lambda: entry(signature=edit("<Signature ", '<Signature words="unsigned" ')),
    ),
    Attack(
        UNSIGNED,
        "xml:base of the signature",
        "signature.attribute",
        lambda: entry(signature=edit("<Signature ", '<Signature xml:base="http://example.org/" ')),
    ),
    Attack(
        UNSIGNED,
        "xml:lang of SignedInfo",
        "signature.attribute",
        lambda: entry(signature=edit("<SignedInfo>", '<SignedInfo xml:lang="en">')),
    ),
    Attack(
        UNSIGNED,
        "attribute of the certificate",
        "signature.attribute",
        lambda: entry(signature=edit("<X509Certificate>", '<X509Certificate words="unsigned">')),
    ),
    Attack(
        UNSIGNED,
        "Encoding of the digest",
        "signature.attribute",
        lambda: entry(signature=edit("<DigestValue>", '<DigestValue Encoding="hex">')),
    ),
    Attack(
        UNSIGNED,
        "Id in another namespace",
        "signature.attribute",
        lambda: entry(signature=edit("<KeyInfo>", '<KeyInfo xmlns:x="urn:x" x:Id="k">')),
    ),
    *(Attack(UNSIGNED, name, "parse.comment-in-value", _after(*change)) for name, change in _REMARKS.items()),
    Attack(
        UNSIGNED, "instruction outside the root", "parse.outside-root", _after("<rdf:RDF", "<?x y?><rdf:RDF")
    ),
    Attack(
        UNSIGNED,
        "style sheet outside the root",
        "parse.outside-root",
        _after("<rdf:RDF", '<?xml-stylesheet href="http://example.org/evil.xsl"?><rdf:RDF'),
    ),
]


def _forged_leaf() -> bytes:
    """A certificate with the victim's names and the attacker's key, signed with neither's."""
    attacker = _attacker()
    forged = certificate(lambda inner: make_identity().certificate.signature, spki(attacker.key))
    return shown_with([forged, own()], attacker.key)
