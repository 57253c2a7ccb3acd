"""Opened files answer each thread with its own request, whatever the others ask."""

import pkgutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
from support.colour_files import write_litert, write_onnx
from support.tiny_models import tiny

from keras_teran.export._converters import CONVERTERS, quiet
from keras_teran.export._runtime import open_exported
from keras_teran.extract._opening import open_extractor
from keras_teran.runtimes import OPENERS, InterpreterPool

pytestmark = pytest.mark.seconds

THREADS, REQUESTS = 8, 400


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A caption encoder in every format, which is large enough to take a while."""
    keras.utils.set_random_seed(0)
    encoder = tiny(caption_dim=64, caption_layers=2).caption_encoder
    encoder(requests(1)[0])
    root = tmp_path_factory.mktemp("threads")
    paths = {}
    for name, converter in CONVERTERS.items():
        paths[name] = root / f"caption{converter.suffix}"
        with quiet():
            converter.convert(encoder, paths[name])
    return paths


def requests(count):
    """Captions of 1 to 4 rows and 3 to 24 words, no two requests alike."""
    draw = np.random.default_rng(0)
    found = []
    for _ in range(count):
        shape = (draw.integers(1, 5), draw.integers(3, 25))
        found.append(
            {
                "token_ids": draw.integers(0, 100, shape, "int32"),
                "padding_mask": np.arange(shape[1]) < draw.integers(2, shape[1] + 1),
            }
        )
        mask = np.broadcast_to(found[-1]["padding_mask"], shape).copy()
        found[-1]["padding_mask"] = mask
    return found


def in_threads(function, asked):
    """The answers, in order, of threads that all start at once."""
    start = threading.Barrier(THREADS)

    def some(first):
        start.wait()
        return [function(each) for each in asked[first::THREADS]]

    with ThreadPoolExecutor(THREADS) as pool:
        parts = list(pool.map(some, range(THREADS)))
    found = [None] * len(asked)
    for first, part in enumerate(parts):
        found[first::THREADS] = part
    return found


def wrong(found, expected):
    """How many answers are not those of one thread alone."""
    return sum(
        {n: v.shape for n, v in a.items()} != {n: v.shape for n, v in b.items()}
        or not all(np.allclose(a[n], b[n], atol=1e-5) for n in b)
        for a, b in zip(found, expected, strict=True)
    )


def test_the_formats_are_those_that_are_exported():
    assert set(OPENERS) == set(CONVERTERS)


@pytest.mark.slow
@pytest.mark.parametrize("format_name", CONVERTERS)
def test_each_of_400_requests_on_8_threads_gets_its_own_answer(format_name, files):
    run = open_exported(files[format_name])
    asked = requests(REQUESTS)
    expected = [run(each) for each in asked]
    found = in_threads(run, asked)
    assert wrong(found, expected) == 0


@pytest.mark.slow
def test_answers_are_no_views_of_what_the_next_request_overwrites(files):
    run = open_exported(files["litert"])
    first, second = requests(2)
    kept = run(first)
    before = {name: value.copy() for name, value in kept.items()}
    run({**first, "token_ids": first["token_ids"] + 1})
    run(second)
    for name, value in before.items():
        np.testing.assert_array_equal(kept[name], value)


@pytest.mark.seconds
@pytest.mark.parametrize("kind", ["onnx", "tflite"])
def test_each_picture_gets_its_own_features_on_8_threads(kind, tmp_path):
    path = tmp_path / f"colours.{kind}"
    {"onnx": write_onnx, "tflite": write_litert}[kind](path)
    with pytest.raises(ValueError, match="give|tensors|Name another") as none:
        open_extractor(path, tensor=None if kind == "onnx" else "nose")
    tensor = "map" if kind == "onnx" else str(none.value).split("are: ")[1].split()[0]
    model = open_extractor(path, tensor=tensor)._model
    pixels = np.random.default_rng(0).integers(0, 256, (200, 1, 32, 32, 3), "uint8")
    expected = [model.maps(each) for each in pixels]
    found = in_threads(model.maps, list(pixels))
    np.testing.assert_array_equal(np.stack(found), np.stack(expected))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("format_name", "inside"),
    [
        ("savedmodel", "tensorflow.constant"),
        ("onnx", "onnxruntime.InferenceSession.run"),
    ],
)
def test_onnx_and_savedmodel_run_two_requests_at_once(
    format_name, inside, files, monkeypatch
):
    """Behind a lock the second call would never come to where the first one waits."""
    run = open_exported(files[format_name])
    (request,) = requests(1)
    meeting = threading.Barrier(2, timeout=60)
    original = pkgutil.resolve_name(inside)

    def met(*arguments, **named):
        meeting.wait()
        return original(*arguments, **named)

    monkeypatch.setattr(inside, met)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(run, [request, request])
    assert wrong([first], [second]) == 0


def test_a_pool_lends_each_interpreter_to_one_call_and_makes_no_more_than_allowed():
    made, lent, most = [], [], []
    guard = threading.Lock()

    def make():
        made.append(object())
        return made[-1]

    pool = InterpreterPool("m.tflite", make, most=3)

    def call(opened):
        with guard:
            assert opened not in lent
            lent.append(opened)
            most.append(len(lent))
        time.sleep(0.002)
        with guard:
            lent.remove(opened)
        return opened

    in_threads(lambda _: pool.use(call), list(range(64)))
    assert max(most) == len(made) == 3


def test_an_interpreter_that_failed_is_not_lent_again():
    made = []

    def make():
        made.append(len(made))
        return made[-1]

    def fail(opened):
        raise RuntimeError("node 3\nfailed to prepare")

    pool = InterpreterPool("m.tflite", make)
    assert pool.use(lambda opened: opened) == 0
    with pytest.raises(
        ValueError, match="m.tflite cannot be run: node 3 failed to pre"
    ):
        pool.use(fail)
    assert pool.use(lambda opened: opened) == 1
