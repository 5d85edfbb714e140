"""OpenPGP signatures, verified by GnuPG's own verifier against one keyring and nothing else."""

from __future__ import annotations

import base64
import binascii
import re
import subprocess
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from marketplace.vendors.errors import VendorSettingsError, VendorSignatureError

_ARMOR: Final = re.compile(
    rb"-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n(?:[^\r\n]+\r?\n)*\r?\n(.*?)\r?\n(?:=[A-Za-z0-9+/]{4}\r?\n)?"
    rb"-----END PGP PUBLIC KEY BLOCK-----",
    re.S,
)
#: What the verifier says of a signature that must not count, whatever else it says.
_BAD: Final = {
    "BADSIG": "the signature is not for these bytes",
    "ERRSIG": "the signature cannot be verified",
    "EXPSIG": "the signature has expired",
    "EXPKEYSIG": "the signing key has expired",
    "REVKEYSIG": "the signing key was revoked",
    "NO_PUBKEY": "the signing key is not in the keyring",
}
_SECONDS: Final = 60
_MOST_KEYRING: Final = 4 << 20


@dataclass(frozen=True)
class VerifiedContent:
    """What a verified signature covers, and who made it when.

    Args:
        fingerprint: of the primary key, upper-case hexadecimal.
    """

    content: bytes
    fingerprint: str
    made_at: datetime


def verify_signed(document: bytes, signature: bytes | None, keyring: Path) -> VerifiedContent:
    """Verify a document.

    Args:
        document: the bytes that a detached signature is of, or a clearsigned document.
        signature: detached; None where the document is clearsigned.
        keyring: the keys that count, armored or not.

    Raises:
        VendorSignatureError: no key of the ring signed these bytes, or it is over.
        VendorSettingsError: the keyring cannot be read, or there is no gpgv.
    """
    with tempfile.TemporaryDirectory(prefix="vendor-") as name:
        folder = Path(name)
        (folder / "keys.gpg").write_bytes(_keys(keyring))
        (folder / "document").write_bytes(document)
        command = ["gpgv", "--homedir", name, "--keyring", str(folder / "keys.gpg"), "--status-fd", "1"]
        if signature is None:
            command += ["--output", str(folder / "content"), str(folder / "document")]
        else:
            (folder / "signature").write_bytes(signature)
            command += [str(folder / "signature"), str(folder / "document")]
        try:
            done = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False)  # noqa: S603  # our words
        except FileNotFoundError:
            raise VendorSettingsError(
                "gpgv is not installed: install it to verify the vendors' signatures"
            ) from None
        except subprocess.TimeoutExpired:
            raise VendorSignatureError("verifying the signature takes too long") from None
        fingerprint, made_at = _judge(done.returncode, done.stdout.decode("utf-8", "replace"))
        content = document if signature is not None else (folder / "content").read_bytes()
    return VerifiedContent(content, fingerprint, made_at)


def _judge(code: int, status: str) -> tuple[str, datetime]:
    lines = [line.split()[1:] for line in status.splitlines() if line.startswith("[GNUPG:] ")]
    for words in lines:
        if words and words[0] in _BAD:
            raise VendorSignatureError(f"the catalogue is refused: {_BAD[words[0]]}")
    valid = [words for words in lines if words and words[0] == "VALIDSIG" and len(words) >= 11]
    good = [words for words in lines if words and words[0] == "GOODSIG"]
    if code != 0 or not good or not valid:
        raise VendorSignatureError("the catalogue is refused: it has no valid signature")
    # Several good signatures may stand on one document; the latest tells how new it is.
    newest = max(valid, key=lambda words: int(words[3]))
    return newest[10], datetime.fromtimestamp(int(newest[3]), UTC)


def _keys(path: Path) -> bytes:
    """The keys without the armor, which gpgv does not read."""
    with path.open("rb") as file:
        data = file.read(_MOST_KEYRING)
    blocks = _ARMOR.findall(data)
    if not blocks:
        return data
    try:
        return b"".join(base64.b64decode(b"".join(block.split()), validate=True) for block in blocks)
    except binascii.Error:
        raise VendorSettingsError(f"{path}: the ASCII armor of the keys is damaged") from None
