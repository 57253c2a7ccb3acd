"""Pictures that are alike, and none that are not."""

import io

import numpy as np
import pytest
from PIL import Image

from keras_teran.data.prepare import _duplicates as duplicates
from keras_teran.data.prepare._duplicates import alike, fingerprint
from keras_teran.data.prepare._fingerprint import COLUMNS, ROWS, look
from keras_teran.data.scenes._embedded import embedded


def picture(seed, size=(160, 120)):
    """A photo's stand-in: smooth blobs of colour."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def miniature(image):
    file = io.BytesIO()
    image.save(file, "PNG")
    return miniature_of_file(file)


def miniature_of_file(file):
    pixels = Image.open(file).convert("RGB")
    return np.asarray(pixels.resize((COLUMNS, ROWS), Image.Resampling.BOX))


def jpeg(image, quality):
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(file)


CHANGES = {
    "JPEG 30": lambda image: jpeg(image, 30),
    "half the size": lambda image: image.resize((80, 60)),
    "another shape": lambda image: image.resize((224, 224)),
    "a little brighter": lambda image: image.point(lambda value: value * 1.03),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_picture_is_like_itself_changed_and_like_no_other(change):
    originals = [picture(seed) for seed in range(4)]
    changed = CHANGES[change](originals[2])
    groups = alike(np.stack([miniature(i) for i in (*originals, changed)]))
    assert groups.tolist() == [0, 1, 2, 3, 2]


def test_a_fingerprint_says_where_a_picture_gets_brighter_to_the_right():
    steps = np.zeros((ROWS, COLUMNS, 3), np.uint8)
    steps[:2, 2:] = 200  # First of eight rows of blocks: an edge after the first block.
    steps[2:4, 16:] = 200  # Second: an edge before the last of nine blocks.
    expected = np.array([0b1000_0000, 0b0000_0001, 0, 0, 0, 0, 0, 0], np.uint8)
    assert fingerprint(steps[None]).view(np.uint8).tolist() == expected.tolist()


def test_differences_of_compression_are_no_edges():
    noise = np.random.default_rng(0).integers(127, 129, (3, ROWS, COLUMNS, 3))
    assert fingerprint(noise.astype(np.uint8)).tolist() == [0, 0, 0]


def test_pairs_that_differ_in_few_bits_are_found_as_by_comparing_all():
    generator = np.random.default_rng(0)
    prints = generator.integers(0, 2**64, 40, np.uint64)
    flipped = [
        prints[k] ^ np.bitwise_or.reduce(np.uint64(1) << bits.astype(np.uint64))
        for k in range(40)
        for bits in [generator.choice(64, 5 + k % 5, replace=False)]
    ]
    prints = np.concatenate([prints, flipped])
    naive = {
        (a, b)
        for a in range(80)
        for b in range(a + 1, 80)
        if (int(prints[a]) ^ int(prints[b])).bit_count() <= 7
    }
    found = {(int(a), int(b)) for a, rows in duplicates._close(prints) for b in rows}
    assert found == naive
    # Those with 5, 6 and 7 flipped bits of every five.
    assert len(naive) == 40 * 3 / 5


@pytest.mark.parametrize("band", range(8))
def test_one_band_that_is_equal_suffices(band):
    flipped = sum(1 << (8 * other + 3) for other in range(8) if other != band)
    pairs = duplicates._close(np.array([0, flipped], np.uint64))
    assert [(int(a), b.tolist()) for a, b in pairs] == [(0, [1])]


def test_a_small_thing_more_makes_another_picture():
    grey = np.full((2, ROWS, COLUMNS, 3), 100, np.uint8)
    grey[1, 4, 4] = 200
    assert alike(grey).tolist() == [0, 1]


def test_who_is_like_one_is_like_all_that_are_like_it():
    grey = np.full((ROWS, COLUMNS, 3), 100, np.uint8)
    # Steps of 6: neighbours are near (9 at most), the ends are not.
    row = [grey, grey + 6, grey + 12, grey + 18, grey + 60]
    assert alike(np.stack(row)).tolist() == [0, 0, 0, 0, 4]
    # The last joins the two before it.
    assert alike(np.stack([grey, grey + 12, grey + 6])).tolist() == [0, 0, 0]


@pytest.mark.seconds
def test_drawn_scenes_that_differ_in_one_thing_are_not_alike():
    pictures = embedded("test", images=60).pictures
    small = np.stack([miniature(Image.fromarray(pixels)) for pixels in pictures])
    assert len(set(alike(small).tolist())) == len(pictures)


def test_many_that_are_equal_are_one_group():
    assert not alike(np.zeros((20_000, ROWS, COLUMNS, 3), np.uint8)).any()


def test_a_look_is_the_files_hash_and_means_over_equal_areas(tmp_path):
    pixels = np.zeros((32, 36, 3), np.uint8)
    pixels[0, 0] = 200  # One of the 2 by 2 pixels of the first of 16 by 18 areas.
    Image.fromarray(pixels).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes())
    a, b = look(tmp_path / "a.png"), look(tmp_path / "b.png")
    assert a.miniature.shape == (ROWS, COLUMNS, 3)
    assert a.miniature[0, 0].tolist() == [200 / 4] * 3
    assert a.miniature.sum() == 3 * 200 / 4
    assert a.digest == b.digest
    Image.fromarray(pixels + 1).save(tmp_path / "b.png")
    assert look(tmp_path / "b.png").digest != a.digest
