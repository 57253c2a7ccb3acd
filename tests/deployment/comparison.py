"""What a program found, against Keras."""

import json

import numpy as np


def check_same(deployed, sentence, printed, positions=None):
    """A program's JSON holds the ids, vectors and ranking that Keras gives."""
    found = json.loads(printed)
    tokens = deployed.tokenizer([sentence])
    if positions is not None:
        tokens = {name: value[:, :positions] for name, value in tokens.items()}
        tokens["token_ids"][0, -1] = deployed.tokenizer.vocabulary.index("[SEP]")
    assert found["token_ids"] == tokens["token_ids"][0].tolist()
    caption = {name: np.asarray(v) for name, v in deployed.model.encode(tokens).items()}
    for name in ("word_embeddings", "caption_embedding"):
        np.testing.assert_allclose(found[name], caption[name][0], atol=1e-4)
    images = {"region_embeddings": deployed.regions}
    scores = np.asarray(deployed.model.similarity(images, caption))[:, 0]
    best = np.argsort(-scores, kind="stable")[: len(found["ranking"])]
    assert [hit["row"] for hit in found["ranking"]] == best.tolist()
    told = [hit["score"] for hit in found["ranking"]]
    np.testing.assert_allclose(told, scores[best], atol=1e-4)
