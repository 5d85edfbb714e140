"""Makes the demo once and loads it through the same door as every other entry."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from marketplace.demo.catalogue import CATALOGUE, DRAFT
from marketplace.demo.content import HOST, free_port
from marketplace.demo.drafts import CONTENT_SERVER, GONE, DemoEntry, draft
from marketplace.demo.endorsers import ENDORSERS, make_identities, write_identity
from marketplace.demo.images import pack
from marketplace.ingest import IngestResult, IngestService
from validators import accept
from validators.signing import sign

#: In the demo's directory: the files of its content server, and the port that the entries say it listens on.
CONTENT, PORT = "content", "content.port"
#: The certificate of the demo's authority, in the demo's directory: an anchor for `make run`.
AUTHORITY = "authority.pem"

_GUIDE = """\
Endorsers of the demo catalogue, made on this machine. Sign the draft as one of
them and upload it (run these in the directory that `make run` was started in):

  marketplace sign --cert {d}/alice.cert.pem --key {d}/alice.key.pem --out signed.xml {d}/draft.xml
  marketplace verify signed.xml
  marketplace upload --endpoint http://127.0.0.1:6543 signed.xml

The keys protect nothing. Remove this directory and the database for a new demo.
"""


@dataclass(frozen=True)
class LoadedDemo:
    """The entries that the demo loaded.

    Args:
        directory: keys, draft and signed files.
        entries: of the catalogue.
        created: of them, new to the marketplace.
    """

    directory: Path
    entries: int
    created: int


def load_demo(directory: Path, ingest: IngestService, now: datetime, port: int | None = None) -> LoadedDemo:
    """Load the demo catalogue; what is there already stays as it is.

    Args:
        directory: where keys and signed files are kept; made whole on the first call.
        now: the time that the catalogue's times are relative to, when it is made.
        port: of the content server, when it is made; None takes one of a few that is free.

    Raises:
        OSError: the directory cannot be made or read.
        RefusedError, IngestError: a kept file was changed, or the store does not take it.
    """
    if not directory.exists():
        _make(directory, now, free_port() if port is None else port)
    documents = [path.read_bytes() for path in sorted((directory / "entries").glob("*.xml"))]
    created = 0
    for outcome in ingest.import_all(documents):
        if not isinstance(outcome, IngestResult):
            raise outcome
        created += outcome.outcome == "created"
    return LoadedDemo(directory, len(documents), created)


def _make(directory: Path, now: datetime, port: int) -> None:
    """Make everything beside its place, then move it: an interrupted start leaves nothing half made."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    workplace = Path(tempfile.mkdtemp(dir=directory.parent, prefix=".demo-"))  # only its owner can enter
    try:
        _fill(workplace, directory, now, port)
        workplace.rename(directory)
    except BaseException:  # also when interrupted: nothing half made stays
        shutil.rmtree(workplace)
        raise


def _fill(workplace: Path, directory: Path, now: datetime, port: int) -> None:
    authority, identities = make_identities(now)
    (workplace / AUTHORITY).write_bytes(authority.public_bytes(Encoding.PEM))
    for handle, identity in identities.items():
        write_identity(workplace, handle, identity)
    claimed = {endorser.handle: endorser.email for endorser in ENDORSERS}
    entries, content = workplace / "entries", workplace / CONTENT
    entries.mkdir()
    (content / "mirror").mkdir(parents=True)
    (workplace / PORT).write_text(f"{port}\n")
    url = f"http://{HOST}:{port}"
    for entry in CATALOGUE:
        identity = identities[entry.endorser]
        made = now - timedelta(days=entry.age)
        signed = sign(draft(entry, now, url), identity, made, email=claimed[entry.endorser])
        (entries / f"{accept(signed).entry_id}.xml").write_bytes(signed)
        _put(entry, content)
    (workplace / "draft.xml").write_bytes(draft(DRAFT, now, url))
    (workplace / "README.txt").write_text(_GUIDE.format(d=directory), encoding="utf-8")


def _put(entry: DemoEntry, content: Path) -> None:
    """Put an image where its entry says that it lies, as far as that is on the content server."""
    packed = pack(entry.image(), entry.compression)
    for place in entry.addresses():
        server, _, path = place.partition("/")
        if server == CONTENT_SERVER and not path.startswith(GONE):
            (content / path).write_bytes(packed)
