"""The client: equal to the graphs, through a server process; bad input is refused.

The server is the double of serving_double.py; where TF_SERVING_URL is set, TF Serving.
"""

import dataclasses
import os
import runpy
import subprocess
import sys

import numpy as np
import pytest
from support.paths import ROOT
from support.region_files import write_packed
from support.served import CAPTIONS, Server, exported

from keras_teran.data._packed_store import PackedRegions
from keras_teran.export._runtime import open_exported
from keras_teran.tf_serving import _layout as layout
from keras_teran.tf_serving._errors import ServingError

pytestmark = pytest.mark.seconds

pytest.importorskip("tensorflow_serving")
EXAMPLE = ROOT / "examples" / "serve_client.py"
both = pytest.mark.parametrize("transport", ["rest", "grpc"])


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    if "TF_SERVING_URL" in os.environ:
        yield Server(os.environ["TF_SERVING_REPOSITORY"])
        return
    folder = tmp_path_factory.mktemp("served")
    layout.add_version(exported(folder / "exported"), folder / "models")
    double = Server(folder / "models")
    double.start()
    yield double
    double.stop()


def graph(server, model):
    return open_exported(server.repository / model / "1")


def images(interface, count=3, regions=5):
    draw = np.random.default_rng(3)
    corners = np.sort(draw.random((count, regions, 2, 2)), axis=2)
    return {
        "regions": draw.standard_normal((count, regions, interface.region_dim)),
        "boxes": corners.reshape(count, regions, 4),
        "region_mask": np.arange(regions) < np.array([[5], [1], [3]])[:count],
    }


@pytest.mark.slow
@both
def test_captions_come_back_as_the_graph_encodes_them_unpadded(
    transport, client, server
):
    found = client.encode_captions(CAPTIONS)
    expected = graph(server, "caption_encoder")(client.tokenizer(CAPTIONS))
    assert set(found) == set(expected)
    for name, value in expected.items():
        assert found[name].shape == value.shape
        assert found[name].dtype == value.dtype
        np.testing.assert_allclose(found[name], value, atol=1e-5, err_msg=name)


@pytest.mark.slow
@both
def test_regions_come_back_as_the_graph_encodes_them_unpadded(
    transport, client, server
):
    inputs = images(client.interface)
    found = client.encode_regions(**inputs)
    expected = graph(server, "image_encoder")(inputs)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, atol=1e-5, err_msg=name)
    # Masked regions are all-zero rows, real ones unit vectors.
    lengths = np.linalg.norm(found["region_embeddings"], axis=-1)
    np.testing.assert_allclose(lengths, inputs["region_mask"], atol=1e-5)


@pytest.mark.slow
@both
def test_scores_are_the_best_region_summed_over_words(transport, client):
    words = client.encode_captions(CAPTIONS)["word_embeddings"]
    regions = client.encode_regions(**images(client.interface))["region_embeddings"]
    cosines = np.einsum("ird,cwd->icrw", regions, words)
    real_region = np.abs(regions).sum(-1) > 0
    real_word = np.abs(words).sum(-1) > 0
    best = np.where(real_region[:, None, :, None], cosines, -np.inf).max(axis=2)
    expected = np.where(real_word[None], best, 0).sum(axis=-1)
    found = client.score(regions, words)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-5)


@both
def test_a_version_that_is_not_served_is_an_error_and_not_tried_again(
    transport, client
):
    client.interface = dataclasses.replace(client.interface, version=99)
    with pytest.raises(ServingError, match="404|NOT_FOUND"):
        client.encode_captions(CAPTIONS)


@both
def test_what_the_server_refuses_is_told_in_its_words(transport, client):
    with pytest.raises(ServingError, match="400|INVALID_ARGUMENT"):
        client._transport.predict("caption_encoder", 1, {"a": np.zeros(1)}, ())


def ids(client, ids=((2, 5, 3),), mask=None):
    mask = np.ones((len(ids), len(ids[0])), bool) if mask is None else mask
    return client.encode_tokens(np.array(ids), mask)


def test_bad_tokens_are_refused_before_they_are_sent(rest):
    limits = rest.interface
    with pytest.raises(ValueError, match=r"padding_mask has shape \(1, 4\); give"):
        ids(rest, mask=np.ones((1, 4), bool))
    with pytest.raises(ValueError, match="padding_mask holds int64; give bool"):
        ids(rest, mask=np.ones((1, 3), "int64"))
    for outside in (limits.vocabulary_size, -1):
        with pytest.raises(ValueError, match=f"token_ids holds {outside}; the voc"):
            ids(rest, [[2, outside, 3]])
    ids(rest, [[2, limits.vocabulary_size - 1, 3]])
    with pytest.raises(ValueError, match=r"token_ids has shape \(0, 3\)"):
        rest.encode_tokens(np.zeros((0, 3), int), np.zeros((0, 3), bool))
    with pytest.raises(ValueError, match="token_ids has shape"):
        rest.encode_captions([])
    with pytest.raises(ValueError, match="captions is one string"):
        rest.encode_captions("two dogs")
    with pytest.raises(ValueError, match="token_ids holds float64; give integers"):
        ids(rest, [[2.0, 5.5, 3.0]])
    longest = [[5] * limits.max_length]
    assert ids(rest, longest)["word_mask"].shape == (1, limits.max_length)
    with pytest.raises(ValueError, match=rf"{limits.max_length + 1} tokens .*position"):
        ids(rest, [[5] * (limits.max_length + 1)])


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("regions", lambda v: np.where(v > 1, np.nan, v), "regions holds NaN"),
        ("regions", lambda v: v * 1e300, "regions holds NaN or infinity"),
        ("regions", lambda v: v[..., :-1], r"regions has shape"),
        ("regions", lambda v: v[:0], r"regions has shape \(0, 5,"),
        ("regions", lambda v: v[:, :0], "regions has shape"),
        ("boxes", lambda v: v * 640, "boxes holds .*relative to the image, 0 to 1"),
        ("boxes", lambda v: v - 1, "boxes holds .*relative"),
        ("boxes", lambda v: v[..., [2, 3, 0, 1]], "boxes holds .*x0 <= x1"),
        ("boxes", lambda v: v[:, :4], r"boxes has shape \(3, 4, 4\); give \(3, 5, 4\)"),
        ("region_mask", lambda v: v[:, :4], "region_mask has shape"),
        ("region_mask", lambda v: v.astype(int), "region_mask holds int64; give bool"),
    ],
)
def test_bad_regions_are_refused_before_they_are_sent(rest, name, change, message):
    inputs = images(rest.interface)
    with pytest.raises(ValueError, match=message):
        rest.encode_regions(**inputs | {name: change(inputs[name])})


def test_bad_embeddings_are_refused_before_they_are_scored(rest):
    good = np.zeros((1, 2, rest.interface.embedding_dim))
    assert rest.score(good, good).tolist() == [[0]]
    with pytest.raises(ValueError, match="word_embeddings holds NaN"):
        rest.score(good, good * np.nan)
    with pytest.raises(ValueError, match="region_embeddings has shape"):
        rest.score(good[..., 1:], good)
    with pytest.raises(ValueError, match=r"word_embeddings has shape \(0, 2"):
        rest.score(good, good[:0])


@pytest.mark.slow
def test_an_image_or_caption_with_nothing_real_is_encoded_and_scores_0(rest):
    inputs = images(rest.interface)
    inputs["region_mask"][1] = False
    found = rest.encode_regions(**inputs)["region_embeddings"]
    tokens, mask = np.full((2, 3), 5), np.array([[True] * 3, [False] * 3])
    words = rest.encode_tokens(tokens, mask)["word_embeddings"]
    scores = rest.score(found, words)
    assert (found[1] == 0).all() and (words[1] == 0).all()
    assert (scores[1] == 0).all() and (scores[:, 1] == 0).all()
    assert (scores[[0, 2], 0] != 0).all()


@pytest.mark.slow
@pytest.mark.process
def test_over_rest_neither_tensorflow_nor_keras_is_loaded(server):
    program = f"""
import sys
for name in ("tensorflow", "keras", "tensorflow_serving", "grpc"):
    sys.modules[name] = None  # importing it raises
from keras_teran.tf_serving import Client
client = Client({server.urls["rest"]!r}, {str(server.repository / "client" / "1")!r})
print(client.encode_captions(["a bar"])["caption_embedding"].shape)
"""
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("(1, ")


@pytest.mark.slow
@both
def test_the_example_lists_images_by_the_graphs_scores(
    transport, client, server, tmp_path, monkeypatch, capsys
):
    dim = client.interface.region_dim
    write_packed(tmp_path / "packed", 6, regions=4, dim=dim, seed=0)
    store = PackedRegions(tmp_path / "packed")
    sides = {
        "region_embeddings": graph(server, "image_encoder")(
            store.read(store.image_ids)
        )["region_embeddings"],
        "word_embeddings": graph(server, "caption_encoder")(
            client.tokenizer(["two green rings"])
        )["word_embeddings"],
    }
    scores = graph(server, "scorer")(sides)["similarity"][:, 0]
    best = np.argsort(-scores)[:3]
    options = ["--url", server.urls[transport], "--regions", tmp_path / "packed"]
    folder = server.repository / "client" / "1"
    command = ["serve_client", folder, "two green rings", "--top", 3, *options]
    monkeypatch.setattr(sys, "argv", [str(word) for word in command])
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    lines = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert [int(line[2]) for line in lines] == store.image_ids[best].tolist()
    found = [float(line[1]) for line in lines]
    np.testing.assert_allclose(found, scores[best], atol=1e-3)
