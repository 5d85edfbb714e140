"""What each rule is for and how to mend a document that breaks it, by the rule's code.

The refusal itself says which element, what was found and what was expected;
this says why that matters and what to do, for people who did not write the
format's software.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_SIGN_AGAIN = "Sign the document again with `marketplace sign`: it writes this part correctly."
_NEVER_EDIT = "Never edit a file after it is signed: change the draft and sign that."
_KEY = "Use an RSA key of at least 2048 bits, or ECDSA with P-256, P-384 or P-521."
_CERTIFICATE = (
    "Make a key and certificate that sign here with `marketplace keygen --email ME --cert FILE --key FILE`, "
    "or ask the authority that issued yours for one that is made for signing."
)
EXPLANATIONS: Mapping[str, str] = MappingProxyType(
    {
        # Step 1.
        "parse.encoding": (
            "The file must be UTF-8. Save the draft as UTF-8, with no other encoding in its first line, "
            "and sign it again."
        ),
        "parse.version": 'The first line may only say version="1.0". Correct it in the draft and sign again.',
        "parse.doctype": (
            "A DOCTYPE can change what a document means, or load other files. Remove it from the draft and "
            "sign again."
        ),
        "parse.not-well-formed": (
            "The file is not XML, or it was cut or altered on its way. Send exactly the file that the "
            "signer wrote; `xmllint --noout FILE` shows the place."
        ),
        "parse.outside-root": (
            "Only white space and comments are allowed outside rdf:RDF. Remove the rest from the draft and "
            "sign again."
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
            "Two programs may read a value with a comment inside differently. Remove the comment from the "
            "draft and sign again."
        ),
        "limit.size": (
            "Shorten descriptions and extensions in the draft; put long texts on a web page and link to it."
        ),
        "limit.depth": "Flatten the extensions in the draft: elements may be nested at most 32 deep.",
        "limit.elements": "Remove elements from the draft: an entry may have at most 2 000.",
        "limit.attributes": "Remove attributes from the draft: an element may have at most 64.",
        "limit.namespaces": "Declare namespaces once, on rdf:RDF: a document may declare at most 64.",
        "limit.comments": (
            "Remove comments and processing instructions from the draft: a document may have at most 2 000."
        ),
        "limit.text": "Shorten the text in the draft: one value may have at most 65 536 characters.",
        "limit.name": "Shorten the name in the draft: a name may have at most 256 characters.",
        # Step 2.
        "signature.count": (
            "The file has no signature, or more than one. Upload the file that `marketplace sign` "
            "wrote, not the draft."
        ),
        "signature.place": f"The signature must be a child of rdf:RDF, beside the description. {_SIGN_AGAIN}",
        "signature.child": f"The signature may contain only the four elements of the format. {_SIGN_AGAIN}",
        "signature.attribute": f"Attributes in a signature can change what it covers. {_SIGN_AGAIN}",
        "signature.text": "The signature must not contain text or elements that it does not sign. "
        f"{_SIGN_AGAIN}",
        "signature.reference": f"The signature must cover the whole document. {_SIGN_AGAIN}",
        "signature.transform": f"Other transforms could sign less than what is shown. {_SIGN_AGAIN}",
        "signature.canonicalization": "The signature must name one of the allowed canonicalisation "
        f"methods. {_SIGN_AGAIN}",
        "signature.base64": (
            "The signature was damaged, most often by a program that reformatted the file. Send exactly "
            "the file that the signer wrote."
        ),
        "signature.key-info": (
            f"The signature must contain the signer's certificate and nothing else. {_SIGN_AGAIN}"
        ),
        "signature.certificates": (
            "The file must contain the signer's certificate and at most four issuer certificates. "
            f"{_SIGN_AGAIN}"
        ),
        # Step 3.
        "certificate.malformed": (
            "The certificate in the file cannot be read: it was damaged, or made by a faulty program. "
            f"{_CERTIFICATE}"
        ),
        "certificate.self-signature": (
            "A certificate that names itself as its issuer must be signed by its own key. This certificate "
            "was altered; make a new one."
        ),
        "certificate.ca": (
            "The key of a certificate authority must not sign entries; `openssl req -x509` makes such "
            f"certificates by default. {_CERTIFICATE}"
        ),
        "certificate.key-usage": f"The certificate says that its key is not for signing. {_CERTIFICATE}",
        "certificate.key-type": f"{_KEY} A key restricted to RSASSA-PSS is not accepted. {_CERTIFICATE}",
        "certificate.key-size": f"{_KEY} {_CERTIFICATE}",
        "signature.algorithm": f"Use RSA or ECDSA with SHA-256 or better. {_SIGN_AGAIN}",
        "signature.digest-algorithm": f"Use SHA-256 or better. {_SIGN_AGAIN}",
        "signature.key-mismatch": (
            f"The signature names another kind of key than the certificate has. {_SIGN_AGAIN}"
        ),
        "signature.canonical-form": (
            "This XML cannot be put into canonical form, so it cannot be signed. Simplify the draft and "
            "sign again."
        ),
        "signature.digest": f"The content was changed after it was signed. {_NEVER_EDIT}",
        "signature.value": (
            "Another key made this signature, or the signature was changed. Check that key and "
            f"certificate belong together. {_NEVER_EDIT}"
        ),
        # Step 4.
        "shape.root": (
            "The document must be one rdf:RDF element. Start from the draft that `marketplace demo` "
            "writes, or from an accepted entry."
        ),
        "shape.base": (
            'rdf:RDF needs xml:base="http://mp.stratuslab.eu/". Correct it in the draft and sign again.'
        ),
        "shape.description": (
            "One document describes one image: exactly one rdf:Description. Correct the draft and sign again."
        ),
        "shape.count": "Add the missing element to the draft, or remove the surplus one, and sign again.",
        "shape.element": (
            "An element is not allowed in this place. Put additional elements directly into "
            "rdf:Description, in your own namespace."
        ),
        "shape.attribute": (
            "The format's elements allow no attribute except xml:lang. Remove the attribute from the draft "
            "and sign again."
        ),
        "shape.text": (
            "Text between elements is not allowed. Remove the text from the draft and sign again."
        ),
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
        "checksum.algorithm": "Use MD5, SHA-1, SHA-256, SHA-384 or SHA-512, spelled exactly so.",
        "checksum.value": (
            "Give all hexadecimal digits of the checksum, as sha256sum and similar commands print them."
        ),
        "checksum.sha1": (
            "The identifier is computed from the SHA-1, so there must be exactly one SHA-1. Add it to the "
            "draft and sign again."
        ),
        "checksum.identifier": (
            "Identifier and SHA-1 are about two different images. Compute both from the same file."
        ),
        "endorsement.created": "Give the time as 2024-05-01T12:00:00Z: in UTC, to the second.",
        "endorser.email-syntax": "Give one plain address, such as jane@example.org.",
        "valid.syntax": (
            "Give the time as 2024-05-01T12:00:00Z: in UTC, to the second. Leave the element out for no "
            "expiry date."
        ),
        "port.range": "Ports are numbers from 0 to 65535, one to an element.",
        "icmp.range": "ICMP types are numbers from 0 to 255, one to an element.",
        "extension.element": (
            "An extension must not contain the format's own elements: it could describe another image. Use "
            "names of your own namespace."
        ),
        "extension.attribute": (
            "Write the values of an extension as elements; attributes may only be xml:lang, "
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
            "When the certificate contains an address, the entry must use exactly that address. Sign again "
            "without another address."
        ),
        # Step 6.
        "rdf.syntax": (
            "The content is XML but not RDF. Start from an accepted entry and change it step by step."
        ),
        # Step 8.
        "gate.legacy": (
            "SHA-1 and 1024-bit keys can be forged today. Sign again with RSA of 2048 bits or ECDSA, "
            "and SHA-256: `marketplace sign` does."
        ),
        "gate.certificate-expired": (
            "Renew your certificate and sign again: the old certificate has expired."
        ),
        "gate.certificate-not-yet-valid": (
            "Wait until the certificate is valid, or check the clock of the machine that made it. The "
            "clock may be up to five minutes ahead."
        ),
        "gate.expired": (
            "The entry expires before its creation time, so nobody would find it, and it would "
            "replace one that is still valid. Sign again with a later dcterms:valid, or without it. "
            "To withdraw the image, deprecate it: that is accepted with any date."
        ),
        "gate.older-than-latest": (
            "You have already signed an entry about this image with a later time, with this key or with "
            "another certificate that this site trusts. The later entry counts. Sign again now."
        ),
        "gate.certificate-revoked": (
            "The issuer revoked the certificate, most often because the key was lost or stolen. Get "
            "a new certificate and sign with that; it can also deprecate older entries of the same "
            "address."
        ),
        "gate.chain-required": (
            "This site accepts only uploads signed with a certificate of an authority that it trusts. Sign "
            "with such a certificate and include the intermediate certificates, or ask the operator."
        ),
        "gate.revocation-unknown": (
            "The site has no current revocation list of your certificate's issuer. Tell the operator, and "
            "try again later."
        ),
        "gate.path-out-of-date": (
            "Your certificate, or a certificate of its issuers, is not valid now. Ask the authority for a "
            "new one."
        ),
        "gate.not-on-allow-list": (
            "This site accepts uploads only of the endorsers on its list. Ask the operator to add the "
            "subject of your certificate."
        ),
        "gate.not-shown": (
            "This site shows only entries of certain endorsers, tags or trust levels, and would not show "
            "this entry. Upload it to another marketplace, or ask the operator."
        ),
        "gate.created-in-future": "Set the clock of the signing machine and sign again.",
        "conflict.coordinates": (
            "You have signed another entry about this image with the same time. An entry is never "
            "replaced: sign again with a later time."
        ),
    }
)


def explained(code: str | None) -> str | None:
    """The explanation of a rule; None where the code is no rule about an entry."""
    return EXPLANATIONS.get(code) if code else None
