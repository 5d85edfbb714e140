"""``openstack-image-manager.yml``: the images file of the manager that fills Glance from such a list.

The manager's schema takes no key of ours, so that tags and the description lead to the signed entry.
It is written by hand, because a YAML writer takes ten times as long.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from marketplace.views.dialects.dialect import Dialect, Document
from marketplace.views.dialects.texts import one_line, quoted
from marketplace.views.value import SHA256, SHA512, View, ViewImage
from validators import vocabulary as v
from validators.lint.properties import IMAGE_PROPERTIES, LOGIN_USERS

_PATH: Final = "openstack-image-manager.yml"
_GIB: Final = 2**30
_NAMESPACE: Final = "{" + IMAGE_PROPERTIES + "}"
_FORMATS: Final = frozenset({"aki", "ari", "ami", "raw", "iso", "vhd", "vdi", "qcow2", "vmdk"})
_ARCHITECTURES: Final = {
    "x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64", "riscv64": "risc-v",
}  # fmt: skip
_DISTRIBUTIONS: Final = frozenset(
    {
        "almalinux", "alpinelinux", "arch", "archlinux", "centos", "cirros", "clearlinux", "debian", "fedora",
        "freebsd", "gentoo", "mageia", "netbsd", "nixos", "ol", "openbsd", "opensuse", "rhel", "rocky",
        "scientificlinux", "sled", "sles", "talos", "ubuntu", "windows",
    }
)  # fmt: skip
_HYPERVISORS: Final = frozenset({"hyperv", "ironic", "lxc", "qemu", "uml", "vmware", "xen"})
_BUSES: Final = frozenset({"virtio", "scsi"})
_PURPOSES: Final = frozenset({"generic", "oldgeneric", "minimal", "k8snode", "gpu", "network", "custom"})
_FREQUENCIES: Final = frozenset(
    {"yearly", "quarterly", "monthly", "weekly", "daily", "critical_bug", "never"}
)
_VALIDITY: Final = re.compile(r"none|forever|notice|last-[0-9]{1,3}")


def documents(view: View) -> Iterable[Document]:
    """The one document of a view for Image Manager."""
    return (Document(_PATH, "application/yaml"),)


def find_lack(image: ViewImage) -> str | None:
    """The manager refuses a whole file for one image outside its schema."""
    if not image.locations:
        return "no web location"
    if image.is_packed:
        return "compressed at its location: the checksum is for the uncompressed image"
    if not {SHA512, SHA256} & image.checksums.keys():
        return "no SHA-256 or SHA-512"
    if (image.metadata.format or "").strip().lower() not in _FORMATS:
        return "a format that Glance does not know"
    if _architecture(image) is None:
        return "an architecture that the manager does not know"
    said = _properties(image)
    if _distribution(image, said) not in _DISTRIBUTIONS:
        return "a system that the manager does not know"
    return None if _login(said) else "no login user: image_original_user is not set"


def write(view: View, path: str) -> bytes:
    """The file."""
    lines = [line for one in IMAGE_MANAGER.expressed(view) for line in _image(view, one)]
    told = ["---", "images:", *lines] if lines else ["---", "images: []"]
    return ("\n".join(told) + "\n").encode()


def _image(view: View, image: ViewImage) -> Iterator[str]:
    said, entry, properties = image.metadata, view.entry_url(image), _properties(image)
    about = f"{one_line(said.description or image.title, 500)} (signed entry {image.entry_id}: {entry})"

    def among(known: frozenset[str], name: str, usual: str) -> str:
        """What the entry says where the manager knows it; else what promises the least."""
        word = properties.get(name, "").lower()
        return word if word in known else usual

    yield f"- name: {quoted(one_line(image.title, 100))}"
    yield "  enable: true"
    yield f"  format: {(said.format or '').strip().lower()}"
    yield f"  login: {quoted(_login(properties))}"
    yield f"  min_disk: {-(-(image.virtual_size or said.size) // _GIB)}"
    yield f"  min_ram: {_whole(properties.get('min_ram', ''))}"
    yield "  multi: false"
    yield "  status: active"
    # What only a group sees must not become everybody's in a cloud.
    yield f"  visibility: {'private' if image.private else 'public'}"
    yield f"  tags: [{quoted('mp_entry:' + image.entry_id)}, {quoted('mp_endorser:' + image.email)}]"
    yield "  meta:"
    yield f"    architecture: {_architecture(image)}"
    yield f"    hw_disk_bus: {among(_BUSES, 'hw_disk_bus', 'virtio')}"
    yield f"    hypervisor_type: {among(_HYPERVISORS, 'hypervisor_type', 'qemu')}"
    yield f"    os_distro: {_distribution(image, properties)}"
    if said.os_version:
        yield f"    os_version: {quoted(one_line(said.os_version, 100))}"
    yield f"    os_purpose: {among(_PURPOSES, 'os_purpose', 'custom')}"
    yield f"    provided_until: {'none' if said.valid is None else said.valid.date().isoformat()}"
    yield f"    replace_frequency: {among(_FREQUENCIES, 'replace_frequency', 'never')}"
    validity = properties.get("uuid_validity", "")
    yield f"    uuid_validity: {validity if _VALIDITY.fullmatch(validity) else 'none'}"
    yield f"    image_description: {quoted(about)}"
    yield "  versions:"
    # Of the image and nothing else: a new entry about it brings no new image.
    yield f"  - version: {quoted(image.identifier)}"
    yield f"    build_date: {image.created.date().isoformat()}"
    yield f"    url: {quoted(view.image_url(image))}"
    yield f"    checksum: {_checksum(image)}"
    yield f"    source: {quoted(entry)}"


def _properties(image: ViewImage) -> Mapping[str, str]:
    """The properties that clouds keep beside an image; of a repeated one the first."""
    found = {one.name[len(_NAMESPACE) :]: one.text.strip() for one in reversed(image.metadata.extensions)
             if one.name.startswith(_NAMESPACE)}  # fmt: skip
    found.setdefault("hw_disk_bus", image.term(v.slterms("disks-bus")).strip())
    return found


def _architecture(image: ViewImage) -> str | None:
    return _ARCHITECTURES.get((image.metadata.os_arch or "").strip().lower())


def _distribution(image: ViewImage, properties: Mapping[str, str]) -> str:
    return "".join((properties.get("os_distro") or image.metadata.os or "").lower().split())


def _login(properties: Mapping[str, str]) -> str:
    return one_line(next((properties[name] for name in LOGIN_USERS if properties.get(name)), ""), 64)


def _checksum(image: ViewImage) -> str:
    algorithm = SHA512 if SHA512 in image.checksums else SHA256
    return f"{algorithm.replace('-', '').lower()}:{image.checksums[algorithm]}"


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


IMAGE_MANAGER = Dialect("openstack-image-manager", documents, write, find_lack)
