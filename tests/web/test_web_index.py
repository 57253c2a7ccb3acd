"""The service over a real index of a few embedded scenes."""

import keras
import pytest
from fastapi.testclient import TestClient

from keras_teran import build_model
from keras_teran.data.scenes._embedded import embedded
from keras_teran.run import MODEL_FILE, write_config
from keras_teran.text._tokenizer import CaptionTokenizer
from keras_teran.web._service import create_app

pytestmark = pytest.mark.seconds

search = pytest.importorskip("keras_teran.search")
pytest.importorskip("qdrant_edge", reason="needs the embedded engine")

SENTENCE = "a red circle above a blue square"


@pytest.fixture(scope="module")
def scenes():
    return embedded("val", images=8)


@pytest.fixture(scope="module")
def index(scenes, tmp_path_factory):
    keras.utils.set_random_seed(0)
    folder = tmp_path_factory.mktemp("search")
    run = folder / "run"
    run.mkdir()
    tokenizer = CaptionTokenizer.train(scenes.captions.captions, 200)
    model = build_model("tiny", vocabulary_size=len(tokenizer.vocabulary))
    model.save(run / MODEL_FILE)
    tokenizer.save(run)
    write_config(run, {"preset": "tiny", "data": "embedded"})
    search.build(run, scenes.captions, scenes.regions, folder / "index")
    with search.Index.open(folder / "index") as opened:
        yield opened


@pytest.fixture
def client(index):
    with TestClient(create_app(index)) as client:
        yield client


def ask(client, **question):
    return client.post("/api/search", json={"text": SENTENCE, **question})


@pytest.mark.slow
def test_images_come_in_the_order_and_with_the_scores_of_the_model(
    client, index, scenes
):
    hits = ask(client, exact=True).json()["hits"]
    ids = scenes.captions.image_ids
    order, scores = index.matcher.rank(scenes.regions.read(ids), SENTENCE)
    assert [hit["id"] for hit in hits] == ids[order].tolist()
    assert [hit["score"] for hit in hits] == pytest.approx(scores.tolist(), abs=1e-4)
    assert hits[0]["payload"]["filename"] == scenes.captions.filenames[order[0]]


def test_words_and_regions_are_those_that_the_model_explains(client, index, scenes):
    best = ask(client, top=1, exact=True).json()["hits"][0]
    found = index.matcher.explain(scenes.regions.read([best["id"]]), SENTENCE)
    assert [word["text"] for word in best["words"]] == found.words
    assert [word["region"] for word in best["words"]] == found.chosen.tolist()
    assert len(best["boxes"]) == found.region_mask.sum()


def test_a_weight_of_two_counts_a_word_twice(client):
    plain = ask(client, exact=True).json()["hits"]
    weights = [2] * len(plain[0]["words"])
    doubled = ask(client, exact=True, word_weights=weights).json()["hits"]
    assert [hit["score"] for hit in doubled] == pytest.approx(
        [2 * hit["score"] for hit in plain], abs=1e-3
    )


def test_an_image_finds_sentences_and_their_words(client, scenes):
    image = int(scenes.captions.image_ids[3])
    found = client.get(f"/api/images/{image}/sentences?top=5&exact=true").json()
    assert found["image"]["payload"]["filename"] == scenes.captions.filenames[3]
    captions = [hit["caption"] for hit in found["hits"]]
    assert len(captions) == 5 and set(captions) <= set(scenes.captions.captions)
    words = client.post(f"/api/images/{image}/words", json={"text": captions[0]})
    assert words.json()["words"][0]["text"] in captions[0]


@pytest.mark.parametrize(
    "question, status, message",
    [
        ({"text": "一只狗"}, 400, "no word"),
        ({"word_weights": [1]}, 400, "word_weights"),
        ({"text": "word " * 10_000}, 400, "at most 2000"),
    ],
)
def test_what_the_index_refuses_is_told(client, question, status, message):
    response = ask(client, **question)
    assert response.status_code == status
    assert message in response.json()["error"]


def test_an_image_that_is_not_there_is_not_found(client):
    assert client.get("/api/images/5/sentences").status_code == 404
