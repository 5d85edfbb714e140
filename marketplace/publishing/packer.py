"""The image that a build with Packer made, by the manifest of its post-processor ``manifest``.

The manifest names files and sizes and holds no digests, so that the image itself has to be read.
Source: the documentation of Packer's manifest post-processor, and its ``Artifact`` structure.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from marketplace.publishing.facts import FactsError

#: Files beside the image that builders name: sums, and what a virtual machine is described by.
_ACCOMPANYING: Final = (
    ".md5",
    ".sha1",
    ".sha256",
    ".sha512",
    ".ovf",
    ".mf",
    ".vmx",
    ".nvram",
    ".vmxf",
    ".vmsd",
)
_MOST_NAMED: Final = 5


def find_image(data: bytes, folder: Path) -> Path | None:
    """The image file that a manifest names; None where the bytes are no manifest of Packer.

    Args:
        data: what was read as facts of an image.
        folder: of the manifest, where its files are looked for if they are not below the present one.

    Raises:
        FactsError: no one image is named, it is not there, or it is not as Packer left it.
    """
    try:
        told = json.loads(data)
    except (ValueError, RecursionError):
        return None
    builds = told.get("builds") if isinstance(told, dict) else None
    if not isinstance(builds, list):
        return None
    run = told.get("last_run_uuid")
    last = [one for one in builds if isinstance(one, dict) and one.get("packer_run_uuid") == run]
    if len(last) != 1:
        raise FactsError(
            f"Packer's manifest has {len(last) or 'no'} builds in its last run: give the image file itself"
        )
    return _file(last[0], folder)


def _file(build: Mapping[str, Any], folder: Path) -> Path:
    files = build.get("files")
    named = {
        one["name"]: one.get("size")
        for one in (files if isinstance(files, list) else ())
        if isinstance(one, dict) and isinstance(one.get("name"), str)
    }
    images = [name for name in named if not name.lower().endswith(_ACCOMPANYING)]
    if not images:
        raise FactsError(
            f"Packer's manifest names no file: the builder {str(build.get('builder_type'))[:40]} puts the "
            "image elsewhere; download the image and give its file"
        )
    if len(images) > 1:
        raise FactsError(
            f"Packer's manifest names several files ({', '.join(images[:_MOST_NAMED])}): give the file "
            "that is the image itself"
        )
    (name,) = images
    path = next((one for one in (Path(name), folder / name) if one.is_file()), None)
    if path is None:
        raise FactsError(f"the image in Packer's manifest does not exist: {name}")
    size = named[name]
    if isinstance(size, int) and size != path.stat().st_size:
        raise FactsError(f"{path} has {path.stat().st_size} bytes, and Packer's manifest says {size}")
    return path
