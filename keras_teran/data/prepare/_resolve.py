"""The pictures that a caption file means, among those of a folder."""

from keras_teran.data._names import Names
from keras_teran.vision import BadImage


class Finder:
    """Finds files of a folder by the names that a caption file gives them.

    A name is a path below the folder; or ends in one (`val2014/a.jpg` where the folder
    is that of val2014, or a path of another machine); or is a file's name alone; see
    `Names`. Only what was listed is found, so no name leads out of the folder.

    Args:
        folder: for errors.
        names: list of str, the files of the folder, relative to it, `/` between.

    Example:
        >>> Finder("photos", ["a.jpg", "sea/b.jpg"]).find("C:\\\\photos\\\\sea\\\\b.jpg")
        'sea/b.jpg'
    """

    def __init__(self, folder, names):
        self._folder, self._files = folder, list(names)
        self._names = Names(self._files)

    def find(self, name):
        """The file that a name means: str, relative to the folder.

        Raises:
            BadImage: if there is none, or several.
        """
        places = [self._files[position] for position in self._names.find(name)]
        if len(places) > 1:
            raise BadImage(
                f"{name} may be {' or '.join(places[:3])}: captions must name the folder"
            )
        if not places:
            raise BadImage(f"{name} is missing: no such file in {self._folder}")
        return places[0]
