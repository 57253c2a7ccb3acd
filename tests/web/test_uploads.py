"""An uploaded .npz: read as it is, refused in one line, whatever is in it."""

import io
import pickle
import zipfile

import numpy as np
import pytest

from keras_teran.search._image_file import read_image_file
from keras_teran.web._limits import Limits

LIMITS = Limits(upload_bytes=20_000, regions=5)
REGIONS = np.arange(6, dtype="float32").reshape(3, 2)
BOXES = np.float32([[0, 0, 1, 1]] * 3)


def read_upload(body, limits):
    """As the service reads one."""
    most = limits.upload_bytes, limits.regions
    return read_image_file(body, "The body", *most)


def npz(save=np.savez, **arrays):
    stream = io.BytesIO()
    save(stream, **{"regions": REGIONS, "boxes": BOXES, **arrays})
    return stream.getvalue()


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def zipped(method=zipfile.ZIP_STORED, **members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as file:
        for name, data in members.items():
            file.writestr(f"{name}.npy", data)
    return stream.getvalue()


def header(shape, descr="<f4"):
    stream = io.BytesIO()
    fields = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, fields)
    return stream.getvalue()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("kind", ["float16", "float32", "float64", ">f4"])
def test_arrays_come_as_they_were_saved(save, kind):
    regions = np.asfortranarray(REGIONS.astype(kind))
    mask = np.array([True, False, True])
    found = read_upload(npz(save, regions=regions, region_mask=mask), LIMITS)
    assert found["regions"].dtype == regions.dtype
    assert (found["regions"] == REGIONS).all() and (found["boxes"] == BOXES).all()
    assert (found["region_mask"] == mask).all()
    assert set(read_upload(npz(), LIMITS)) == {"regions", "boxes"}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "is no .npz file, or a damaged one"),
        (b"not a zip at all", "is no .npz file, or a damaged one"),
        (npz()[:-30], "is no .npz file, or a damaged one"),
        (
            npz().replace(REGIONS.tobytes(), bytes(24)),
            "The body is damaged: Bad CRC-32",
        ),
        (
            zipped(regions=npy(REGIONS)),
            r"lacks the arrays boxes; it holds \['regions'\]",
        ),
        (npz(bboxes=BOXES), "holds 'bboxes'; give the arrays regions, boxes and maybe"),
        (zipped(regions=b"no", boxes=npy(BOXES)), "regions is no .npy array."),
        (npz(boxes=np.zeros((3, 4), int)), "boxes must be float16.*received int64"),
        (
            npz(regions=REGIONS.astype("longdouble")),
            "floats of up to 64 bits; received float128",
        ),
        (npz(region_mask=np.ones(3)), "region_mask must be bool; received float64"),
        (npz(regions=np.zeros((6, 2), "f4")), r"regions has shape \(6, 2\); .*1 to 5"),
        (npz(regions=np.zeros((0, 2), "f4")), r"regions has shape \(0, 2\)"),
        (npz(regions=np.zeros(4, "f4")), r"regions has shape \(4,\)"),
        (npz(regions=np.float32(1)), r"regions has shape \(\)"),
        (
            zipped(regions=header((3, 2)) + bytes(20), boxes=npy(BOXES)),
            r"regions has 20 bytes, which is not its shape \(3, 2\) in float32",
        ),
    ],
)
def test_another_file_is_refused_in_one_line(body, message):
    with pytest.raises(ValueError, match=message) as told:
        read_upload(body, LIMITS)
    assert "\n" not in str(told.value)


def test_what_would_be_pickled_is_never_unpickled():
    class Hostile:
        def __reduce__(self):
            return (pytest.fail, ("it was unpickled",))

    data = header((1,), "|O") + pickle.dumps([Hostile()])
    with pytest.raises(ValueError, match="regions must hold bools.*received object"):
        read_upload(zipped(regions=data, boxes=npy(BOXES)), LIMITS)


def test_a_file_that_unpacks_to_more_is_refused_before_it_is_unpacked():
    body = npz(np.savez_compressed, regions=np.zeros((5, 10**6), "float32"))
    with pytest.raises(ValueError, match="unpacks to 20,000,304 bytes, over 20,000"):
        read_upload(body, LIMITS)
    # One that says less than it holds gives no more than it says.
    honest = npy(np.zeros((3, 2), "float32"))
    told = len(honest)
    body = zipped(zipfile.ZIP_DEFLATED, regions=honest + bytes(10**6), boxes=npy(BOXES))
    real = (told + 10**6).to_bytes(4, "little")
    lying = body.replace(real, told.to_bytes(4, "little"))
    assert lying != body
    with pytest.raises(ValueError, match="The body is damaged: Bad CRC-32"):
        read_upload(lying, LIMITS)


@pytest.mark.parametrize("shape", [(2**40, 2**20), (-1, -6), (3, 2, 0)])
def test_an_array_of_another_size_than_it_says_is_not_allocated(shape):
    data = header(shape) + REGIONS.tobytes()
    with pytest.raises(ValueError, match="which is not its shape"):
        read_upload(zipped(regions=data, boxes=npy(BOXES)), LIMITS)


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
def test_a_name_that_stands_there_twice_is_refused():
    stream = io.BytesIO(npz())
    with zipfile.ZipFile(stream, "a") as file:
        file.writestr("boxes.npy", npy(BOXES))
    with pytest.raises(ValueError, match="The body holds the array 'boxes' twice"):
        read_upload(stream.getvalue(), LIMITS)


def test_other_compressions_and_encryption_are_refused():
    whole = {"regions": npy(REGIONS), "boxes": npy(BOXES)}
    body = zipped(zipfile.ZIP_LZMA, **whole)
    with pytest.raises(
        ValueError, match="packed by method 14; write it by numpy.savez"
    ):
        read_upload(body, LIMITS)
    secret = bytearray(zipped(**whole))
    secret[secret.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(ValueError, match="The body is encrypted; save it without"):
        read_upload(bytes(secret), LIMITS)


@pytest.mark.seconds
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_damaged_file_is_read_or_refused_and_nothing_else(save):
    good = npz(save)
    generator = np.random.default_rng(0)
    refused = 0
    for _ in range(1500):
        body = bytearray(good)
        for place in generator.integers(0, len(body), generator.integers(1, 4)):
            body[place] = generator.integers(0, 256)
        try:
            read_upload(bytes(body), LIMITS)
        except ValueError:
            refused += 1
    assert 700 < refused < 1500  # most bytes count; a few, such as dates, do not


@pytest.mark.seconds
@pytest.mark.filterwarnings("ignore:Reading ..npy:UserWarning")
def test_a_damaged_header_is_read_or_refused_and_nothing_else():
    generator, good = np.random.default_rng(0), npy(REGIONS)
    signs = list(b"(){}[]'\",:0123456789 \nabL")
    refused = 0
    for _ in range(1500):
        data = bytearray(good)
        for place in generator.integers(0, 128, 3):
            data[place] = generator.choice(signs)
        try:
            read_upload(zipped(regions=bytes(data), boxes=npy(BOXES)), LIMITS)
        except ValueError:
            refused += 1
    assert refused > 1300
