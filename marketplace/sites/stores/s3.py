"""Object storage that speaks S3 as a store.

An image is one object. What users must not see, and the marks of what is this site's, lie below
``PREFIX.marketplace/SITE/`` in the same bucket; showing and hiding are copies made by the store itself.

- ``EXTERNAL/digest/DIGEST``: empty; the mark. One list tells everything of the site.
- ``EXTERNAL/part``: a whole image that was not shown yet. A transfer that broke off leaves no object.
- ``EXTERNAL/withdrawn``, ``EXTERNAL/quarantine``: what was taken out of sight.

Objects can be overwritten by whoever may write, and S3 makes no digest of a whole large object that is
endorsed: proving an image again means reading it.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from marketplace.sites.errors import StoreError
from marketplace.sites.store_settings import S3Table
from marketplace.sites.stores.interface import ImageProperties, Part, StoredImage
from marketplace.sites.stores.s3_client import answers_of, make_client, upload

WORK: Final = ".marketplace"
_FORMAT = re.compile(r"[a-z0-9]{1,10}")
_DIGEST: Final = "digest/"
#: Where bytes are that users do not see; of several, those of the first count.
_HIDDEN: Final = ("part", "withdrawn", "quarantine")
_PIECE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class _Own:
    """What lies below ``.marketplace/SITE/EXTERNAL/``.

    Args:
        digests: of the image whose mark is there; none: it is not of this site.
        hidden: where its bytes are, and how many.
    """

    digests: set[str]
    hidden: dict[str, int]

    def add(self, rest: str, size: int) -> None:
        """Take in an object, by the end of its name."""
        if rest.startswith(_DIGEST):
            self.digests.add(rest.removeprefix(_DIGEST))
        elif rest in _HIDDEN:
            self.hidden[rest] = size


class S3Store:
    """Images in a bucket.

    Args:
        site: the name of this site; part of the marks.
    """

    def __init__(self, table: S3Table, site: str) -> None:
        self.name = table.name
        self._table = table
        self._bucket = table.bucket
        self._prefix = table.prefix
        self._work = f"{table.prefix}{WORK}/{site}/"
        self._made: Any = None

    @property
    def _s3(self) -> Any:
        if self._made is None:
            self._made = make_client(self._table)
        return self._made

    @contextmanager
    def _asking(self) -> Iterator[None]:
        _ = self._s3  # says what to do where boto3 is not there
        with answers_of(f"store {self.name}: bucket {self._bucket}"):
            yield

    def check(self) -> list[str]:
        """See ``Store``."""
        key = f"{self._work}probe"
        try:
            with self._asking():
                self._put(key)
                self._delete(key)
                self._s3.list_objects_v2(Bucket=self._bucket, Prefix=self._work, MaxKeys=1)
        except StoreError as error:
            return [str(error)]
        return []

    def about(self) -> str:
        """See ``Store``."""
        return f"bucket {self._bucket} at {self._table.endpoint or 'Amazon S3'}"

    def reserve(self, facts: ImageProperties, attempt: int) -> str:
        """See ``Store``."""
        ending = facts.format if _FORMAT.fullmatch(facts.format) else "img"
        external = f"{facts.identifier}.{ending}"
        with self._asking():
            own = self._own(external)
            if not own.digests and self._head(self._prefix + external) is not None:
                raise StoreError(
                    f"store {self.name}: {self._prefix}{external} is there, and not of this site"
                )
            if facts.digest not in own.digests:
                self._put(f"{self._work}{external}/{_DIGEST}{facts.digest}")
            for other in own.digests - {facts.digest}:
                self._delete(f"{self._work}{external}/{_DIGEST}{other}")
        return external

    def part(self, external: str) -> Part:
        """An object is there whole or not at all."""
        return Part(Path(), 0, "", "")

    def fill(self, external: str, blocks: Iterator[bytes], source: str, tag: str | None, have: int) -> int:
        """See ``Store``."""
        key = self._hidden(external, "part")
        with self._asking():
            self._abort(key)
            return upload(self._s3, self._bucket, key, blocks)

    def fetches(self, facts: ImageProperties, url: str) -> bool:
        """A bucket fetches nothing."""
        return False

    def fetch(
        self, external: str, facts: ImageProperties, url: str, find_stop: Callable[[], str | None]
    ) -> None:
        """A bucket fetches nothing."""
        raise StoreError(f"store {self.name} fetches nothing by itself")

    def drop(self, external: str) -> None:
        """See ``Store``."""
        key = self._hidden(external, "part")
        with self._asking():
            self._abort(key)
            self._delete(key)

    def look(self, external: str) -> StoredImage | None:
        """See ``Store``."""
        with self._asking():
            own = self._own(external)
            stored = self._stored(external, own, self._head(self._prefix + external)) if own.digests else None
        return stored if stored is not None and stored.complete else None

    def content(self, external: str, most: int | None = None) -> Iterator[bytes]:
        """See ``Store``."""
        wanted = {} if most is None else {"Range": f"bytes=0-{most - 1}"}
        with self._asking():
            key = self._prefix + external
            if self._head(key) is None:
                key = self._hidden(external, self._first(external, self._own(external)))
            body = self._s3.get_object(Bucket=self._bucket, Key=key, **wanted)["Body"]
            try:
                left = most
                for piece in body.iter_chunks(_PIECE):
                    yield piece if left is None else piece[:left]
                    if left is not None and (left := left - len(piece)) <= 0:
                        return
            finally:
                body.close()

    def proven(self, external: str, digest: str) -> str | None:
        """An object can be overwritten, so nothing but its bytes proves it."""
        return None

    def show(self, external: str) -> None:
        """See ``Store``."""
        final = self._prefix + external
        with self._asking():
            own = self._own(external)
            if self._head(final) is None:
                self._copy(self._hidden(external, self._first(external, own)), final)
            # What another location sent in its place is worth nothing any more.
            for folder in own.hidden:
                self._delete(self._hidden(external, folder))

    def hide(self, external: str) -> None:
        """See ``Store``."""
        self._move(external, "withdrawn")

    def quarantine(self, external: str) -> None:
        """See ``Store``."""
        self._move(external, "quarantine")

    def remove(self, external: str) -> None:
        """See ``Store``."""
        with self._asking():
            own = self._own(external)
            if not own.digests:
                return  # whatever has this name is not of this site
            self._abort(self._hidden(external, "part"))
            self._delete(self._prefix + external)
            for folder in own.hidden:
                self._delete(self._hidden(external, folder))
            # The mark goes last: what carries one is found again.
            for digest in own.digests:
                self._delete(f"{self._work}{external}/{_DIGEST}{digest}")

    def ours(self) -> Iterable[StoredImage]:
        """See ``Store``."""
        found: dict[str, _Own] = {}
        with self._asking():
            for key, size in self._list(self._work):
                external, _, rest = key.removeprefix(self._work).partition("/")
                found.setdefault(external, _Own(set(), {})).add(rest, size)
            visible = {
                key.removeprefix(self._prefix): size for key, size in self._list(self._prefix, Delimiter="/")
            }
        for external, own in sorted(found.items()):
            if own.digests:
                yield self._stored(external, own, visible.get(external))

    def key(self, external: str) -> str:
        """See ``Store``."""
        return f"s3:{self._bucket}/{self._prefix}{external}"

    def path(self, external: str) -> Path | None:
        """Objects are no files."""
        return None

    def _hidden(self, external: str, folder: str) -> str:
        return f"{self._work}{external}/{folder}"

    def _own(self, external: str) -> _Own:
        """What this site has under a name, besides what users see."""
        own, start = _Own(set(), {}), f"{self._work}{external}/"
        for key, size in self._list(start):
            own.add(key.removeprefix(start), size)
        return own

    def _first(self, external: str, own: _Own) -> str:
        """Where the hidden bytes are that count."""
        for folder in _HIDDEN:
            if folder in own.hidden:
                return folder
        raise StoreError(f"store {self.name} has no {external}")

    def _stored(self, external: str, own: _Own, visible: int | None) -> StoredImage:
        size = visible
        if size is None:
            size = next((own.hidden[one] for one in _HIDDEN if one in own.hidden), None)
        return StoredImage(
            external,
            external.rpartition(".")[0],
            max(own.digests),
            visible is not None,
            size or 0,
            complete=size is not None,
        )

    def _move(self, external: str, folder: str) -> None:
        final = self._prefix + external
        with self._asking():
            own = self._own(external)
            if own.digests and self._head(final) is not None:
                source = final
            elif own.hidden and (first := self._first(external, own)) != folder:
                source = self._hidden(external, first)
            else:
                return
            self._copy(source, self._hidden(external, folder))
            self._delete(source)

    def _copy(self, source: str, target: str) -> None:
        """Have the store copy an object, however large it is."""
        self._s3.copy({"Bucket": self._bucket, "Key": source}, self._bucket, target)

    def _put(self, key: str) -> None:
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=b"")

    def _delete(self, key: str) -> None:
        self._s3.delete_object(Bucket=self._bucket, Key=key)

    def _head(self, key: str) -> int | None:
        """How many bytes an object has; None where there is none."""
        # What is called so comes first of all that begin so.
        said = self._s3.list_objects_v2(Bucket=self._bucket, Prefix=key, MaxKeys=1)
        return next((one["Size"] for one in said.get("Contents", ()) if one["Key"] == key), None)

    def _list(self, prefix: str, **more: str) -> Iterator[tuple[str, int]]:
        pages = self._s3.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=self._bucket, Prefix=prefix, **more):
            for one in page.get("Contents", ()):
                yield one["Key"], one["Size"]

    def _abort(self, key: str) -> None:
        """Take away what transfers that broke off have left; it is no object, and takes room all the same."""
        pages = self._s3.get_paginator("list_multipart_uploads")
        for page in pages.paginate(Bucket=self._bucket, Prefix=key):
            for one in page.get("Uploads", ()):
                if one["Key"] == key:
                    self._s3.abort_multipart_upload(Bucket=self._bucket, Key=key, UploadId=one["UploadId"])
