"""Commands that use an image, for the platforms people have: each downloads, checks the bytes, and starts."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from posixpath import basename
from urllib.parse import unquote, urlsplit

from marketplace.locations.links import link
from validators import vocabulary as v
from validators.document import AcceptedEntry

from .commands import Command

#: How each compression is undone: the suffix of the file, and the command.
_UNPACKED = {
    "gz": (".gz", "gunzip"),
    "bz2": (".bz2", "bunzip2"),
    "xz": (".xz", "unxz"),
    "zst": (".zst", "unzstd --rm"),
}
#: Checksums that a command of every system compares, the strongest first.
_SUMS = {"SHA-512": "sha512sum", "SHA-384": "sha384sum", "SHA-256": "sha256sum", "SHA-1": "sha1sum"}
_PREFERRED = ("SHA-256", "SHA-512", "SHA-384", "SHA-1")
_FORMATS = frozenset({"raw", "qcow2", "vmdk", "vdi", "vhdx", "iso"})
#: What programs of the field call an architecture.
_ARCHITECTURES = {"amd64": "x86_64", "arm64": "aarch64"}
_SAFE = re.compile("[A-Za-z0-9][A-Za-z0-9._+-]{0,150}")
_NAME_LENGTH = 48


@dataclass(frozen=True, slots=True)
class Platform:
    """How an image is used somewhere; ``key`` is its anchor on the page."""

    key: str
    name: str
    steps: tuple[Command, ...]


@dataclass(frozen=True, slots=True)
class ImageCommands:
    """What to do with an image.

    Args:
        href: where it is downloaded from; None where no location can be followed by a browser.
        get: what downloads the image and compares it with the statement.
        platforms: commands for each of them, for the file that was checked.
    """

    href: str | None
    get: tuple[Command, ...]
    platforms: tuple[Platform, ...]


@dataclass(frozen=True, slots=True)
class _Image:
    """An image as commands name it: the file behind the download, the name that it gets, and its form."""

    entry: AcceptedEntry
    url: str
    fetched: str
    file: str
    name: str
    format: str
    architecture: str


def image_commands(entry: AcceptedEntry) -> ImageCommands:
    """Download, check, and commands for OpenStack, libvirt, QEMU, Incus, LXD and Terraform."""
    href = next((one for one in map(link, entry.metadata.locations) if one is not None), None)
    site = Command(
        "At a cloud site that follows this marketplace: check and import it",
        f"marketplace site import {entry.identifier} --reason {shlex.quote('asked for by a user')}",
    )
    if href is None:
        return ImageCommands(None, (), (Platform("openstack", "OpenStack", (site,)),))
    image = _image(entry, href)
    return ImageCommands(
        href,
        (*_fetch(image), *_check(image)),
        (
            Platform("openstack", "OpenStack", (site, _openstack(image))),
            Platform("libvirt", "libvirt", _libvirt(image)),
            Platform("qemu", "QEMU", _qemu(image)),
            Platform("incus", "Incus / LXD", _incus(image)),
            Platform("terraform", "Terraform", _terraform(image)),
        ),
    )


def _image(entry: AcceptedEntry, href: str) -> _Image:
    metadata = entry.metadata
    fetched = basename(unquote(urlsplit(href).path))
    if not _SAFE.fullmatch(fetched):
        fetched = f"{entry.identifier}.{_format(metadata.format)}"
    suffix = _UNPACKED.get(_compression(entry), ("", ""))[0]
    if suffix and not fetched.lower().endswith(suffix):
        fetched += suffix
    words = re.findall("[a-z0-9]+", (metadata.title or "").casefold()[:200])
    name = "-".join(words)[:_NAME_LENGTH].strip("-") or entry.identifier.lower()
    architecture = (metadata.os_arch or "").strip().lower()
    if not _SAFE.fullmatch(architecture):
        architecture = "x86_64"
    return _Image(
        entry=entry,
        url=href,
        fetched=fetched,
        file=fetched[: -len(suffix)] if suffix else fetched,
        name=name if name[0].isalpha() else f"image-{name}",
        format=_format(metadata.format),
        architecture=_ARCHITECTURES.get(architecture, architecture),
    )


def _format(text: str | None) -> str:
    found = (text or "raw").strip().lower()
    return found if found in _FORMATS else "raw"


def _compression(entry: AcceptedEntry) -> str:
    terms = (one.text.strip().lower() for one in entry.metadata.terms if one.name == v.dcterms("compression"))
    return next(terms, "")


def _fetch(image: _Image) -> tuple[Command, ...]:
    got = Command("Download the image", f"curl -fLo {image.fetched} {shlex.quote(image.url)}")
    command = _UNPACKED.get(_compression(image.entry), ("", ""))[1]
    return (got,) if not command else (got, Command("Unpack it", f"{command} {image.fetched}"))


def _check(image: _Image) -> tuple[Command, ...]:
    values = {one.algorithm: one.value for one in image.entry.metadata.checksums}
    for algorithm in _PREFERRED:
        value = values.get(algorithm, "")
        if re.fullmatch("[0-9a-fA-F]{40,128}", value):
            line = f'echo "{value.lower()}  {image.file}" | {_SUMS[algorithm]} -c'
            return (Command("Compare it with the signed statement", line),)
    return ()


def _openstack(image: _Image) -> Command:
    line = (
        f"openstack image create --disk-format {image.format} --container-format bare "
        f"--property architecture={image.architecture} --file {image.file} {image.name}"
    )
    return Command("Or upload the file to Glance with the plain client", line)


def _libvirt(image: _Image) -> tuple[Command, ...]:
    volume = f"{image.name}.{image.format}"
    return (
        Command(
            "Create a volume",
            f"virsh vol-create-as default {volume} {image.entry.metadata.size} --format {image.format}",
        ),
        Command("Fill it", f"virsh vol-upload --pool default {volume} {image.file}"),
        Command(
            "Start a machine from it",
            f"virt-install --name {image.name} --memory 2048 --vcpus 2 --import --noautoconsole "
            f"--graphics none --disk vol=default/{volume} --osinfo detect=on,require=off",
        ),
    )


def _qemu(image: _Image) -> tuple[Command, ...]:
    disk = f"{image.name}-disk.qcow2"
    return (
        Command(
            "Keep the image unchanged: write changes to a separate disk",
            f"qemu-img create -f qcow2 -b {image.file} -F {image.format} {disk}",
        ),
        Command(
            "Start it",
            f"qemu-system-{image.architecture} -accel kvm -accel tcg -m 2048 -nographic "
            f"-drive file={disk},if=virtio -nic user,model=virtio",
        ),
    )


def _incus(image: _Image) -> tuple[Command, ...]:
    disk = f"{image.name}.qcow2"
    told = f"architecture: {image.architecture}\ncreation_date: {int(image.entry.created.timestamp())}\n"
    return (
        Command(
            "Convert it to qcow2 for Incus",
            f"qemu-img convert -f {image.format} -O qcow2 {image.file} {disk}",
        )
        if image.format != "qcow2"
        else Command("Copy it", f"cp {image.file} {disk}"),
        Command(
            "Write its description",
            f"printf %s {shlex.quote(told)} > metadata.yaml && tar -czf metadata.tar.gz metadata.yaml",
        ),
        Command(
            "Import it (with LXD: lxc)", f"incus image import metadata.tar.gz {disk} --alias {image.name}"
        ),
        Command("Start a machine from it", f"incus launch {image.name} my-machine --vm"),
    )


#: Without it Terraform looks for the provider among those of its own maker, where it is not.
_TERRAFORM_PROVIDER = """terraform {
  required_providers {
    openstack = {
      source = "terraform-provider-openstack/openstack"
    }
  }
}
"""


def _terraform(image: _Image) -> tuple[Command, ...]:
    resource = (
        f'resource "openstack_images_image_v2" {_quoted(image.name)} {{\n'
        f"  name             = {_quoted(image.name)}\n"
        f"  local_file_path  = {_quoted(image.file)}\n"
        f"  disk_format      = {_quoted(image.format)}\n"
        f'  container_format = "bare"\n'
        f"}}\n"
    )
    return (
        Command(
            "Name the provider, once in a folder",
            f"printf %s {shlex.quote(_TERRAFORM_PROVIDER)} > openstack-provider.tf",
        ),
        Command("Write the resource", f"printf %s {shlex.quote(resource)} > {image.name}.tf"),
        Command("Upload the file that was checked", "terraform init && terraform apply"),
    )


def _quoted(text: str) -> str:
    """A string of Terraform's language: what begins a template in it is doubled."""
    return json.dumps(text).replace("${", "$${").replace("%{", "%%{")
