"""The copies below marketplace/_vendor: what they are made from. ``make vendor`` writes them anew.

A copy is the released file with the library's name in its imports replaced by the copy's, and nothing else.
"""

from __future__ import annotations

import re
import shutil
import sys
from importlib.metadata import distribution
from pathlib import Path
from typing import Final

from tests.launching import ROOT

VENDORED: Final = ROOT / "marketplace" / "_vendor"
#: Distribution -> its import package and the files that are copied.
COPIED: Final = {
    "oslo.utils": (
        "oslo_utils",
        (
            "units.py",
            "imageutils/_luks.py",
            "imageutils/format_inspector.py",
        ),
    ),
}
#: Written here, because the library's own would need another library: messages are not translated.
OURS: Final = {
    "oslo_utils/__init__.py": '"""The format inspector of oslo.utils {version}, and what it imports."""\n',
    "oslo_utils/_i18n.py": (
        '"""Messages of oslo.utils stay English."""\n\n\ndef _(text: str) -> str:\n    return text\n'
    ),
    "oslo_utils/imageutils/__init__.py": "",
}


def copies() -> dict[str, bytes]:
    """What lies below marketplace/_vendor, by path, as the installed releases say it."""
    made: dict[str, bytes] = {}
    for name, (package, files) in COPIED.items():
        released = distribution(name)
        for file in files:
            text = Path(str(released.locate_file(f"{package}/{file}"))).read_text(encoding="utf-8")
            moved = re.sub(rf"(?m)^from {package}\b", f"from marketplace._vendor.{package}", text)
            made[f"{package}/{file}"] = moved.encode()
        (licence,) = (one for one in released.files or () if one.name == "LICENSE")
        made[f"{package}/LICENSE"] = Path(str(released.locate_file(licence))).read_bytes()
        for path, text in OURS.items():
            if path.startswith(f"{package}/"):
                made[path] = text.format(version=released.version).encode()
    return made


def main() -> None:
    for package, _ in COPIED.values():
        shutil.rmtree(VENDORED / package, ignore_errors=True)
    for path, content in copies().items():
        (VENDORED / path).parent.mkdir(parents=True, exist_ok=True)
        (VENDORED / path).write_bytes(content)
        sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
