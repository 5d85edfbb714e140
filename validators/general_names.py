"""Names of the kinds that certificates hold (GeneralName of RFC 5280, section 4.2.1.6), as values."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography import x509

from validators.der import der_content, der_elements
from validators.distinguished import Name, name_of_der

MAIL, DIRECTORY = "mail", "directory"
#: EMAIL_TYPE in DER.
_EMAIL_ADDRESS = bytes.fromhex("06092a864886f70d010901")
_IA5_STRING = 0x16
#: An address with other letters than ASCII's (RFC 9598), which constraints on addresses bind as well.
_SMTP_UTF8 = "1.3.6.1.5.5.7.8.9"


@dataclass(frozen=True, slots=True)
class GeneralName:
    """One name.

    Args:
        form: ``MAIL``, ``DIRECTORY``, or the library's word for a form that is not compared here.
        text: for people.
        directory: of a directory name; empty otherwise.
    """

    form: str
    text: str
    directory: Name = ()


def general_name(name: x509.GeneralName) -> GeneralName:
    """A name as the library read it."""
    if isinstance(name, x509.RFC822Name):
        return GeneralName(MAIL, name.value)
    if isinstance(name, x509.DirectoryName):
        value = name_of_der(name.value.public_bytes())
        return GeneralName(DIRECTORY, show_name(value), value)
    if isinstance(name, x509.OtherName) and name.type_id.dotted_string == _SMTP_UTF8:
        return GeneralName(MAIL, der_content(name.value).decode("utf-8", "replace"))
    return GeneralName(type(name).__name__, str(name.value))


def show_name(name: Name) -> str:
    """A folded name for people: most specific part first, types in numbers where they have no keyword."""
    parts = ["+".join(f"{kind}={value}" for kind, value in sorted(rdn)) for rdn in reversed(name)]
    return ",".join(parts).replace("\0", "")


def find_subject_addresses(subject: bytes) -> tuple[str | None, ...]:
    """The emailAddress values of a name (DER), as they are written; None for one that is no IA5String.

    Raises:
        ValueError: the bytes are no name.
    """
    if _EMAIL_ADDRESS not in subject:
        return ()  # most have none
    found: list[str | None] = []
    for rdn in der_elements(subject):
        for attribute in der_elements(rdn):
            kind, value = der_elements(attribute)
            if kind == _EMAIL_ADDRESS:
                content = der_content(value)
                readable = value[0] == _IA5_STRING and content.isascii()
                found.append(content.decode("ascii") if readable else None)
    return tuple(found)
