"""Which files a payload's name can reach: pictures below the folder, no others."""

import pytest
from fastapi.testclient import TestClient
from support.search_double import DoubleIndex

from keras_teran.web._picture_files import safe_picture
from keras_teran.web._service import create_app

NOT_SERVED = "The index gives this image a file name that is not served."
NO_PICTURE = "Only pictures are served"
NOT_THERE = "There is no picture of this image in the folder served."


@pytest.fixture
def folder(tmp_path):
    """pictures/{a.png, val2014/b.JPG, notes.txt}, and secrets beside it."""
    pictures = tmp_path / "pictures"
    (pictures / "val2014").mkdir(parents=True)
    for name in ("a.png", "val2014/b.JPG", "notes.txt", "page.html", "drawn.svg"):
        (pictures / name).write_text(name)
    (tmp_path / "secret.png").write_text("secret")
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "pictures-of-others").mkdir()
    (tmp_path / "pictures-of-others" / "x.png").write_text("secret")
    return pictures


@pytest.mark.parametrize(
    "name, found, media_type",
    [
        ("a.png", "a.png", "image/png"),
        ("val2014/b.JPG", "val2014/b.JPG", "image/jpeg"),
        ("train2014/a.png", "a.png", "image/png"),  # all in one flat folder
    ],
)
def test_pictures_below_the_folder_are_found(folder, name, found, media_type):
    assert safe_picture(folder, name) == (folder.resolve() / found, media_type)


@pytest.mark.parametrize(
    "name, message",
    [
        ("../secret.png", NOT_SERVED),
        ("../../etc/passwd", NOT_SERVED),
        ("val2014/../../secret.png", NOT_SERVED),
        ("../pictures-of-others/x.png", NOT_SERVED),
        ("/etc/passwd", NOT_SERVED),
        ("//etc/passwd.png", NOT_SERVED),
        ("..\\secret.png", NOT_SERVED),
        ("C:\\secret.png", NOT_SERVED),
        ("file:secret.png", NOT_SERVED),
        ("a.png\0.txt", NOT_SERVED),
        ("a\n.png", NOT_SERVED),
        ("", NOT_SERVED),
        (None, NOT_SERVED),
        (7, NOT_SERVED),
        (["a.png"], NOT_SERVED),
        ("notes.txt", NO_PICTURE),
        ("page.html", NO_PICTURE),
        ("drawn.svg", NO_PICTURE),  # an SVG can hold script
        ("val2014", NO_PICTURE),
        (".png", NO_PICTURE),
        ("no.png", NOT_THERE),
        ("<script>alert(1)</script>.png", NOT_THERE),
        ("%2e%2e/secret.png", NOT_THERE),
        ("a" * 5000 + ".png", NOT_THERE),
    ],
)
def test_other_names_are_refused_without_telling_where(folder, name, message):
    with pytest.raises(FileNotFoundError) as refused:
        safe_picture(folder, name)
    assert str(refused.value).startswith(message)
    assert str(folder) not in str(refused.value)


def test_a_link_out_of_the_folder_is_not_followed(folder):
    (folder / "link.png").symlink_to(folder.parent / "secret.png")
    (folder / "away").symlink_to(folder.parent / "pictures-of-others")
    (folder / "circle.png").symlink_to(folder / "circle.png")
    for name in ("link.png", "away/x.png", "circle.png"):
        with pytest.raises(FileNotFoundError, match=NOT_THERE):
            safe_picture(folder, name)


def test_a_link_inside_the_folder_leads_to_pictures_only(folder):
    (folder / "other.png").symlink_to(folder / "a.png")
    assert safe_picture(folder, "other.png")[0] == folder.resolve() / "a.png"
    (folder / "notes.png").symlink_to(folder / "notes.txt")
    with pytest.raises(FileNotFoundError, match=NOT_THERE):
        safe_picture(folder, "notes.png")


def test_a_folder_reached_by_a_link_is_served(folder):
    link = folder.parent / "link"
    link.symlink_to(folder)
    assert safe_picture(link, "a.png")[0] == folder.resolve() / "a.png"


@pytest.mark.parametrize(
    "name", ["../secret.png", "/etc/passwd", "notes.txt", "no.png"]
)
def test_the_service_answers_404_and_shows_no_path(folder, name):
    index = DoubleIndex([{"caption": "a", "filename": name}])
    with TestClient(create_app(index, folder)) as client:
        response = client.get("/api/images/10/picture")
    assert response.status_code == 404
    assert "secret" not in response.text and str(folder) not in response.text
