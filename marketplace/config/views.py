"""Settings of views: the keys that lists for other programs are signed with."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from marketplace.config.section import Section


class ViewsSettings(Section):
    """Keys of the site, for formats that are signed as a whole. Files are read anew when they change."""

    certificate: Path | None = Field(
        None,
        description="PEM file with the certificate that signs HEPiX image lists, and its issuers; empty: "
        "no HEPiX lists",
    )
    key: Path | None = Field(None, description="PEM file with the RSA key of views.certificate, unencrypted")
    openpgp_key: Path | None = Field(
        None,
        description="file with the secret OpenPGP key that signs simplestreams (gpg --export-secret-keys), "
        "unencrypted; empty: simplestreams are not signed",
    )
