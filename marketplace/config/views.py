"""Settings of views: the keys that lists for other programs are signed with."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from marketplace.config.section import Section


class ViewsSettings(Section):
    """Keys of the site, for formats that are signed as a whole. Files are read anew when they change."""

    certificate: Path | None = Field(
        None,
        description="PEM file with the site's certificate, and the ones above it, which HEPiX image lists "
        "are signed with; without one there are none",
    )
    key: Path | None = Field(
        None, description="PEM file with the RSA key of views.certificate, without a password"
    )
    openpgp_key: Path | None = Field(
        None,
        description="file with the site's secret OpenPGP key (gpg --export-secret-keys), without a password, "
        "which simplestreams are signed with; without one they are not signed",
    )
