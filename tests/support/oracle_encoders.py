"""The two encoders in plain NumPy, float64, one set at a time and no padding.

An image is only its real regions here and a caption only its real tokens, so nothing
is masked; heads are looped over. Weights are a dict by Keras' variable path.
"""

import math
import zlib

import numpy as np

erf = np.vectorize(math.erf, otypes=[float])


def drawn_weights(variables, scale=0.5):
    """The same random float32 weights for the same paths and shapes, {path: array}."""
    weights = {}
    for variable in variables:
        path, shape = variable.path, tuple(variable.shape)
        generator = np.random.default_rng(zlib.crc32(path.encode()))
        spread = scale / math.sqrt(shape[0]) if len(shape) > 1 else 0.1
        drawn = generator.normal(size=shape) * spread
        weights[path] = (drawn + path.endswith("gamma")).astype("float32")
    return weights


def set_weights(variables, weights):
    for variable in variables:
        variable.assign(weights[variable.path])


def dense(weights, name, rows):
    return rows @ weights[f"{name}/kernel"] + weights[f"{name}/bias"]


def norm(weights, name, rows, epsilon):
    centred = rows - rows.mean(-1, keepdims=True)
    deviation = np.sqrt((centred**2).mean(-1, keepdims=True) + epsilon)
    return centred / deviation * weights[f"{name}/gamma"] + weights[f"{name}/beta"]


def softmax(logits):
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def block(weights, name, rows, heads, bert=False):
    """A post-norm layer: ReLU and 1e-5, or as in BERT exact GELU and 1e-12."""
    epsilon = 1e-12 if bert else 1e-5
    dim = rows.shape[-1]
    query, key, value = np.split(dense(weights, f"{name}/query_key_value", rows), 3, 1)
    attended = []
    for head in range(heads):
        part = slice(head * dim // heads, (head + 1) * dim // heads)
        logits = query[:, part] @ key[:, part].T / math.sqrt(dim / heads)
        attended.append(softmax(logits) @ value[:, part])
    attended = dense(weights, f"{name}/attention_output", np.concatenate(attended, 1))
    middle = norm(weights, f"{name}/attention_norm", rows + attended, epsilon)
    inner = dense(weights, f"{name}/feedforward_inner", middle)
    inner = inner * (1 + erf(inner / math.sqrt(2))) / 2 if bert else inner.clip(0)
    output = dense(weights, f"{name}/feedforward_output", inner)
    return norm(weights, f"{name}/feedforward_norm", middle + output, epsilon)


def fuse_boxes(weights, regions, boxes):
    x0, y0, x1, y1 = boxes.T
    area = ((x1 - x0) * (y1 - y0))[:, None]
    inner = dense(weights, "box_fusion/inner", np.hstack([regions, boxes, area]))
    return dense(weights, "box_fusion/outer", inner.clip(0))


def unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def final(weights, config, side, rows):
    name = "final_block" if config["shared_final_layers"] else f"{side}_final_block"
    rows = dense(weights, f"{side}_projection", rows)
    for index in range(config["final_layers"]):
        rows = block(weights, f"{name}_{index}", rows, config["heads"])
    return unit(rows)


def image(weights, config, regions, boxes):
    """Unit rows of one image's real regions; the I-CLS slot is the first."""
    slots = np.vstack([np.zeros_like(regions[:1]), regions])
    slots = fuse_boxes(weights, slots, np.vstack([np.zeros_like(boxes[:1]), boxes]))
    for index in range(config["image_layers"]):
        slots = block(weights, f"image_block_{index}", slots, config["heads"])
    return final(weights, config, "image", slots)


def caption(weights, config, token_ids):
    """Unit rows of one caption's real tokens, [CLS] and [SEP] too."""
    rows = bert(weights, config, token_ids)
    return final(weights, config, "caption", rows)


def bert(weights, config, token_ids):
    """Hidden states of the caption encoder's BERT, for one caption."""
    rows = weights["bert_embedding/token/embeddings"][token_ids]
    rows = rows + weights["bert_embedding/position"][: len(token_ids)]
    rows = rows + weights["bert_embedding/segment"]
    rows = norm(weights, "bert_embedding/norm", rows, 1e-12)
    for index in range(config["caption_layers"]):
        heads = config["caption_heads"]
        rows = block(weights, f"bert_block_{index}", rows, heads, bert=True)
    return rows


def encode(weights, config, inputs):
    """All outputs of both encoders, by the names and shapes of the contract."""
    weights = {path: value.astype(float) for path, value in weights.items()}
    regions, mask = inputs["regions"].astype(float), inputs["region_mask"]
    words, real = inputs["token_ids"], inputs["padding_mask"]
    dim = config["embedding_dim"]
    outputs = {
        "region_embeddings": np.zeros((*mask.shape, dim)),
        "image_embedding": np.zeros((len(mask), dim)),
        "word_embeddings": np.zeros((*words.shape, dim)),
        "word_mask": np.zeros(words.shape, bool),
        "caption_embedding": np.zeros((len(words), dim)),
    }
    for row, present in enumerate(mask):
        boxes = inputs["boxes"][row, present].astype(float)
        slots = image(weights, config, regions[row, present], boxes)
        outputs["image_embedding"][row] = slots[0]
        outputs["region_embeddings"][row, present] = slots[1:]
    for row, present in enumerate(real):
        tokens = caption(weights, config, words[row, present])
        last = len(tokens) - (2 if config["drop_last_word"] else 1)
        outputs["caption_embedding"][row] = tokens[0]
        outputs["word_embeddings"][row, 1:last] = tokens[1:last]
        outputs["word_mask"][row, 1:last] = True
    return outputs
