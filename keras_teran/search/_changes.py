"""Changes of an index, and the hash of its points that follows them.

Before a change `index.json` loses what it says of the points and files, and gets it back
after it. So a change that is cut short is no damage: `verify` writes it anew.
"""

import threading

from keras_teran._io import progress_bar
from keras_teran.search._address import EMBEDDED
from keras_teran.search._digests import Digest
from keras_teran.search._index_manifest import write_manifest
from keras_teran.search._schema import (
    BOXES,
    COLLECTIONS,
    IMAGES,
    DamagedError,
    Point,
)
from keras_teran.search._seals import seal

_PAGE = 256


class Changes:
    """The changes of an opened index.

    Args:
        folder: path of the index.
        manifest: dict of `index.json`; it is changed too.
        engine: `Engine`, which is closed with this.
    """

    def __init__(self, folder, manifest, engine):
        self._folder = folder
        self._manifest = manifest
        self._engine = engine
        self._changed = False
        self._lock = threading.Lock()

    def upsert(self, collection, points):
        """Adds points; of an id that is there already, replaces it."""

        def write(_):
            self._engine.upsert(collection, points)
            return points

        self._change(collection, [point.id for point in points], write)

    def set_payload(self, collection, point_id, payload):
        """Replaces the payload of a point."""

        def write(before):
            self._engine.set_payload(collection, point_id, payload)
            return [Point(p.id, p.pooled, p.members, payload) for p in before]

        self._change(collection, [point_id], write)

    def delete(self, collection, ids):
        """Removes points."""

        def write(_):
            self._engine.delete(collection, ids)
            return []

        self._change(collection, ids, write)

    def verify(self, progress):
        """See `Index.verify`."""
        found = {}
        with self._lock:
            for collection in COLLECTIONS:
                found[collection] = self._verify(collection, progress)
            if self._manifest["points"] is None or self._unsealed():
                self._write(points=found)
        return {name: kept["count"] for name, kept in found.items()}

    def close(self):
        """Closes the engine, and writes down what its files are if they changed."""
        with self._lock:
            self._engine.close()
            if self._changed and self._manifest["engine"] == EMBEDDED:
                self._write(files=seal(self._folder))

    def _change(self, collection, ids, write):
        """Writes, given the points of before; `write` returns those of after."""
        with self._lock:
            kept = self._manifest["points"]
            try:
                before = self._engine.retrieve(collection, ids, True, True)
            except DamagedError:  # that is what a change may be made for
                before, kept = [], None
            self._write(points=None)
            after = write(before)
            if kept is not None:
                digest = Digest(self._manifest["dtype"], kept[collection])
                digest.take_off(before)
                digest.add(after)
                self._write(points={**kept, collection: digest.kept})

    def _unsealed(self):
        embedded = self._manifest["engine"] == EMBEDDED
        return embedded and self._manifest["files"] is None

    def _write(self, **changed):
        self._changed = True
        self._manifest.update({"files": None, **changed})
        write_manifest(self._folder, self._manifest)

    def _verify(self, collection, progress):
        digest, after = Digest(self._manifest["dtype"]), None
        total = self._engine.count(collection)
        bar = progress_bar(
            total=total, desc=f"verifying {collection}", disable=not progress
        )
        with bar:
            while True:
                points, after = self._engine.scroll(
                    collection, after, _PAGE, {}, members=True, payload=True
                )
                for point in points:
                    self._check_form(collection, point)
                digest.add(points)
                bar.update(len(points))
                if after is None:
                    break
        kept = (self._manifest["points"] or {}).get(collection, digest.kept)
        if digest.kept != kept:
            raise DamagedError(
                f"{self._folder} is damaged: its {collection} are not as they were "
                f"written ({digest.kept['count']:,} points; {kept['count']:,} were "
                "written). Take the index back from a copy, or build it again."
            )
        return kept

    def _check_form(self, collection, point):
        dim, most = self._manifest["dim"], self._manifest["widths"][collection]
        rows = len(point.members)
        boxes = len(point.payload.get(BOXES, ())) if collection == IMAGES else rows
        shapes = point.pooled.shape[-1], point.members.shape[-1]
        if shapes != (dim, dim) or rows > max(1, most) or max(1, boxes) != rows:
            raise DamagedError(
                f"{self._folder} is damaged: point {point.id} of {collection} has "
                f"{rows} vectors of {shapes[1]} numbers and {boxes} boxes; at most "
                f"{most} of {dim} numbers, a box each, were written. Build it again."
            )
