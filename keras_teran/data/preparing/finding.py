"""The pictures that a caption file means, among those of a folder."""

import unicodedata
from pathlib import PurePosixPath

from keras_teran.regions.decode import BadImage


class Finder:
    """Finds files of a folder by the names that a caption file gives them.

    A name is a path below the folder; or ends in one (`val2014/a.jpg` where the folder
    is that of val2014, or a path of another machine); or is a file's name alone. Only
    what was listed is found, so no name leads out of the folder. Accents composed or
    not, as macOS and others write them, are the same.

    Args:
        folder: for errors.
        names: list of str, the files of the folder, relative to it, `/` between.

    Example:
        >>> Finder("photos", ["a.jpg", "sea/b.jpg"]).find("C:\\\\photos\\\\sea\\\\b.jpg")
        'sea/b.jpg'
    """

    def __init__(self, folder, names):
        self._folder = folder
        self._by_path = {_same(name): name for name in names}
        self._by_name = {}
        for name in names:
            self._by_name.setdefault(_same(PurePosixPath(name).name), []).append(name)

    def find(self, name):
        """The file that a name means: str, relative to the folder.

        Raises:
            BadImage: if there is none, or several in different folders.
        """
        for asked in (_same(name), _same(name.replace("\\", "/"))):
            parts = PurePosixPath(asked).parts
            for start in range(len(parts)):
                found = self._by_path.get("/".join(parts[start:]))
                if found is not None:
                    return found
        places = self._by_name.get(_same(name), [])
        if len(places) > 1:
            raise BadImage(
                f"{name} may be {' or '.join(places[:3])}: captions must name the folder"
            )
        if not places:
            raise BadImage(f"{name} is missing: no such file in {self._folder}")
        return places[0]


def _same(name):
    return unicodedata.normalize("NFC", name)
