"""The interface of the engines, and which engine a name means."""

from typing import Protocol

from keras_teran.search._address import EMBEDDED, check_engine, server_key


class Engine(Protocol):
    """Keeps points and finds them; each method takes the collection's name first.

    Every method may raise OSError: of them ConnectionError where a server is not
    reached.
    """

    def create(self, schema):
        """Makes both collections, where they are not there yet."""

    def upsert(self, collection, points):
        """Adds points; of an id that is there already, replaces it."""

    def delete(self, collection, ids):
        """Removes points; an id that is not there is no error."""

    def set_payload(self, collection, point_id, payload):
        """Replaces the payload of a point."""

    def nearest(self, collection, pooled, members, limit, candidates, where):
        """The best points by MAX_SIM, or by the pooled vector where members is None.

        Args:
            collection: str.
            pooled: float32 (dim,).
            members: float32 (members, dim), or None.
            limit: int, how many to return.
            candidates: int, how many the pooled vector hands on to MAX_SIM; None: all.
            where: dict, see `_schema.check_where`.

        Returns:
            List of (id, score), best first.
        """

    def retrieve(self, collection, ids, members=False, payload=False):
        """The points of these ids, of those that are there, in any order."""

    def scroll(self, collection, after, limit, where, members=False, payload=False):
        """Points in the order of their ids: (list of points, where to go on or None)."""

    def having(self, collection, key, limit):
        """Points with their payloads, of those that have a field that is not empty."""

    def count(self, collection):
        """How many points there are."""

    def finish(self):
        """After the last write: builds what makes searches quick; all is on disk."""

    def close(self):
        """Releases what it holds."""


def open_engine(name, folder, api_key=None, prefix=None, storage=None, told_by=None):
    """The engine that a name means.

    Args:
        name: "embedded", or the URL of a Qdrant server, http:// or https://.
        folder: path of the index; the embedded engine keeps its files there.
        api_key: str, of the server; None for that in QDRANT_API_KEY, if any.
        prefix: str, of the names of the collections on the server.
        storage: `Storage`, how the server is to keep them.
        told_by: path of the file that named the engine; None where the user did in this
            call. A key goes only where the user did.

    Returns:
        An `Engine`.

    Raises:
        ValueError: for a name that is neither, or a key that must not be sent there.
        ModuleNotFoundError: when the package of the engine is not installed.
        ConnectionError: when no server answers there.
    """
    check_engine(name)
    if name == EMBEDDED:
        from keras_teran.search.qdrant._edge import EmbeddedEngine

        return EmbeddedEngine(folder)
    from keras_teran.search.qdrant._server import ClusterEngine

    key = server_key(name, api_key, told_by is None, told_by)
    return ClusterEngine(name, prefix, key, storage)
