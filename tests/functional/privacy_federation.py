"""What other marketplaces and probes are told without the grant."""

from __future__ import annotations

from collections.abc import Mapping

from tests.functional.privacy_asks import (
    ABSENT_LOG,
    SAME,
    Ask,
    Row,
    absent,
    gets,
)

ROWS: Mapping[str, Row] = {
    "health.alive": Row(SAME, gets("/healthz")),
    "health.ready": Row("how far followers are behind in the public log", gets("/readyz")),
    "metrics": Row(
        "requests without credentials, uploads to the public log, its size; the rest for administrators",
        gets("/metrics"),
    ),
    "fed.description": Row(
        "the published logs that the reader may see",
        (Ask("/.well-known/marketplace-federation", instead="/.well-known/marketplace-federation?"),),
    ),
    "fed.checkpoint": Row(
        "404, as for a log that never was",
        (*absent("/fed/v1/logs/{group}/checkpoint", f"{ABSENT_LOG}/checkpoint"),
         *absent("/fed/v1/logs/{private_slug}/checkpoint", f"{ABSENT_LOG}/checkpoint")),
    ),
    "fed.changes": Row(
        "404, as for a log that never was",
        absent("/fed/v1/logs/{private_slug}/changes", f"{ABSENT_LOG}/changes"),
    ),
    "fed.entries": Row(
        "404, as for a log that never was",
        absent("/fed/v1/logs/{private_slug}/tile/entries/000.p/1", f"{ABSENT_LOG}/tile/entries/000.p/1"),
    ),
    "fed.tile": Row(
        "404, as for a log that never was",
        absent("/fed/v1/logs/{private_slug}/tile/0/000.p/1", f"{ABSENT_LOG}/tile/0/000.p/1"),
    ),
    "fed.bodies.bundle": Row(
        "404, as for a log that never was",
        absent("/fed/v1/logs/{private_slug}/bodies/000.p/1", f"{ABSENT_LOG}/bodies/000.p/1"),
    ),
    "fed.bodies": Row(
        "private bodies are left out like unknown ones",
        (Ask("/fed/v1/bodies", "POST", body='["{image_id}", "{twin_id}", "{published_id}"]',
             kind="application/json"),),
    ),
    "fed.proof": Row(
        "404, as for an entry or a log that never was",
        (*absent("/fed/v1/logs/{private_slug}/proof/{image_id}", f"{ABSENT_LOG}/proof/{{image_id}}"),
         *absent("/fed/v1/logs/public/proof/{image_id}", f"/fed/v1/logs/public/proof/{'0' * 64}"),
         *absent("/fed/v1/logs/public/proof/{signed_id}", f"/fed/v1/logs/public/proof/{'0' * 64}")),
    ),
    "fed.digest": Row(
        "of the public log; 404 for another one, as for a log that never was",
        (*gets("/fed/v1/logs/public/digest"),
         *absent("/fed/v1/logs/{private_slug}/digest", f"{ABSENT_LOG}/digest")),
    ),
    "fed.digest.part": Row(
        "of the public log; 404 for another one, as for a log that never was",
        absent("/fed/v1/logs/{private_slug}/digest/00", f"{ABSENT_LOG}/digest/00"),
    ),
    "fed.digest.ids": Row(
        "of the public log; 404 for another one, as for a log that never was",
        absent("/fed/v1/logs/{private_slug}/digest/00/0000", f"{ABSENT_LOG}/digest/00/0000"),
    ),
    "fed.witness.add": Row(
        "404, as for a log that never was", (Ask("/fed/v1/witness/add-checkpoint", "POST", body="old 0"),)
    ),
    "fed.witness.heads": Row("heads of the public logs of peers", gets("/fed/v1/witness/heads")),
    "fed.witness.checkpoint": Row(
        "404, as for a log that never was: names of private logs hold 128 random bits",
        absent("/fed/v1/witness/{origin_digest}/checkpoint", f"/fed/v1/witness/{'0' * 64}/checkpoint"),
    ),
    "fed.witness.latest": Row(
        "404, as for a log that never was: names of private logs hold 128 random bits",
        absent("/fed/v1/witness/latest?origin={private_origin}",
               "/fed/v1/witness/latest?origin=a.example/g/1"),
    ),
}  # fmt: skip
