"""Why an entry is refused: one tree, one class and one stable code per rule."""

from __future__ import annotations

from typing import ClassVar, Self

_SHOWN = 120
_LONGEST = 600


class RefusedError(Exception):
    """An entry breaks a rule of acceptance.

    Args:
        element: the element (or attribute, or part) the rule is about, as a
            prefixed name or path a publisher recognises.
        found: what stands there, as written; shortened and escaped for display.
        expected: what the rule wants, as a phrase.
    """

    #: Stable, machine-readable name of the rule, e.g. ``signature.digest``.
    code: ClassVar[str] = "refused"
    #: The step of FORMAT's checks the rule belongs to; acceptance is steps 1-6.
    step: ClassVar[int] = 0

    def __init__(self, element: str, found: object, expected: str) -> None:
        # These two hold names from documents and certificates as well: as hostile as any value.
        self.element = _escaped(element[:_LONGEST])
        self.found = shown(found)
        self.expected = _escaped(expected[:_LONGEST])
        super().__init__(self.message)

    @property
    def message(self) -> str:
        """One sentence that names the element, what was found and what was expected."""
        return f"{self.element}: found {self.found}, expected {self.expected}"

    def released(self) -> Self:
        """This error without its traceback and its causes.

        Frames hold the document and its tree, which is megabytes that the garbage collector of Python
        does not count. Whoever keeps an error, or has it in a cycle, would keep those too.
        """
        self.__cause__ = self.__context__ = None
        return self.with_traceback(None)


def shown(value: object) -> str:
    """Make hostile text safe for one line of a message: nothing invisible, bounded length."""
    if not isinstance(value, str):
        return str(value)
    return f"'{_escaped(value[:_SHOWN])}'" + ("..." if len(value) > _SHOWN else "")


def _escaped(text: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


class ParseStepError(RefusedError):
    """Step 1: the bytes cannot be parsed safely."""

    code = "parse"
    step = 1


class EncodingError(ParseStepError):
    """The bytes are not UTF-8, or declare to be something else."""

    code = "parse.encoding"


class VersionError(ParseStepError):
    """The XML declaration asks for another version than 1.0."""

    code = "parse.version"


class DoctypeError(ParseStepError):
    """The document has a DOCTYPE."""

    code = "parse.doctype"


class NotWellFormedError(ParseStepError):
    """The bytes are not a namespace-well-formed XML document."""

    code = "parse.not-well-formed"


class OutsideRootError(ParseStepError):
    """Something other than white space and comments stands outside the root."""

    code = "parse.outside-root"


class NamespaceUriError(ParseStepError):
    """A namespace name is a relative URI, which canonicalisation cannot handle."""

    code = "parse.relative-namespace"


class AmbiguousParseError(ParseStepError):
    """Two XML parsers read different documents from the same bytes."""

    code = "parse.ambiguous"


class CommentInValueError(ParseStepError):
    """A comment or processing instruction stands where a value is read."""

    code = "parse.comment-in-value"


class LimitError(ParseStepError):
    """The document exceeds a size that makes work for the marketplace."""

    code = "limit"


class SizeLimitError(LimitError):
    """More bytes than an entry may have."""

    code = "limit.size"


class DepthLimitError(LimitError):
    """Elements are nested too deep."""

    code = "limit.depth"


class ElementLimitError(LimitError):
    """Too many elements."""

    code = "limit.elements"


class AttributeLimitError(LimitError):
    """Too many attributes on one element."""

    code = "limit.attributes"


class NamespaceLimitError(LimitError):
    """Too many namespace declarations."""

    code = "limit.namespaces"


class CommentLimitError(LimitError):
    """Too many comments and processing instructions."""

    code = "limit.comments"


class TextLimitError(LimitError):
    """A text or attribute value is too long."""

    code = "limit.text"


class NameLimitError(LimitError):
    """A name is too long."""

    code = "limit.name"


class SignatureShapeError(RefusedError):
    """Step 2: the signature does not have the shape of the format."""

    code = "signature"
    step = 2


class SignatureCountError(SignatureShapeError):
    """The document has no signature, or several."""

    code = "signature.count"


class SignaturePlaceError(SignatureShapeError):
    """The signature is not a child of the root."""

    code = "signature.place"


class SignatureChildError(SignatureShapeError):
    """An element of the signature is missing, unknown, repeated or out of order."""

    code = "signature.child"


class SignatureAttributeError(SignatureShapeError):
    """An element of the signature has an attribute it may not have."""

    code = "signature.attribute"


class SignatureTextError(SignatureShapeError):
    """Text stands between the elements of the signature."""

    code = "signature.text"


class ReferenceShapeError(SignatureShapeError):
    """The signature does not refer to the whole document."""

    code = "signature.reference"


class TransformError(SignatureShapeError):
    """The signed content is made by other transforms than the ones of the format."""

    code = "signature.transform"


class CanonicalizationError(SignatureShapeError):
    """SignedInfo names an unknown canonicalisation."""

    code = "signature.canonicalization"


class Base64Error(SignatureShapeError):
    """A value in the signature is not strict base64."""

    code = "signature.base64"


class KeyInfoError(SignatureShapeError):
    """KeyInfo holds something other than one X509Data and a KeyValue."""

    code = "signature.key-info"


class CertificateCountError(SignatureShapeError):
    """X509Data holds no certificate, or too many."""

    code = "signature.certificates"


class SignatureStepError(RefusedError):
    """Step 3: the signature does not hold."""

    code = "verification"
    step = 3


class CertificateMalformedError(SignatureStepError):
    """A certificate cannot be read."""

    code = "certificate.malformed"


class SelfSignatureError(SignatureStepError):
    """A certificate that names itself as its issuer was not signed with its own key."""

    code = "certificate.self-signature"


class CertificateAuthorityError(SignatureStepError):
    """The signer's certificate is for issuing certificates."""

    code = "certificate.ca"


class KeyUsageError(SignatureStepError):
    """The signer's certificate forbids signing documents."""

    code = "certificate.key-usage"


class KeyTypeError(SignatureStepError):
    """The certificate's key is of a kind that signs no entries."""

    code = "certificate.key-type"


class KeySizeError(SignatureStepError):
    """The certificate's key is too short."""

    code = "certificate.key-size"


class SignatureAlgorithmError(SignatureStepError):
    """The signature algorithm is not one of the format's."""

    code = "signature.algorithm"


class DigestAlgorithmError(SignatureStepError):
    """The digest algorithm is not one of the format's."""

    code = "signature.digest-algorithm"


class KeyMismatchError(SignatureStepError):
    """The signature algorithm does not go with the certificate's key."""

    code = "signature.key-mismatch"


class CanonicalFormError(SignatureStepError):
    """The document has no canonical form."""

    code = "signature.canonical-form"


class DigestError(SignatureStepError):
    """The content is not what was signed."""

    code = "signature.digest"


class SignatureValueError(SignatureStepError):
    """The signature was not made by the certificate's key."""

    code = "signature.value"


class ConstraintError(RefusedError):
    """Step 4: the content breaks the shape or a constraint."""

    code = "constraint"
    step = 4


class RootError(ConstraintError):
    """The document's root is not rdf:RDF, or carries something it may not."""

    code = "shape.root"


class BaseError(ConstraintError):
    """The root's xml:base is missing or another one."""

    code = "shape.base"


class DescriptionCountError(ConstraintError):
    """The root does not hold exactly one rdf:Description."""

    code = "shape.description"


class ElementCountError(ConstraintError):
    """A required element is missing, or one occurs too often."""

    code = "shape.count"


class UnexpectedElementError(ConstraintError):
    """An element stands where the format has none."""

    code = "shape.element"


class UnexpectedAttributeError(ConstraintError):
    """An element carries an attribute it may not have."""

    code = "shape.attribute"


class UnexpectedTextError(ConstraintError):
    """Text stands between elements."""

    code = "shape.text"


class ParseTypeError(ConstraintError):
    """An element with children lacks its rdf:parseType, or has another one."""

    code = "shape.parse-type"


class AboutError(ConstraintError):
    """rdf:about and dcterms:identifier differ."""

    code = "identifier.about"


class IdentifierError(ConstraintError):
    """The identifier is not 27 characters of its alphabet."""

    code = "identifier.syntax"


class BytesError(ConstraintError):
    """The size is not a number of 63 bits in ASCII digits."""

    code = "bytes.syntax"


class ChecksumAlgorithmError(ConstraintError):
    """The checksum's algorithm is not one of the format's."""

    code = "checksum.algorithm"


class ChecksumValueError(ConstraintError):
    """The checksum's value is not hexadecimal of its algorithm's length."""

    code = "checksum.value"


class Sha1CountError(ConstraintError):
    """There is not exactly one SHA-1 checksum."""

    code = "checksum.sha1"


class Sha1IdentifierError(ConstraintError):
    """The SHA-1 checksum is not the one that the identifier stands for."""

    code = "checksum.identifier"


class CreatedError(ConstraintError):
    """The endorsement's time is not an exact UTC second."""

    code = "endorsement.created"


class EmailError(ConstraintError):
    """The endorser's e-mail address is malformed."""

    code = "endorser.email-syntax"


class ValidError(ConstraintError):
    """The expiry is not an exact UTC second."""

    code = "valid.syntax"


class PortError(ConstraintError):
    """A port is not a number from 0 to 65535."""

    code = "port.range"


class IcmpError(ConstraintError):
    """An ICMP type is not a number from 0 to 255."""

    code = "icmp.range"


class ExtensionElementError(ConstraintError):
    """An extension holds an element of the reserved vocabulary."""

    code = "extension.element"


class ExtensionAttributeError(ConstraintError):
    """An extension carries an attribute that makes statements."""

    code = "extension.attribute"


class ExtensionParseTypeError(ConstraintError):
    """An extension has an rdf:parseType other than Resource or Literal."""

    code = "extension.parse-type"


class IdentityError(RefusedError):
    """Step 5: the endorser is not the certificate's holder."""

    code = "endorser"
    step = 5


class SubjectError(IdentityError):
    """slreq:subject is not the certificate's subject."""

    code = "endorser.subject"


class IssuerError(IdentityError):
    """slreq:issuer is not the certificate's issuer."""

    code = "endorser.issuer"


class EmailBindingError(IdentityError):
    """slreq:email is not the certificate's first e-mail address."""

    code = "endorser.email"


class RdfError(RefusedError):
    """Step 6: the content is not RDF."""

    code = "rdf"
    step = 6


class RdfSyntaxError(RdfError):
    """The document without its signature is not RDF/XML."""

    code = "rdf.syntax"


class CreatedAheadError(RefusedError):
    """Step 8, which acceptance leaves to whoever has a clock: the entry was made in the future."""

    code = "gate.created-in-future"
    step = 8
