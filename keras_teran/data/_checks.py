"""What every region store checks: finite features, boxes inside the image, known ids."""

import contextlib

import numpy as np


@contextlib.contextmanager
def remedied(remedy):
    """Ends the ValueErrors of a reader that knows no remedy with one."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{str(error).rstrip('.')}. {remedy}") from None


class ImageRows:
    """Finds the rows at which images stand.

    Args:
        image_ids: int, (images,). Row ``k`` holds image ``image_ids[k]``.
        place: the file or folder to name in errors.

    Raises:
        ValueError: if an id occurs twice.

    Example:
        >>> ImageRows(np.array([30, 10, 20]), "here").rows([10, 30]).tolist()
        [1, 0]
    """

    def __init__(self, image_ids, place):
        self.image_ids = np.asarray(image_ids, np.int64)
        self.place = place
        self._order = np.argsort(self.image_ids, kind="stable")
        self._sorted = self.image_ids[self._order]
        twice = self._sorted[1:][self._sorted[1:] == self._sorted[:-1]]
        if len(twice):
            raise ValueError(
                f"{place}: image ids must be unique; {np.unique(twice)[:5].tolist()} "
                "occur more than once."
            )

    def rows(self, image_ids):
        """Rows of images.

        Args:
            image_ids: int, (n,).

        Returns:
            int64, (n,).

        Raises:
            ValueError: if an id is unknown; names the first five.
        """
        wanted = np.asarray(image_ids, np.int64)
        places = np.searchsorted(self._sorted, wanted)
        known = places < len(self._sorted)
        known[known] = self._sorted[places[known]] == wanted[known]
        if not known.all():
            unknown = np.unique(wanted[~known])
            raise ValueError(
                f"{self.place} has no features of {len(unknown)} of the images asked "
                f"for, first ids {unknown[:5].tolist()}. It holds "
                f"{len(self._sorted)} images. Check that features and captions belong "
                "together, or extract the missing ones."
            )
        return self._order[places]


class RowStore:
    """What every `RegionStore` says of its rows.

    A subclass sets `_rows`, an `ImageRows`.
    """

    @property
    def image_ids(self):
        """Ids of the images it holds: int64, (images,), in the order of the rows."""
        return self._rows.image_ids

    def __len__(self):
        """Number of images."""
        return len(self.image_ids)

    def rows(self, image_ids):
        """Rows at which images stand: int64, (n,); ValueError names unknown ids."""
        return self._rows.rows(image_ids)
