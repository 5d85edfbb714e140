"""Name constraints: which names an authority may certify (RFC 5280, section 4.2.1.10).

Mail addresses and directory names are compared. A constraint on another form of name
refuses every certificate that has a name of that form: it cannot be shown to hold.
"""

from __future__ import annotations

from cryptography import x509

from validators.distinguished import EMAIL_TYPE, Name, name_of_der
from validators.links import Link


def find_name_fault(constraints: x509.NameConstraints, link: Link) -> str | None:
    """How a certificate's names break an authority's constraints; None where they keep them."""
    names = _names(link)
    permitted = list(constraints.permitted_subtrees or ())
    bounded = [*permitted, *(constraints.excluded_subtrees or ())]
    if any(isinstance(one, x509.RFC822Name) for one in bounded):
        for address in _subject_addresses(link):
            if not address.isascii():
                return f"may not be certified: {address!r} cannot be compared with the permitted addresses"
    for excluded in constraints.excluded_subtrees or ():
        for name in names:
            if type(name) is type(excluded) and _lies_within(name, excluded) is not False:
                return f"may not be certified: {_shown(name)} is excluded"
    for name in names:
        bounds = [one for one in permitted if type(one) is type(name)]
        if bounds and not any(_lies_within(name, one) for one in bounds):
            return f"may not be certified: {_shown(name)} is not permitted"
    return None


def _names(link: Link) -> list[x509.GeneralName]:
    subject = [x509.DirectoryName(link.certificate.subject)] if link.subject else []
    # An address in the subject counts like one among the alternative names.
    addresses = [x509.RFC822Name(address) for address in _subject_addresses(link) if address.isascii()]
    return [*subject, *addresses, *link.alternatives]


def _subject_addresses(link: Link) -> list[str]:
    return [value for rdn in link.subject for oid, value in rdn if oid == EMAIL_TYPE]


def _lies_within(name: x509.GeneralName, bound: x509.GeneralName) -> bool | None:
    """Whether a name lies in a subtree; None where this form of name is not compared."""
    if isinstance(name, x509.RFC822Name) and isinstance(bound, x509.RFC822Name):
        return _is_mail_within(name.value, bound.value)
    if isinstance(name, x509.DirectoryName) and isinstance(bound, x509.DirectoryName):
        inner, outer = _directory(name), _directory(bound)
        return inner[: len(outer)] == outer
    return None


def _is_mail_within(address: str, bound: str) -> bool:
    # The local part may depend on its case, but nobody means two people by it.
    address, bound = address.lower(), bound.lower()
    if "@" in bound:
        return address == bound
    host = address.rpartition("@")[2]
    return host.endswith(bound) if bound.startswith(".") else host == bound


def _directory(name: x509.DirectoryName) -> Name:
    return name_of_der(name.value.public_bytes())


def _shown(name: x509.GeneralName) -> str:
    value = name.value
    return value.rfc4514_string() if isinstance(value, x509.Name) else str(value)
