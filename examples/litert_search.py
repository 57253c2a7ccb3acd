"""Search images with a sentence on LiteRT: no Keras, no TensorFlow, not this package.

    pip install -r litert_requirements.txt
    python litert_search.py EXPORTED REGIONS.npy "two dogs"

EXPORTED is a folder that `keras-teran export` wrote. REGIONS.npy holds what its image
encoder gave: float32 (images, regions, dim), unit rows, all zeros where there is no
region; `store_regions.py` writes one.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
SIGNATURE = "serving_default"
# Lower than any cosine, so that a place without a region is never the best one.
NOTHING = -2.0
# Images that are scored at once: bounds the memory that the cosines take.
BLOCK = 256


class Refused(Exception):
    """What was asked cannot be done; the message is one line."""


class CaptionTokens:
    """BERT's WordPiece tokens by an export's `vocab.txt` and `tokenizer.json`.

    Args:
        folder: Path of the export.
        manifest: dict, its `manifest.json`.

    Raises:
        Refused: when a file is missing or is not this export's.
    """

    def __init__(self, folder, manifest):
        settings = read_json(folder / "tokenizer.json")["keras_teran_tokenizer"]
        self.vocabulary = read_vocabulary(folder / "vocab.txt")
        wanted = manifest["tokenizer"]["vocabulary_size"]
        if len(self.vocabulary) != wanted:
            raise Refused(
                f"{folder / 'vocab.txt'} has {len(self.vocabulary)} tokens, the manifest "
                f"says {wanted}: it is not the one of this export"
            )
        # The encoder has no positions beyond its own length.
        self.longest = min(
            settings["max_length"], manifest["config"]["caption_max_length"]
        )
        ids = {token: index for index, token in enumerate(self.vocabulary)}
        self.ends = ids["[CLS]"], ids["[SEP]"]
        self.unknown = ids["[UNK]"]
        self._tokenizer = Tokenizer(
            models.WordPiece(ids, unk_token="[UNK]", max_input_chars_per_word=100)
        )
        self._tokenizer.normalizer = normalizers.BertNormalizer(
            clean_text=True,
            handle_chinese_chars=True,
            strip_accents=None,
            lowercase=settings["lowercase"],
        )
        self._tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        self._tokenizer.add_special_tokens([t for t in SPECIAL_TOKENS if t in ids])

    def __call__(self, sentence):
        """Token ids, int32 (1, length), and the pieces that were cut, a list of str.

        Raises:
            Refused: when the vocabulary has none of the words.
        """
        encoded = self._tokenizer.encode(sentence)
        kept = encoded.ids[: self.longest - 2]
        if all(token == self.unknown for token in kept):
            raise Refused(
                f"no word of {sentence[:60]!r} is known to the model's vocabulary"
            )
        ids = np.array([[self.ends[0], *kept, self.ends[1]]], "int32")
        return ids, encoded.tokens[len(kept) :]


class Graph:
    """One `.tflite` file, called by names, on inputs of any length.

    Args:
        path: Path of the file.

    Raises:
        Refused: when it is missing.
    """

    def __init__(self, path):
        if not path.is_file():
            raise Refused(
                f"{path} is missing: `keras-teran export` writes it with --formats "
                "litert, a variant with --variants"
            )
        self._interpreter = Interpreter(model_path=str(path))
        # The runner is not kept: beside it the interpreter refuses to resize.
        runner = self._interpreter.get_signature_runner(SIGNATURE)
        self._inputs = _indices(runner.get_input_details())
        self._outputs = _indices(runner.get_output_details())
        self._shapes = None

    def __call__(self, **inputs):
        """Dict of the outputs' arrays by name."""
        shapes = {name: array.shape for name, array in inputs.items()}
        if shapes != self._shapes:
            for name, shape in shapes.items():
                self._interpreter.resize_tensor_input(self._inputs[name], shape)
            self._interpreter.allocate_tensors()
            self._shapes = shapes
        for name, array in inputs.items():
            self._interpreter.set_tensor(self._inputs[name], array)
        self._interpreter.invoke()
        return {
            name: self._interpreter.get_tensor(index)
            for name, index in self._outputs.items()
        }


def _indices(details):
    return {name: detail["index"] for name, detail in details.items()}


def read_json(path):
    """What a JSON file of the export holds; Refused when there is none."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Refused(
            f"{path} cannot be read: name a folder that `keras-teran export` wrote "
            f"({error})"
        ) from error


def read_vocabulary(path):
    """The tokens of a `vocab.txt`, one a line, a list of str."""
    if not path.is_file():
        raise Refused(f"{path} is missing: it is written beside the encoders")
    with path.open(encoding="utf-8") as lines:
        return [line.rstrip() for line in lines]


def read_regions(path, dim):
    """Region embeddings, float32 (images, regions, dim), left on the disk.

    Raises:
        Refused: when the file is missing, or holds anything else.
    """
    try:
        regions = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise Refused(f"{path} cannot be read as .npy: {error}") from error
    fits = regions.ndim == 3 and regions.shape[2] == dim and 0 not in regions.shape
    if not fits or regions.dtype != np.float32:
        raise Refused(
            f"{path} holds {regions.dtype} {regions.shape}; give region embeddings of "
            f"this export's image encoder, float32 (images, regions, {dim})"
        )
    return regions


def check_unit(regions, first):
    """Refuses rows that are neither unit nor zero; `first` is the first one's image."""
    squared = np.square(regions, dtype="float64").sum(axis=-1)
    wrong = ~((squared == 0) | (np.abs(squared - 1) < 0.01)).all(axis=1)
    if wrong.any():
        raise Refused(
            f"row {first + int(wrong.argmax())} holds vectors that are not of unit "
            "length: give region_embeddings, not the detector's features"
        )


def sum_of_best(region_embeddings, word_embeddings):
    """MrSw: each word's best cosine over an image's regions, summed; (images, 1)."""
    cosines = region_embeddings @ word_embeddings[0].T
    real = region_embeddings.any(axis=2)
    best = np.where(real[:, :, None], cosines, NOTHING).max(axis=1)
    return np.where(real.any(axis=1), best.sum(axis=1), 0.0)[:, None]


def open_scorer(folder, manifest):
    """Function of (region_embeddings, word_embeddings) to scores (images, 1).

    The export's own scorer where there is one; else MrSw is counted here.

    Raises:
        Refused: for another rule without a scorer.
    """
    path = folder / "litert/scorer.tflite"
    if path.is_file():
        graph = Graph(path)
        return lambda regions, words: graph(
            region_embeddings=regions, word_embeddings=words
        )["similarity"]
    pooling, padding = manifest["pooling"], manifest["padding"]
    if (pooling, padding) != ("MrSw", "exclude"):
        raise Refused(
            f"this model scores by pooling={pooling}, padding={padding}, and {path} is "
            "missing: only MrSw, exclude can be counted without it"
        )
    return sum_of_best


def encode(encoder, tokens):
    """The caption encoder's outputs for token ids (1, length).

    Raises:
        Refused: when the model leaves no word to score.
    """
    outputs = encoder(token_ids=tokens, padding_mask=np.ones(tokens.shape, bool))
    if not outputs["word_mask"].any():
        raise Refused("no word is left to score: this model drops the last one")
    return outputs


def search(regions, words, scorer):
    """The score of every image, float32 (images,)."""
    scores = []
    for first in range(0, len(regions), BLOCK):
        block = np.array(regions[first : first + BLOCK])
        check_unit(block, first)
        scores.append(scorer(block, words)[:, 0])
    return np.concatenate(scores)


def answer(args):
    """All that is known of one search, as a dict that fits into JSON."""
    manifest = read_json(args.exported / "manifest.json")
    tokenizer = CaptionTokens(args.exported, manifest)
    regions = read_regions(args.regions, manifest["config"]["embedding_dim"])
    suffix = f".{args.variant}.tflite" if args.variant else ".tflite"
    encoder = Graph(args.exported / f"litert/caption_encoder{suffix}")
    scorer = open_scorer(args.exported, manifest)
    tokens, cut = tokenizer(args.sentence)
    caption = encode(encoder, tokens)
    scores = search(regions, caption["word_embeddings"], scorer)
    best = np.argsort(-scores, kind="stable")[: args.top]
    return {
        "token_ids": tokens[0].tolist(),
        "cut": cut,
        "longest": tokenizer.longest,
        "word_embeddings": caption["word_embeddings"][0].tolist(),
        "caption_embedding": caption["caption_embedding"][0].tolist(),
        "ranking": [{"row": int(row), "score": float(scores[row])} for row in best],
    }


def main():
    """Prints the images that fit a sentence best."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("exported", metavar="EXPORTED", type=Path, help="the export")
    parser.add_argument(
        "regions", metavar="REGIONS", type=Path, help=".npy of region embeddings"
    )
    parser.add_argument("sentence", help="what to look for, in quotes")
    parser.add_argument(
        "--top", type=int, default=10, help="images to list (%(default)s)"
    )
    parser.add_argument("--variant", help="of the caption encoder, such as int8")
    parser.add_argument(
        "--json", action="store_true", help="print vectors and scores as JSON"
    )
    args = parser.parse_args()
    try:
        found = answer(args)
    except Refused as refused:
        sys.exit(f"litert_search: {refused}")
    if found["cut"]:
        print(
            f"the sentence is cut to {found['longest']} tokens with [CLS] and [SEP]: "
            f"{len(found['cut'])} word pieces from {found['cut'][0]!r} on are left out",
            file=sys.stderr,
        )
    if args.json:
        print(json.dumps(found))
        return
    print(f"{'rank':>4} {'score':>8} {'row':>7}")
    for place, hit in enumerate(found["ranking"], 1):
        print(f"{place:4} {hit['score']:8.3f} {hit['row']:7}")


if __name__ == "__main__":
    main()
