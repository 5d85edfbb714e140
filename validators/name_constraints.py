"""Name constraints: which names an authority may certify (RFC 5280, section 4.2.1.10).

Mail addresses and directory names are compared. A constraint on another form of name
refuses every certificate that has a name of that form: it cannot be shown to hold.
"""

from __future__ import annotations

import re
from typing import Final

from validators.general_names import DIRECTORY, MAIL, GeneralName
from validators.links import Bounds, Link

#: What can be compared with a mail constraint: one address and nothing around it.
_ADDRESS: Final = re.compile(r"[!-?A-~]+@[!-?A-~]+")


def find_name_fault(bounds: Bounds, link: Link) -> str | None:
    """How a certificate's names break an authority's constraints; None where they keep them."""
    names = _names(link)
    if any(one.form == MAIL for one in (*bounds.permitted, *bounds.excluded)):
        for address in (*link.addresses, *(one.text for one in names if one.form == MAIL)):
            if address is None or not _ADDRESS.fullmatch(address):
                shown = "an address" if address is None else repr(address)
                return (
                    f"may not be certified: {shown} cannot be compared with the addresses of the constraints"
                )
    for excluded in bounds.excluded:
        for name in names:
            if name.form == excluded.form and _is_excluded(name, excluded):
                return f"may not be certified: {name.text} is excluded"
    for name in names:
        permitted = [one for one in bounds.permitted if one.form == name.form]
        if permitted and not any(_is_permitted(name, one) for one in permitted):
            return f"may not be certified: {name.text} is not permitted"
    return None


def _names(link: Link) -> list[GeneralName]:
    subject = [GeneralName(DIRECTORY, link.name, link.subject)] if link.subject else []
    # An address in the subject counts like one among the alternative names.
    addresses = [GeneralName(MAIL, address) for address in link.addresses if address is not None]
    return [*subject, *addresses, *link.alternatives]


def _is_excluded(name: GeneralName, bound: GeneralName) -> bool:
    if name.form == MAIL:
        # Whoever excludes a mailbox means no other one that differs in case alone.
        return _is_mail_within(name.text.lower(), bound.text.lower().removeprefix("@"))
    return name.form != DIRECTORY or _is_directory_within(name, bound)


def _is_permitted(name: GeneralName, bound: GeneralName) -> bool:
    if name.form == MAIL:
        return _is_mail_within(name.text, bound.text)
    return name.form == DIRECTORY and _is_directory_within(name, bound)


def _is_mail_within(address: str, bound: str) -> bool:
    """The local part as it is written, the host in any case."""
    local, _, host = address.rpartition("@")
    bound_local, at, bound_host = bound.rpartition("@")
    host, bound_host = host.lower(), bound_host.lower()
    if at:
        return (local, host) == (bound_local, bound_host)
    return host.endswith(bound_host) if bound_host.startswith(".") else host == bound_host


def _is_directory_within(name: GeneralName, bound: GeneralName) -> bool:
    return name.directory[: len(bound.directory)] == bound.directory
