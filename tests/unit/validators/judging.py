"""How these tests make documents and ask for verdicts."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.factories.documents import ImageDraft, image, unsigned
from tests.factories.identities import Identity, make_identity
from tests.factories.signatures import sign_raw
from validators import accept
from validators.errors import RefusedError

Hook = Callable[[str], str]


def made(
    hook: Hook | None = None,
    draft: ImageDraft | None = None,
    identity: Identity | None = None,
    *,
    created: str = "2024-05-01T12:00:00Z",
    email: str | None = None,
    **signing: object,
) -> bytes:
    """A document whose text a hook changed before it was signed by a raw, unquestioning signer."""
    who = identity or make_identity()
    options = {"method": _method(who), "digest": "sha256", **signing}
    document = unsigned(draft or image(), who, created, email=email, hook=hook)
    return sign_raw(document, who, **options)


def replaced(old: str, new: str) -> Hook:
    """A hook that replaces text which must be there exactly once."""

    def hook(text: str) -> str:
        assert text.count(old) == 1, f"{old!r} is there {text.count(old)} times"
        return text.replace(old, new)

    return hook


def put_last(xml: str) -> Hook:
    """A hook that puts XML at the end of the rdf:Description."""
    return replaced("</rdf:Description>", xml + "</rdf:Description>")


def refusal(data: bytes) -> RefusedError:
    """Why a document is refused; fails where it is accepted."""
    with pytest.raises(RefusedError) as caught:
        accept(data)
    return caught.value


def code(data: bytes) -> str:
    """The code of a refusal."""
    return refusal(data).code


def _method(identity: Identity) -> str:
    kind = type(identity.key).__name__
    return "ecdsa-sha256" if "EllipticCurve" in kind or "EC" in kind else "rsa-sha256"
