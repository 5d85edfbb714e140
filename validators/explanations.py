"""What each rule is for and how to mend a document that breaks it, by the rule's code.

The refusal itself says which element, what was found and what was expected;
this says why that matters and what to do, for people who did not write the
format's software.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_SIGN_AGAIN = "Sign the document again with `marketplace sign`, which writes this part as it must be."
_NEVER_EDIT = "Never edit a file after it is signed: change the draft and sign that."
_KEY = "Use an RSA key of at least 2048 bits, or ECDSA with P-256, P-384 or P-521."
_CERTIFICATE = (
    "Make a key and certificate that sign here with `marketplace keygen --email ME --cert FILE --key FILE`, "
    "or ask whoever issued yours for one that is made for signing."
)
EXPLANATIONS: Mapping[str, str] = MappingProxyType(
    {
        # Step 1.
        "parse.encoding": (
            "Everybody must read the same characters from the same bytes. Save the draft as UTF-8, "
            "without another encoding in its first line, and sign it again."
        ),
        "parse.version": 'The first line may only say version="1.0". Correct it in the draft and sign again.',
        "parse.doctype": (
            "A DOCTYPE can change what a document means, or fetch from elsewhere. Take it out of the "
            "draft and sign again."
        ),
        "parse.not-well-formed": (
            "The file is no XML, or it was cut or altered on its way. Send the file just as the "
            "signer wrote it; `xmllint --noout FILE` shows the place."
        ),
        "parse.outside-root": (
            "Only white space and comments may stand around rdf:RDF. Take the rest out of the draft "
            "and sign again."
        ),
        "parse.relative-namespace": (
            "A namespace must be a whole address, such as http://example.org/terms#. Correct it in "
            "the draft and sign again."
        ),
        "parse.ambiguous": (
            "Two programs would read different things from this file, so a signature over it proves "
            "nothing. Write the draft in plain XML and sign again."
        ),
        "parse.comment-in-value": (
            "A comment inside a value lets two programs read two values. Take it out of the draft and "
            "sign again."
        ),
        "limit.size": (
            "Shorten descriptions and extensions in the draft; what is large belongs on a web page "
            "that the entry links to."
        ),
        "limit.depth": "Flatten the extensions in the draft: elements may be nested 32 deep.",
        "limit.elements": "Leave elements out of the draft: an entry may have 2 000.",
        "limit.attributes": "Leave attributes out of the draft: an element may have 64.",
        "limit.namespaces": "Declare namespaces once, on rdf:RDF: a document may declare 64.",
        "limit.comments": (
            "Take comments and processing instructions out of the draft: a document may have 2 000."
        ),
        "limit.text": "Shorten the text in the draft: one value may have 65 536 characters.",
        "limit.name": "Shorten the name in the draft: names may have 256 characters.",
        # Step 2.
        "signature.count": (
            "The file carries no signature yet, or several. Upload the file that `marketplace sign` "
            "wrote, not the draft."
        ),
        "signature.place": f"The signature must be a child of rdf:RDF, beside the description. {_SIGN_AGAIN}",
        "signature.child": f"The signature may hold nothing but its own four parts. {_SIGN_AGAIN}",
        "signature.attribute": f"Attributes in a signature can change what it covers. {_SIGN_AGAIN}",
        "signature.text": f"Nothing unsigned may hide inside the signature. {_SIGN_AGAIN}",
        "signature.reference": f"The signature must cover the whole document and nothing less. {_SIGN_AGAIN}",
        "signature.transform": f"Other transforms could sign less than what is shown. {_SIGN_AGAIN}",
        "signature.canonicalization": f"The document must be put into one of the agreed forms. {_SIGN_AGAIN}",
        "signature.base64": (
            "The signature was damaged, most often by a program that reformatted the file. Send the "
            "file just as the signer wrote it."
        ),
        "signature.key-info": (
            f"The signature must bring the signer's certificate and nothing else. {_SIGN_AGAIN}"
        ),
        "signature.certificates": (
            f"The signer's certificate must be in the file, with at most four above it. {_SIGN_AGAIN}"
        ),
        # Step 3.
        "certificate.malformed": (
            "The certificate in the file cannot be read: it was damaged, or made by a faulty program. "
            f"{_CERTIFICATE}"
        ),
        "certificate.self-signature": (
            "A certificate that names itself as its issuer must be signed by its own key. This one "
            "was altered; make a new one."
        ),
        "certificate.ca": (
            "A key that issues certificates must not sign entries; `openssl req -x509` makes such "
            f"certificates unless told otherwise. {_CERTIFICATE}"
        ),
        "certificate.key-usage": f"The certificate says that its key is not for signing. {_CERTIFICATE}",
        "certificate.key-type": f"{_KEY} A key for RSASSA-PSS alone does not do. {_CERTIFICATE}",
        "certificate.key-size": f"{_KEY} {_CERTIFICATE}",
        "signature.algorithm": f"Use RSA or ECDSA with SHA-256 or better. {_SIGN_AGAIN}",
        "signature.digest-algorithm": f"Use SHA-256 or better. {_SIGN_AGAIN}",
        "signature.key-mismatch": (
            f"The signature says it was made with another kind of key than the certificate has. {_SIGN_AGAIN}"
        ),
        "signature.canonical-form": (
            "The document uses XML that has no agreed form to sign. Simplify the draft and sign again."
        ),
        "signature.digest": f"The content was changed after it was signed. {_NEVER_EDIT}",
        "signature.value": (
            "Another key made this signature, or the signature was changed. Check that key and "
            f"certificate belong together. {_NEVER_EDIT}"
        ),
        # Step 4.
        "shape.root": (
            "The document must be one rdf:RDF element. Start from the draft that `marketplace demo` "
            "writes, or from an entry that was accepted."
        ),
        "shape.base": (
            'rdf:RDF needs xml:base="http://mp.stratuslab.eu/". Correct it in the draft and sign again.'
        ),
        "shape.description": (
            "One document describes one image: exactly one rdf:Description. Correct the draft and sign again."
        ),
        "shape.count": "Add the missing element to the draft, or take the surplus one out, and sign again.",
        "shape.element": (
            "An element is in a place where none is allowed. Further elements go directly into "
            "rdf:Description, in a namespace of their own."
        ),
        "shape.attribute": (
            "Known elements carry no attributes but xml:lang. Take it out of the draft and sign again."
        ),
        "shape.text": ("Text between elements is not allowed. Remove it of the draft and sign again."),
        "shape.parse-type": (
            'An element with parts needs rdf:parseType="Resource". Add it in the draft and sign again.'
        ),
        "identifier.about": "rdf:about must be # and the identifier. Correct the draft and sign again.",
        "identifier.syntax": (
            "The identifier is computed from the image's SHA-1, not chosen: 27 characters of A-Z a-z "
            "0-9 - and _."
        ),
        "bytes.syntax": (
            "Give the size of the uncompressed image in bytes, in plain digits: no units, no separators."
        ),
        "checksum.algorithm": "Use MD5, SHA-1, SHA-256, SHA-384 or SHA-512, spelled so.",
        "checksum.value": (
            "Give the checksum in hexadecimal digits, all of them, as sha256sum and similar "
            "commands print it."
        ),
        "checksum.sha1": (
            "The identifier is made of the SHA-1, so there must be exactly one. Add it in the draft "
            "and sign again."
        ),
        "checksum.identifier": (
            "Identifier and SHA-1 are about two different images. Compute both from the same file."
        ),
        "endorsement.created": "Give the time as 2024-05-01T12:00:00Z: in UTC, to the second.",
        "endorser.email-syntax": "Give one plain address, such as jane@example.org.",
        "valid.syntax": (
            "Give the time as 2024-05-01T12:00:00Z: in UTC, to the second. An entry with no expiry "
            "date leaves the element out."
        ),
        "port.range": "Ports are numbers from 0 to 65535, one to an element.",
        "icmp.range": "ICMP types are numbers from 0 to 255, one to an element.",
        "extension.element": (
            "An extension may not hold elements that describe an image: it could speak for somebody "
            "else's. Use names of your own namespace."
        ),
        "extension.attribute": (
            "Write statements of an extension as elements; attributes may only be xml:lang, "
            "rdf:datatype, rdf:resource and rdf:parseType."
        ),
        "extension.parse-type": "rdf:parseType may be Resource or Literal.",
        # Step 5.
        "endorser.subject": (
            f"The entry must name its signer as the certificate does, letter by letter. {_SIGN_AGAIN}"
        ),
        "endorser.issuer": (
            f"The entry must name the certificate's issuer as the certificate does. {_SIGN_AGAIN}"
        ),
        "endorser.email": (
            "Where the certificate holds an address, the entry must use exactly that one. Sign again "
            "without giving another."
        ),
        # Step 6.
        "rdf.syntax": (
            "The content is XML but no RDF. Start from an entry that was accepted, and change it step "
            "by step."
        ),
        "rdf.subject": (
            "An entry speaks about its own image only. Remove statements about anything else from "
            "the draft and sign again."
        ),
        # Step 8.
        "gate.legacy": (
            "SHA-1 and 1024-bit keys can be forged today. Sign again with RSA of 2048 bits or ECDSA, "
            "and SHA-256: `marketplace sign` does."
        ),
        "gate.certificate-expired": ("Renew your certificate and sign again: the old one has expired."),
        "gate.certificate-not-yet-valid": (
            "Wait until the certificate is valid, or check the clock of the machine that made it. Five "
            "minutes ahead are allowed."
        ),
        "gate.expired": (
            "The entry expires before its creation time, so nobody would find it, and it would "
            "replace one that is still valid. Sign again with a later dcterms:valid, or without it. "
            "To withdraw the image, deprecate it: that is accepted with any date."
        ),
        "gate.older-than-latest": (
            "You have endorsed this image at a later time already, with the same key or with another "
            "certificate that this site trusts, and the later entry counts. Sign again now."
        ),
        "gate.certificate-revoked": (
            "The issuer revoked the certificate, most often because the key was lost or stolen. Get "
            "a new certificate and sign with that; it can also deprecate older entries of the same "
            "address."
        ),
        "gate.chain-required": (
            "This site accepts uploads only of endorsers whose certificate leads to an authority it trusts. "
            "Sign with such a certificate, with those between it and the authority's, or ask the operator."
        ),
        "gate.revocation-unknown": (
            "The site has no current revocation list of your certificate's issuer. Its operator has "
            "to fix that; try again later."
        ),
        "gate.path-out-of-date": (
            "Your certificate, or an authority's above it, is not valid now. Ask the authority for a new one."
        ),
        "gate.not-on-allow-list": (
            "This site accepts uploads only of the endorsers on its list. Ask the operator to add the name "
            "in your certificate."
        ),
        "gate.not-shown": (
            "This site shows only entries of certain endorsers, tags or standings, and yours is none of "
            "them: nobody could see it here. Upload it to another marketplace, or ask the operator."
        ),
        "gate.created-in-future": "Set the clock of the signing machine and sign again.",
        "conflict.coordinates": (
            "You have signed another entry about this image with the same time. Nothing is ever "
            "replaced: sign again with a later time."
        ),
    }
)


def explained(code: str | None) -> str | None:
    """The explanation of a rule; None where the code is no rule about an entry."""
    return EXPLANATIONS.get(code) if code else None
