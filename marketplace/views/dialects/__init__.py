"""The ways to write a view down, one module each; ``DIALECTS`` is the whole list."""

from __future__ import annotations

from collections.abc import Sequence

from marketplace.views.dialects.cimi import CIMI
from marketplace.views.dialects.dcat import DCAT
from marketplace.views.dialects.dialect import Dialect, Document
from marketplace.views.dialects.hepix import HEPIX
from marketplace.views.dialects.image_manager import IMAGE_MANAGER
from marketplace.views.dialects.oai import OAI
from marketplace.views.dialects.opennebula import OPENNEBULA
from marketplace.views.dialects.resourcesync import RESOURCESYNC
from marketplace.views.dialects.simplestreams import SIMPLESTREAMS
from marketplace.views.dialects.sums import SHA256SUMS, SHA512SUMS
from marketplace.views.dialects.terraform import TERRAFORM

#: In the order in which an export writes them.
DIALECTS: Sequence[Dialect] = (
    SHA256SUMS,
    SHA512SUMS,
    TERRAFORM,
    HEPIX,
    SIMPLESTREAMS,
    DCAT,
    OPENNEBULA,
    IMAGE_MANAGER,
    CIMI,
    OAI,
    RESOURCESYNC,
)

__all__ = ["DIALECTS", "Dialect", "Document"]
