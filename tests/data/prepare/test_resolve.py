import pytest

from keras_teran.data.prepare._prepare import Finder
from keras_teran.vision._decode import BadImage

FILES = [
    "a.jpg",
    "sea/a.jpg",
    "sea/b.jpg",
    "hill/c.jpg",
    "hill/deep/c.jpg",
    "caf\xe9.jpg",
]


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("a.jpg", "a.jpg"),
        ("./a.jpg", "a.jpg"),
        ("sea/a.jpg", "sea/a.jpg"),
        ("sea\\a.jpg", "sea/a.jpg"),
        ("b.jpg", "sea/b.jpg"),  # the only one of that name
        ("photos/sea/a.jpg", "sea/a.jpg"),  # the folder itself named too
        ("/home/me/photos/sea/a.jpg", "sea/a.jpg"),
        ("val2014/a.jpg", "a.jpg"),
        ("cafe\u0301.jpg", "caf\xe9.jpg"),
    ],
)
def test_a_name_means_a_file_of_the_folder(name, file):
    assert Finder("photos", FILES).find(name) == file


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("d.jpg", "d.jpg is missing: no such file in photos"),
        ("lake/b.jpg", "lake/b.jpg is missing"),  # sea/b.jpg is another
        (
            "c.jpg",
            "may be hill/c.jpg or hill/deep/c.jpg: captions must name the folder",
        ),
        ("", "is missing"),
        ("..", "is missing"),
        ("/etc/passwd", "/etc/passwd is missing"),
    ],
)
def test_what_means_none_or_several_is_named(name, message):
    with pytest.raises(BadImage, match=message):
        Finder("photos", FILES).find(name)
