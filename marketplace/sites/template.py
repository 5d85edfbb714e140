"""The site.toml that ``marketplace site init`` writes."""

from __future__ import annotations

import json

from marketplace.client.errors import TransportError
from marketplace.client.transport import Transport
from marketplace.sites.errors import KnowledgeError
from marketplace.tlog.errors import KeyFormatError
from marketplace.tlog.note import parse_verifier_key

_MOST = 1 << 20

_TEXT = """\
# What every setting means: docs/sites.md. Every fault is named by: marketplace site check
name  = "{name}"
state = "/var/lib/marketplace-site"
run   = "/run/marketplace-site"
# metrics = "127.0.0.1:9180"

[[marketplace]]                 # any number: the newest statement of all counts
url  = "{url}"
{key}
poll = 0.5                      # seconds

[trust]                         # whose certificates count
anchors = ["/etc/grid-security/certificates"]

[policy]                        # deny wins; each list that is not empty must be met
# endorsers.allow = ["*@images.example.org"]
checksum.least = "SHA-256"
# age.most = "400d"
# formats.allow = ["qcow2", "raw"]

[decision]
stale_after = "24h"             # since a marketplace was last heard
when_stale  = "refuse"          # or "keep"
unknown     = "allow"           # disks that are not an image of this site; "refuse" for closed sites

[fetch]
parallel = 2
allow_private = []              # networks or hosts; else addresses inside are refused

[[store]]
name = "images"
type = "directory"              # or "libvirt", with pool = "NAME"
path = "/var/lib/images"

# [[subscription]]
# name = "debian"
# tag = "alice@images.example.org/debian-13"
# stores = ["images"]
# keep = 2

# [receipts]                    # tells marketplaces what became of images; needs token_file there
# key_file = "site.key"
"""
#: Where the key of a site is made, beside its configuration.
KEY_FILE = "site.key"


def template(name: str, url: str | None, key: str | None) -> str:
    """A commented configuration."""
    line = '# key = "…"                   # of its published log' if key is None else f'key  = "{key}"'
    return _TEXT.format(name=name, url=url or "https://marketplace.example.org", key=line)


def find_log_key(url: str) -> str | None:
    """The key of the public log that a marketplace publishes, by its own word; None where it publishes none.

    Raises:
        KnowledgeError: it does not answer.
    """
    transport = Transport(url.rstrip("/"))
    try:
        answer = transport.get("/.well-known/marketplace-federation", accept="application/json", limit=_MOST)
    except TransportError as error:
        raise KnowledgeError(str(error)) from error
    finally:
        transport.close()
    if answer.status != 200:
        return None
    try:
        logs = json.loads(answer.body)["logs"]
        key = next(one["key"] for one in logs if one["name"] == "public")
        return str(parse_verifier_key(key))
    except (ValueError, KeyError, TypeError, StopIteration, RecursionError, KeyFormatError):
        raise KnowledgeError(f"{url} tells no key that can be read") from None
