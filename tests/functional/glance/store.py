# SPDX-License-Identifier: Apache-2.0
"""Glance's own store of files, which fails as the first bytes of an image tell.

They are ``fail-STEP`` and, after a space, the store in which it fails, if not in any.  What is
kept is given and removed all the same when the deployment's folder has a file ``mended-ID``.
"""

import io
import os
from pathlib import Path

from glance_store import exceptions
from glance_store._drivers import filesystem

_MOST = 64
_FOLDER = Path(os.environ["GLANCE_CONF"]).parent
# Glance looks for this beside the store.
StoreLocation = filesystem.StoreLocation


class Store(filesystem.Store):
    def get_schemes(self):
        # Also the name of the entry point, by which Glance looks for a store.
        return (*super().get_schemes(), "tests")

    def add(self, image_id, image_file, image_size, hashing_algo, **options):
        begin = _read(image_file)
        self._step(begin)
        rest = _Rest(begin, image_file)
        return super().add(image_id, rest, image_size, hashing_algo, **options)

    def delete(self, location, context=None):
        if _fails(location, b"fail-delete"):
            raise exceptions.RemoteServiceUnavailable()
        return super().delete(location, context=context)

    def get(self, location, offset=0, chunk_size=None, context=None):
        if _fails(location, b"fail-get"):
            raise OSError("disk 10.1.2.3:/images does not answer")
        return super().get(
            location, offset=offset, chunk_size=chunk_size, context=context
        )

    def _step(self, begin):
        step, _, where = begin.decode("ascii", "replace").partition(" ")
        where = where.strip("x")
        if where and where != self.backend_group:
            return
        if step == "fail-full":
            raise exceptions.StorageFull()
        if step == "fail-denied":
            raise exceptions.StorageWriteDenied()
        if step == "fail-late":
            raise exceptions.TimeoutError("disk 10.1.2.3:/images is slow")
        if step == "fail-add":
            raise OSError("disk 10.1.2.3:/images does not answer")


def _fails(location, how):
    kept = Path(location.store_location.path)
    is_mended = (_FOLDER / f"mended-{kept.name}").exists()
    return not is_mended and kept.read_bytes()[:_MOST].startswith(how)


class _Rest(io.RawIOBase):
    """What was read, and then what was not."""

    def __init__(self, begin, rest):
        super().__init__()
        self._begin = begin
        self._rest = rest

    def read(self, size=-1):
        if self._begin:
            begin, self._begin = self._begin, b""
            return begin
        return self._rest.read(size)


def _read(file):
    return file.read(_MOST)
