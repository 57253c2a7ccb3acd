"""Twenty pictures and their captions, as people have them."""

import pytest
from support.own_pictures import two_captions, write_captions, write_photos


@pytest.fixture
def photos(tmp_path):
    return write_photos(tmp_path / "photos")


@pytest.fixture
def captions(tmp_path):
    return write_captions(tmp_path / "captions.csv", two_captions())
