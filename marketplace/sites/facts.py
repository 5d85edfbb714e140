"""What stores are told of an image: its entry, in the names that other software looks for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from marketplace.sites.image_comparison import format_name
from marketplace.sites.state import Copy
from marketplace.sites.stores.interface import ImageProperties
from validators.document import AcceptedEntry, Metadata
from validators.identifier import stable_id

#: Where entries name properties of OpenStack's image service (docs/publishing.md).
GLANCE_NAMESPACE = "https://docs.openstack.org/glance/latest/admin/useful-image-properties.html#"
#: Properties that an endorser may set: those of SCS-0102, and what a guest needs of its virtual devices.
#: Others tell a hypervisor what to do with its host, and an endorser is a stranger there.
_TAKEN = frozenset(
    {
        "architecture", "hypervisor_type", "os_type", "os_distro", "os_version", "os_purpose",
        "os_admin_user",
        "hw_disk_bus", "hw_scsi_model", "hw_rng_model", "hw_vif_model", "hw_video_model", "hw_firmware_type",
        "hw_machine_type", "hw_qemu_guest_agent", "image_build_date", "image_description",
        "image_original_user", "image_source", "patchlevel", "replace_frequency", "provided_until",
        "uuid_validity", "hotfix_hours", "license_included", "license_required", "subscription_included",
        "subscription_required", "maintained_until",
    }
)  # fmt: skip


def facts_of(copy: Copy, entry: AcceptedEntry, groups: Iterable[str] = ()) -> ImageProperties:
    """What a store is told of a copy.

    Args:
        groups: that alone may see the entry; none: it is a public one.
    """
    said = entry.metadata
    return ImageProperties(
        identifier=copy.identifier,
        entry_id=copy.entry_id,
        digest=copy.digest,
        size=copy.size,
        format=format_name(said.format),
        title=said.title or copy.identifier,
        endorser=entry.endorser.email,
        groups=frozenset(groups),
        properties=_properties(entry),
    )


def _properties(entry: AcceptedEntry) -> Mapping[str, str]:
    said = entry.metadata
    # What atrope and SCS-0102 call them; what an entry says of the same name itself counts more.
    found = {
        "os_distro": (said.os or "").lower().replace(" ", ""),
        "os_version": said.os_version or "",
        "architecture": said.os_arch or "",
        "image_description": said.description or "",
        "image_source": next(iter(said.locations), ""),
        "vmcatcher_event_ad_mpuri": entry.coordinates.path(),
        "appdb_id": stable_id(entry.endorser.email, min(said.tags, default="") or entry.identifier),
    }
    return found | _endorsed(said)


def _endorsed(metadata: Metadata) -> dict[str, str]:
    names = {"{" + GLANCE_NAMESPACE + "}" + name: name for name in _TAKEN}
    return {
        names[one.name]: one.text.strip() for one in metadata.extensions if one.name in names and one.text
    }
