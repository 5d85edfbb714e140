"""Properties of an image that clouds keep beside it, as extensions of an entry.

The names are those of OpenStack's image service, which SCS-0102 ("Image Metadata")
builds on; their namespace is the page that defines them. What an element of the
format says already is not asked for a second time.
"""

from __future__ import annotations

from typing import Final

from validators import vocabulary as v
from validators.document import Metadata

#: Namespace of the properties, and the prefix it is written with.
IMAGE_PROPERTIES: Final = "https://docs.openstack.org/glance/latest/admin/useful-image-properties.html#"
PREFIX: Final = "glance"

#: Who logs in to a fresh machine.
LOGIN_USERS: Final = ("image_original_user", "os_admin_user")
#: What prepares a machine at its first start: ``cloud-init``, ``ignition``, ``none``.
FIRST_BOOT: Final = v.dcterms("conformsTo")
LICENCES: Final = (v.dcterms("license"), v.dcterms("rights"))

#: What SCS-0102 wants of every image, and the element of the format that says it where there is one.
SCS_0102: Final = {
    "os_distro": v.OS,
    "os_version": v.OS_VERSION,
    "architecture": v.OS_ARCH,
    "hw_disk_bus": v.slterms("disks-bus"),
    "image_build_date": v.CREATED,
    "image_original_user": None,
    "image_source": v.LOCATION,
    "image_description": v.DESCRIPTION_TEXT,
    "provided_until": v.VALID,
    "uuid_validity": None,
    "replace_frequency": None,
}


def image_property(name: str) -> str:
    """Clark name of a property."""
    return f"{{{IMAGE_PROPERTIES}}}{name}"


def says(metadata: Metadata, name: str) -> bool:
    """Whether an entry has an element of a Clark name with something in it."""
    if any(term.name == name and term.text.strip() for term in metadata.terms):
        return True
    return any(
        one.name == name and (one.text.strip() or one.attributes or one.children)
        for one in metadata.extensions
    )


def missing_of_scs_0102(metadata: Metadata) -> tuple[str, ...]:
    """The properties of SCS-0102 that an entry does not say."""
    return tuple(
        name
        for name, element in SCS_0102.items()
        if not says(metadata, image_property(name)) and (element is None or not says(metadata, element))
    )
