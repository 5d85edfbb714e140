"""Evidence: everything that a verdict on an image rests on, in one file to be proved anywhere."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime

from cryptography.hazmat.primitives.serialization import Encoding
from pyramid.request import Request
from pyramid.response import Response
from sqlalchemy.orm import Session

from marketplace.access import PUBLIC
from marketplace.entries import VisibleEntries
from marketplace.entries.current_statements import CurrentStatement
from marketplace.evidence.bundle import Circumstances, EvidenceBundle
from marketplace.federation.errors import NotInLogError, NotPublishedError
from marketplace.federation.proofs import prove_entry
from marketplace.federation.published_logs import PublishedLogs
from marketplace.federation.trees import Trees
from marketplace.http.cache_policy import VARY
from marketplace.http.security import principal_of
from marketplace.runtime import Runtime
from validators import accept
from validators.document import AcceptedEntry
from validators.links import Link, MaterialError, parse_link
from validators.material import TrustMaterial
from validators.policy import Verdict

from .answers import site_url, write_json
from .description import DescribedAnswer, Operation
from .entry import COORDINATES, find_entry, read_coordinates, unknown_entry
from .presenters import Urls
from .verdict import show_verdict

EVIDENCE_TYPE = "application/x-tar"
EVIDENCE = Operation(
    "api.entry.evidence",
    "Evidence",
    "One archive with the signed entry, the current statements about its image, the certificates and "
    "revocation lists that they were judged by, the verdict, and the receipt of the log with the "
    "signatures of witnesses. `marketplace verify --evidence` proves it offline; `RECIPE.txt` in it says "
    "how xmlsec1 and openssl do.",
    "Entries",
    [DescribedAnswer("The archive.", content_types=(EVIDENCE_TYPE,))],
    path=COORDINATES,
    errors={404: ["entry.unknown"], 410: ["entry.erased"]},
)


@EVIDENCE.view("entry:read")
def evidence(request: Request) -> Response:
    """The evidence about the entry with these coordinates, as of now."""
    runtime: Runtime = request.registry[Runtime]
    entry, record = find_entry(request, read_coordinates(request))
    now = runtime.now().replace(microsecond=0)
    with runtime.database.read() as session:
        visible = VisibleEntries(session, principal_of(request), runtime.list_caches)
        verdict = runtime.judge.judge(visible, entry.identifier, now)
        if verdict is None:
            raise unknown_entry()
        said = visible.statements_about(entry.identifier)
        receipt = _receipt(session, runtime, entry) if PUBLIC in record.logs else None
    key = None if runtime.federation is None or receipt is None else str(runtime.federation.keys.log.verifier)
    body = write_json(show_verdict(verdict, Urls(site_url(request))))
    made = _gather(runtime, entry, said, verdict, now, site_url(request), body, receipt, key)
    name = f"{entry.identifier}.evidence.tar"
    return Response(
        body=made.to_bytes(),
        headerlist=[
            ("Content-Type", EVIDENCE_TYPE),
            ("Content-Disposition", f'attachment; filename="{name}"'),
            ("Cache-Control", "no-store"),
            VARY,
        ],
    )


def _gather(
    runtime: Runtime,
    entry: AcceptedEntry,
    statements: Sequence[CurrentStatement],
    verdict: Verdict,
    now: datetime,
    site: str,
    policy: bytes,
    receipt: bytes | None,
    key: str | None,
) -> EvidenceBundle:
    shown = [one for one in statements if one.shown]
    material = runtime.trust.material
    entries = [entry, *(accept(one.data) for one in shown)]
    anchors, between = _certificates(runtime, entries, material, now)
    names = {link.subject for link in (*anchors, *between)}
    signer = ssl.DER_cert_to_PEM_cert(entry.signer.certificate).encode()
    lists = [one for one in material.lists if one.issuer in names]
    return EvidenceBundle(
        at=now,
        site=site,
        identifier=entry.identifier,
        entry_id=entry.entry_id,
        entry=entry.data,
        signer=signer,
        statements={one.row.entry_id: one.data for one in shown},
        circumstances=tuple(
            Circumstances(one.row.entry_id, one.row.confirmed, tuple(sorted(one.groups)), one.equivocal)
            for one in shown
        ),
        allowed=verdict.allowed,
        # What the site does not show changes nothing, but for a withdrawal.
        whole=all(one.shown or one.row.deprecated is None for one in statements),
        policy=asdict(material.policy),
        gaps=material.gaps,
        anchors=_pem(anchors),
        # Never empty, since openssl takes no empty file.
        intermediates=signer + _pem(between),
        lists=b"".join(one.crl.public_bytes(Encoding.PEM) for one in lists),
        verdict=policy,
        receipt=receipt,
        log_key=key,
    )


def _certificates(
    runtime: Runtime, entries: Iterable[AcceptedEntry], material: TrustMaterial, now: datetime
) -> tuple[list[Link], list[Link]]:
    """The anchors that these entries lead to, and the certificates on the way; each once."""
    anchors: dict[str, Link] = {}
    between: dict[str, Link] = {}
    for one in entries:
        verdict = runtime.trust.verdict(one.signer, now)
        for fingerprint in (verdict.anchor_fingerprint, one.signer.fingerprint):
            if fingerprint is not None and fingerprint in material.pins:
                anchors[fingerprint] = material.pins[fingerprint]
        for link in (*material.intermediates, *_links(one.signer.intermediates)):
            if link.name in verdict.path:
                between[link.fingerprint] = link
    return list(anchors.values()), [one for one in between.values() if one.fingerprint not in anchors]


def _links(certificates: Iterable[bytes]) -> Iterable[Link]:
    for der in certificates:
        try:
            yield parse_link(der)
        except MaterialError:
            continue  # no path leads through a certificate that cannot be read


def _pem(links: Iterable[Link]) -> bytes:
    return "".join(ssl.DER_cert_to_PEM_cert(one.der) for one in links).encode()


def _receipt(session: Session, runtime: Runtime, entry: AcceptedEntry) -> bytes | None:
    if runtime.federation is None:
        return None
    log = Trees(session).find(PUBLIC)
    if log is None or log.halted is not None:
        return None
    try:
        return prove_entry(PublishedLogs(session, frozenset({PUBLIC})), log, entry.entry_id).to_bytes()
    except (NotPublishedError, NotInLogError):
        return None  # a checkpoint covers it in a moment
