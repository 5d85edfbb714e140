"""Why an entry is refused: one tree, one class and one stable code per rule.

A row each, in the order of the checks. ``explanations`` says what to do about each code; the description of
the API and the tests of the documentation read the codes from here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Self

from validators.coded_error import CodedError

_SHOWN = 120
_LONGEST = 600


class RefusedError(CodedError, code="refused"):
    """An entry breaks a rule of acceptance.

    Args:
        element: the element (or attribute, or part) the rule is about, as a
            prefixed name or path a publisher recognises.
        found: what stands there, as written; shortened and escaped for display.
        expected: what the rule wants, as a phrase.
    """

    #: The step of FORMAT's checks the rule belongs to; acceptance is steps 1-6.
    step: ClassVar[int] = 0

    def __init_subclass__(cls, *, code: str, step: int | None = None) -> None:
        super().__init_subclass__(code=code)
        if step is not None:
            cls.step = step

    def __init__(self, element: str, found: object, expected: str) -> None:
        # These two hold names from documents and certificates as well: as hostile as any value.
        self.element = _escaped(element[:_LONGEST])
        self.found = printable(found)
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


def codes_of_rules(tree: type[Exception]) -> Iterator[str]:
    """The codes of a tree of errors, in the order of their classes: of those that have no subclasses."""
    below = tree.__subclasses__()
    if not below:
        code: str = tree.code  # type: ignore[attr-defined]  # every class of such a tree has one
        yield code
    for each in below:
        yield from codes_of_rules(each)


def printable(value: object) -> str:
    """Make hostile text safe for one line of a message: nothing invisible, bounded length."""
    if not isinstance(value, str):
        return str(value)
    return f"'{_escaped(value[:_SHOWN])}'" + ("..." if len(value) > _SHOWN else "")


def _escaped(text: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


class ParseStepError(RefusedError, code="parse", step=1):
    """Step 1: the bytes cannot be parsed safely."""


class EncodingError(ParseStepError, code="parse.encoding"):
    """The bytes are not UTF-8, or declare to be something else."""


class VersionError(ParseStepError, code="parse.version"):
    """The XML declaration asks for another version than 1.0."""


class DoctypeError(ParseStepError, code="parse.doctype"):
    """The document has a DOCTYPE."""


class NotWellFormedError(ParseStepError, code="parse.not-well-formed"):
    """The bytes are not a namespace-well-formed XML document."""


class OutsideRootError(ParseStepError, code="parse.outside-root"):
    """Something other than white space and comments stands outside the root."""


class NamespaceUriError(ParseStepError, code="parse.relative-namespace"):
    """A namespace name is a relative URI, which canonicalisation cannot handle."""


class AmbiguousParseError(ParseStepError, code="parse.ambiguous"):
    """Two XML parsers read different documents from the same bytes."""


class CommentInValueError(ParseStepError, code="parse.comment-in-value"):
    """A comment or processing instruction stands where a value is read."""


class LimitError(ParseStepError, code="limit"):
    """The document exceeds a size that makes work for the marketplace."""


class SizeLimitError(LimitError, code="limit.size"):
    """More bytes than an entry may have."""


class DepthLimitError(LimitError, code="limit.depth"):
    """Elements are nested too deep."""


class ElementLimitError(LimitError, code="limit.elements"):
    """Too many elements."""


class AttributeLimitError(LimitError, code="limit.attributes"):
    """Too many attributes on one element."""


class NamespaceLimitError(LimitError, code="limit.namespaces"):
    """Too many namespace declarations."""


class CommentLimitError(LimitError, code="limit.comments"):
    """Too many comments and processing instructions."""


class TextLimitError(LimitError, code="limit.text"):
    """A text or attribute value is too long."""


class NameLimitError(LimitError, code="limit.name"):
    """A name is too long."""


class SignatureShapeError(RefusedError, code="signature", step=2):
    """Step 2: the signature does not have the shape of the format."""


class SignatureCountError(SignatureShapeError, code="signature.count"):
    """The document has no signature, or several."""


class SignaturePositionError(SignatureShapeError, code="signature.place"):
    """The signature is not a child of the root."""


class SignatureChildError(SignatureShapeError, code="signature.child"):
    """An element of the signature is missing, unknown, repeated or out of order."""


class SignatureAttributeError(SignatureShapeError, code="signature.attribute"):
    """An element of the signature has an attribute it may not have."""


class SignatureTextError(SignatureShapeError, code="signature.text"):
    """Text stands between the elements of the signature."""


class ReferenceShapeError(SignatureShapeError, code="signature.reference"):
    """The signature does not refer to the whole document."""


class TransformError(SignatureShapeError, code="signature.transform"):
    """The signed content is made by other transforms than the ones of the format."""


class CanonicalizationError(SignatureShapeError, code="signature.canonicalization"):
    """SignedInfo names an unknown canonicalisation."""


class Base64Error(SignatureShapeError, code="signature.base64"):
    """A value in the signature is not strict base64."""


class KeyInfoError(SignatureShapeError, code="signature.key-info"):
    """KeyInfo holds something other than one X509Data and a KeyValue."""


class CertificateCountError(SignatureShapeError, code="signature.certificates"):
    """X509Data holds no certificate, or too many."""


class SignatureStepError(RefusedError, code="verification", step=3):
    """Step 3: the signature does not hold."""


class CertificateMalformedError(SignatureStepError, code="certificate.malformed"):
    """A certificate cannot be read."""


class SelfSignatureError(SignatureStepError, code="certificate.self-signature"):
    """A certificate that names itself as its issuer was not signed with its own key."""


class CertificateAuthorityError(SignatureStepError, code="certificate.ca"):
    """The signer's certificate is for issuing certificates."""


class KeyUsageError(SignatureStepError, code="certificate.key-usage"):
    """The signer's certificate forbids signing documents."""


class KeyTypeError(SignatureStepError, code="certificate.key-type"):
    """The certificate's key is of a kind that signs no entries."""


class KeySizeError(SignatureStepError, code="certificate.key-size"):
    """The certificate's key is too short."""


class SignatureAlgorithmError(SignatureStepError, code="signature.algorithm"):
    """The signature algorithm is not one of the format's."""


class DigestAlgorithmError(SignatureStepError, code="signature.digest-algorithm"):
    """The digest algorithm is not one of the format's."""


class KeyMismatchError(SignatureStepError, code="signature.key-mismatch"):
    """The signature algorithm does not go with the certificate's key."""


class CanonicalFormError(SignatureStepError, code="signature.canonical-form"):
    """The document has no canonical form."""


class DigestError(SignatureStepError, code="signature.digest"):
    """The content is not what was signed."""


class SignatureValueError(SignatureStepError, code="signature.value"):
    """The signature was not made by the certificate's key."""


class ConstraintError(RefusedError, code="constraint", step=4):
    """Step 4: the content breaks the shape or a constraint."""


class RootError(ConstraintError, code="shape.root"):
    """The document's root is not rdf:RDF, or carries something it may not."""


class BaseError(ConstraintError, code="shape.base"):
    """The root's xml:base is missing or another one."""


class DescriptionCountError(ConstraintError, code="shape.description"):
    """The root does not hold exactly one rdf:Description."""


class ElementCountError(ConstraintError, code="shape.count"):
    """A required element is missing, or one occurs too often."""


class UnexpectedElementError(ConstraintError, code="shape.element"):
    """An element stands where the format has none."""


class UnexpectedAttributeError(ConstraintError, code="shape.attribute"):
    """An element carries an attribute it may not have."""


class UnexpectedTextError(ConstraintError, code="shape.text"):
    """Text stands between elements."""


class ParseTypeError(ConstraintError, code="shape.parse-type"):
    """An element with children lacks its rdf:parseType, or has another one."""


class AboutError(ConstraintError, code="identifier.about"):
    """rdf:about and dcterms:identifier differ."""


class IdentifierError(ConstraintError, code="identifier.syntax"):
    """The identifier is not 27 characters of its alphabet."""


class BytesError(ConstraintError, code="bytes.syntax"):
    """The size is not a number of 63 bits in ASCII digits."""


class ChecksumAlgorithmError(ConstraintError, code="checksum.algorithm"):
    """The checksum's algorithm is not one of the format's."""


class ChecksumValueError(ConstraintError, code="checksum.value"):
    """The checksum's value is not hexadecimal of its algorithm's length."""


class Sha1CountError(ConstraintError, code="checksum.sha1"):
    """There is not exactly one SHA-1 checksum."""


class Sha1IdentifierError(ConstraintError, code="checksum.identifier"):
    """The SHA-1 checksum is not the one that the identifier stands for."""


class CreatedError(ConstraintError, code="endorsement.created"):
    """The endorsement's time is not an exact UTC second."""


class EmailError(ConstraintError, code="endorser.email-syntax"):
    """The endorser's e-mail address is malformed."""


class ValidError(ConstraintError, code="valid.syntax"):
    """The expiry is not an exact UTC second."""


class PortError(ConstraintError, code="port.range"):
    """A port is not a number from 0 to 65535."""


class IcmpError(ConstraintError, code="icmp.range"):
    """An ICMP type is not a number from 0 to 255."""


class ExtensionElementError(ConstraintError, code="extension.element"):
    """An extension holds an element of the reserved vocabulary."""


class ExtensionAttributeError(ConstraintError, code="extension.attribute"):
    """An extension carries an attribute that makes statements."""


class ExtensionParseTypeError(ConstraintError, code="extension.parse-type"):
    """An extension has an rdf:parseType other than Resource or Literal."""


class IdentityError(RefusedError, code="endorser", step=5):
    """Step 5: the endorser is not the certificate's holder."""


class SubjectError(IdentityError, code="endorser.subject"):
    """slreq:subject is not the certificate's subject."""


class IssuerError(IdentityError, code="endorser.issuer"):
    """slreq:issuer is not the certificate's issuer."""


class EmailBindingError(IdentityError, code="endorser.email"):
    """slreq:email is not the certificate's first e-mail address."""


class RdfError(RefusedError, code="rdf", step=6):
    """Step 6: the content is not RDF."""


class RdfSyntaxError(RdfError, code="rdf.syntax"):
    """The document without its signature is not RDF/XML."""


class CreatedAheadError(RefusedError, code="gate.created-in-future", step=8):
    """Step 8, which acceptance leaves to whoever has a clock: the entry was made in the future."""
