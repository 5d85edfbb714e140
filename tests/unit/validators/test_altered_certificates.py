"""The certificate beside a signature is covered by nothing: altering it must not make another entry."""

from __future__ import annotations

import base64
import re

import pytest

from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from validators import accept
from validators.errors import RefusedError


# A signature that happens to end with a 0 bit can be altered where others cannot, so one key is not enough.
@pytest.mark.parametrize("variant", range(4))
def test_no_single_altered_byte_of_a_self_signed_certificate_is_accepted(variant: int) -> None:
    data = signed(image(), make_identity(key="p256", variant=variant))
    accepted = accept(data)
    place = re.search(rb"<([a-z]+:)?X509Certificate>([^<]+)</", data)
    assert place is not None
    der = base64.b64decode(place[2])
    assert der == accepted.signer.certificate
    for index in range(len(der)):
        for value in {0, 1, 0x80, der[index] ^ 1} - {der[index]}:
            altered = der[:index] + bytes([value]) + der[index + 1 :]
            with pytest.raises(RefusedError):
                accept(data[: place.start(2)] + base64.b64encode(altered) + data[place.end(2) :])
