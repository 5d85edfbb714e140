"""Where revocation lists are to be found, as certificates and the lists themselves say it.

RFC 5280, sections 4.2.1.13 (CRLDistributionPoints) and 5.2.5 (IssuingDistributionPoint).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cryptography import x509

from validators.distinguished import Name, name_of_der
from validators.general_names import DIRECTORY, GeneralName, general_name, show_name


@dataclass(frozen=True, slots=True)
class Point:
    """One distribution point of a certificate.

    Args:
        names: any of them is the point's; none where the point is not named.
        issuers: who publishes its lists; none where that is the certificate's issuer.
        limited: its lists tell of revocations for some reasons only.
    """

    names: frozenset[GeneralName]
    issuers: frozenset[Name]
    limited: bool

    def is_of(self, issuer: Name, own: Name) -> bool:
        """Whether an authority publishes the point's lists.

        Args:
            own: the certificate's issuer.
        """
        return issuer in self.issuers if self.issuers else issuer == own


def find_points(points: Iterable[x509.DistributionPoint], issuer: Name) -> tuple[Point, ...]:
    """The distribution points of a certificate.

    Args:
        issuer: of the certificate.
    """
    found = []
    for one in points:
        issuers = [general_name(name) for name in one.crl_issuer or ()]
        publishers = frozenset(name.directory for name in issuers if name.form == DIRECTORY)
        above = next(iter(publishers), issuer)
        names = point_names(one.full_name, one.relative_name, above)
        found.append(Point(names, publishers, one.reasons is not None))
    return tuple(found)


def point_names(
    full: Iterable[x509.GeneralName] | None, relative: x509.RelativeDistinguishedName | None, issuer: Name
) -> frozenset[GeneralName]:
    """The names of a distribution point.

    Args:
        relative: what is added to the list's issuer to make a directory name.
    """
    names = set(map(general_name, full or ()))
    if relative is not None:
        whole = (*issuer, *name_of_der(x509.Name([relative]).public_bytes()))
        names.add(GeneralName(DIRECTORY, show_name(whole), whole))
    return frozenset(names)
