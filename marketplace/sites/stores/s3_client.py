"""The client of an S3 store: credentials, uploads in parts, and what its errors are to a site.

boto3 is in the extra ``s3``, and imported only where a store of that type is used: it takes
longer than most commands of a site.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from marketplace.sites.errors import StoreError, StoreFullError
from marketplace.sites.store_settings import S3Table

#: Bytes of a part. S3 takes 10 000 of them, so they get larger.
_PART: Final = 16 << 20
_LARGER_AFTER: Final = 4000
_LARGER: Final = 256 << 20
_FULL: Final = frozenset({"EntityTooLarge", "QuotaExceeded", "InsufficientStorage", "InsufficientCapacity"})
_FULL_STATUS: Final = frozenset({413, 507})
_TRIES: Final = 4


def make_client(table: S3Table) -> Any:
    """A client; nothing is asked of the store yet.

    Raises:
        StoreError: boto3 is not installed, or the profile is not there.
    """
    try:
        from boto3.session import Session
        from botocore.config import Config
        from botocore.session import get_session
    except ImportError:
        raise StoreError(
            f"store {table.name}: stores of the type s3 need boto3: pip install 'image-marketplace[s3]'"
        ) from None
    with answers_of(f"store {table.name}"):
        core = get_session()
        if table.credentials is not None:
            core.set_config_variable("credentials_file", str(table.credentials))
        return Session(botocore_session=core, profile_name=table.profile).client(
            "s3",
            endpoint_url=table.endpoint,
            region_name=table.region,
            verify=str(table.cacert) if table.cacert is not None else True,
            config=Config(
                connect_timeout=min(table.idle, 30),
                read_timeout=table.idle,
                retries={"mode": "standard", "total_max_attempts": _TRIES},
                s3={"addressing_style": table.addressing},
                # Each part goes with its MD5, which every store checks; newer checksums are not everywhere.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )


def upload(client: Any, bucket: str, key: str, blocks: Iterator[bytes]) -> int:
    """Store what flows as one object, which is there at its end or not at all.

    Returns:
        how many bytes it has.
    """
    parts = _parts(blocks)
    first = next(parts, b"")
    second = next(parts, None)
    if second is None:
        client.put_object(Bucket=bucket, Key=key, Body=first, ContentMD5=_md5(first))
        return len(first)
    named = {"Bucket": bucket, "Key": key}
    named["UploadId"] = client.create_multipart_upload(**named)["UploadId"]
    size, done = 0, []
    try:
        for number, part in enumerate(_chain(first, second, parts), 1):
            said = client.upload_part(**named, PartNumber=number, Body=part, ContentMD5=_md5(part))
            done.append({"ETag": said["ETag"], "PartNumber": number})
            size += len(part)
        client.complete_multipart_upload(**named, MultipartUpload={"Parts": done})
    except BaseException:
        # What cannot be taken away now is taken away before the next attempt.
        with answers_of(key, quiet=True):
            client.abort_multipart_upload(**named)
        raise
    return size


@contextmanager
def answers_of(what: str, *, quiet: bool = False) -> Iterator[None]:
    """Turn errors of boto3 into those of a store.

    Args:
        what: was asked; begins the message.
        quiet: whether they are passed over.

    Raises:
        StoreFullError, StoreError: as they say.
    """
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

    try:
        yield
    except ClientError as error:
        said = error.response.get("Error", {})
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        code = str(said.get("Code", ""))
        kind = StoreFullError if code in _FULL or status in _FULL_STATUS else StoreError
        text = " ".join(str(said.get("Message", "")).split())[:300]
        raised = kind(f"{what}: {error.operation_name} is refused: {status} {code}: {text}")
    except (BotoCoreError, HTTPClientError, Boto3Error) as error:
        raised = StoreError(f"{what}: {' '.join(str(error).split())[:400]}")
    else:
        return
    if not quiet:
        raise raised from None


def _parts(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Pieces of the size in which they are sent."""
    held, number = bytearray(), 1
    for block in blocks:
        held += block
        while len(held) >= (size := _PART if number <= _LARGER_AFTER else _LARGER):
            yield bytes(held[:size])
            del held[:size]
            number += 1
    if held:
        yield bytes(held)


def _chain(first: bytes, second: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield second
    yield from rest


def _md5(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
