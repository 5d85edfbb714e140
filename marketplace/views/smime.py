"""S/MIME messages: put together here, verified by OpenSSL, as the cryptography library verifies none."""

from __future__ import annotations

import hashlib
import re
import subprocess
import tempfile
from base64 import encodebytes
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
#: Name of a digest as OpenSSL prints it -> as a message names it (RFC 8551, section 3.5.3.2).
_DIGESTS: Final = {"sha256": "sha-256", "sha384": "sha-384", "sha512": "sha-512"}
#: What OpenSSL prints of each signer.
_DIGEST: Final = re.compile(rb"^ {8}digestAlgorithm: *\n +algorithm: ([^ \n]+)", re.M)


@dataclass(frozen=True, slots=True)
class SignedText:
    """A text that somebody signed, with its signature.

    Args:
        text: the signed bytes, with line feeds as ends of lines.
        certificates: that came with the signature, that of the signer first (DER).
        message: the text and its signature, and nothing else that came with them.
    """

    text: bytes
    certificates: tuple[bytes, ...]
    message: bytes


def to_message(text: bytes, signature: bytes, digest: str = "sha-256") -> bytes:
    """A clear-signed message (RFC 8551, section 3.5.3), the same bytes for the same text and signature.

    Args:
        text: with line feeds as ends of lines.
        signature: a detached one of the text with ends of lines as mail has them (CMS, DER).
        digest: that was signed, as messages name it.
    """
    boundary = f"----{hashlib.sha256(text).hexdigest()[:32].upper()}"
    head = (
        f'MIME-Version: 1.0\nContent-Type: multipart/signed; protocol="application/x-pkcs7-signature"; '
        f'micalg="{digest}"; boundary="{boundary}"\n\nThis is an S/MIME signed message\n\n--{boundary}\n'
    )
    middle = (
        f'\n--{boundary}\nContent-Type: application/x-pkcs7-signature; name="smime.p7s"\n'
        f'Content-Transfer-Encoding: base64\nContent-Disposition: attachment; filename="smime.p7s"\n\n'
    )
    return b"".join(
        (head.encode(), text, middle.encode(), encodebytes(signature), f"\n--{boundary}--\n\n".encode())
    )


def verify_signature(message: bytes) -> SignedText:
    """Verify the signature of a clear-signed message (RFC 8551, section 3.5.3), and not who signed.

    Headers of the message and text before, between and after its two parts are not signed, and are not taken
    over: what is returned was verified once more without them.

    Raises:
        ListRefusedError: it is none, or its signature does not hold.
        ListToolError: OpenSSL is not installed, or does not end.
    """
    _verify_form(message)
    with tempfile.TemporaryDirectory(prefix="mp-") as name:
        folder = Path(name)
        text = _verified(folder, message)
        printed = _run(folder, "-cmsout", "-print", "-noout").stdout
        signature = _run(folder, "-cmsout", "-outform", "DER").stdout
        signers, every = (_certificates(folder / one) for one in ("signer", "all"))
        digests = [
            one.decode("ascii", "replace") for one in _DIGEST.findall(printed.partition(b"signerInfos:")[2])
        ]
        if len(signers) != 1 or len(digests) != 1:
            raise ListRefusedError(
                "signed-list.signature", "the message has several signatures: one is taken"
            )
        if digests[0] not in _DIGESTS:
            raise ListRefusedError(
                "signed-list.signature", f"the signature uses {digests[0]}: sign with SHA-256 (-md sha256)"
            )
        own = to_message(text, signature, _DIGESTS[digests[0]])
        if _verified(folder, own) != text:
            raise ListRefusedError(
                "signed-list.form", "the signed text changes with its ends of lines: write it with line feeds"
            )
    return SignedText(text, (signers[0], *(one for one in every if one != signers[0])), own)


def _verified(folder: Path, message: bytes) -> bytes:
    """The signed text of a message, with line feeds as ends of lines.

    Raises:
        ListRefusedError: its signature does not hold.
    """
    (folder / "message").write_bytes(message)
    done = _run(
        folder, "-verify", "-noverify", "-signer", "signer", "-certsout", "all", "-out", "text"
    )  # fmt: skip
    if done.returncode != 0:
        raise ListRefusedError(
            "signed-list.signature",
            "the signature does not hold: sign with `openssl smime -sign -in list.json -signer CERTIFICATE "
            "-inkey KEY -out image.list`, and send image.list without changing it",
        )
    return (folder / "text").read_bytes().replace(b"\r\n", b"\n")


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
