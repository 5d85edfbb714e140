"""S/MIME signatures, verified by OpenSSL: the cryptography library makes them, and verifies none."""

from __future__ import annotations

import re
import subprocess
import tempfile
from dataclasses import dataclass
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from marketplace.views.errors import ListRefusedError, ListToolError

_SECONDS: Final = 20
#: Certificates that a message may hold.
_MOST_CERTIFICATES: Final = 10
_MOST_HEADER_BYTES: Final = 4096
_SIGNATURES: Final = ("application/x-pkcs7-signature", "application/pkcs7-signature")
_DIGESTS: Final = ("sha256", "sha384", "sha512")
#: What OpenSSL prints of each signer.
_DIGEST: Final = re.compile(rb"^ {8}digestAlgorithm: *\n +algorithm: ([^ \n]+)", re.M)


@dataclass(frozen=True, slots=True)
class SignedText:
    """A text, and the certificates that came with its signature, that of the signer first (DER)."""

    text: bytes
    certificates: tuple[bytes, ...]


def verify_signature(message: bytes) -> SignedText:
    """Verify the signature of a clear-signed message (RFC 8551, section 3.5.3), and not who signed.

    Raises:
        ListRefusedError: it is none, or its signature does not hold.
        ListToolError: OpenSSL is not installed, or does not end.
    """
    _verify_form(message)
    with tempfile.TemporaryDirectory(prefix="mp-") as name:
        folder = Path(name)
        (folder / "message").write_bytes(message)
        done = _run(
            folder, "-verify", "-noverify", "-signer", "signer", "-certsout", "all", "-out", "text"
        )  # fmt: skip
        if done.returncode != 0:
            raise ListRefusedError(
                "signed-list.signature",
                "the signature does not hold: sign with `openssl smime -sign -in image.list.json -signer "
                "CERTIFICATE -inkey KEY`, and send the result without changing it",
            )
        printed = _run(folder, "-cmsout", "-print", "-noout").stdout
        signers, every = (_certificates(folder / one) for one in ("signer", "all"))
        text = (folder / "text").read_bytes()
    digests = [
        one.decode("ascii", "replace") for one in _DIGEST.findall(printed.partition(b"signerInfos:")[2])
    ]
    if len(signers) != 1 or len(digests) != 1:
        raise ListRefusedError("signed-list.signature", "the message has several signatures: one is taken")
    if digests[0] not in _DIGESTS:
        raise ListRefusedError(
            "signed-list.signature", f"the signature uses {digests[0]}: sign with SHA-256 (-md sha256)"
        )
    return SignedText(text, (signers[0], *(one for one in every if one != signers[0])))


def _verify_form(message: bytes) -> None:
    header = re.split(rb"\r?\n\r?\n", message[: _MOST_HEADER_BYTES + 1], maxsplit=1)[0]
    told = BytesHeaderParser().parsebytes(header)
    protocol = told.get_param("protocol")
    if (
        len(header) > _MOST_HEADER_BYTES
        or told.get_content_type() != "multipart/signed"
        or str(protocol).lower() not in _SIGNATURES
    ):
        raise ListRefusedError(
            "signed-list.form",
            "the body is not a clear-signed S/MIME message (multipart/signed): make one with `openssl smime "
            "-sign`, without -nodetach",
        )


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    command = ["openssl", "cms", *arguments, "-inform", "SMIME", "-in", "message"]
    try:
        return subprocess.run(  # noqa: S603  # our own
            command, cwd=folder, capture_output=True, stdin=subprocess.DEVNULL, timeout=_SECONDS, check=False
        )
    except FileNotFoundError:
        raise ListToolError(
            "openssl is not installed on the server, so no signed list can be taken: its operator installs it"
        ) from None
    except subprocess.TimeoutExpired:
        raise ListToolError("openssl did not end in time: try again") from None


def _certificates(path: Path) -> list[bytes]:
    try:
        found = x509.load_pem_x509_certificates(path.read_bytes())
        if len(found) <= _MOST_CERTIFICATES:
            return [one.public_bytes(Encoding.DER) for one in found]
    except (OSError, ValueError):
        pass
    raise ListRefusedError(
        "signed-list.signer",
        f"the message has to hold the signer's certificate, and {_MOST_CERTIFICATES} certificates at most",
    )
