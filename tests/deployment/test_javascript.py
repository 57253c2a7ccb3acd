"""The search in JavaScript, on ONNX Runtime for Node, against Keras."""

import json
import random
import re
import shutil

import numpy as np
import pytest
from node import PROGRAM, refusal, run

from keras_teran.text._tokenizer import SPECIAL_TOKENS, CaptionTokenizer

CAPTIONS = [
    "Two dogs run through the snow; one's jumping!",
    "A café's déjà-vu: naïve Zürich façade",
    "一只狗在草地上奔跑 near the 公园",
    "ein großer Hund läuft über die Straße",
]
HOSTILE = [
    "",
    " ",
    "I\u0307stanbul İ ıgdır ǅ ß ﬁ ΣΊΣΥΦΟΣ ΌΣΟΣ",
    "Cafe\u0301 A\u030angstro\u0308m naïveté",
    "狗狗跑了dog犬 한국어 사진 ひらがな カタカナ",
    "a 👩‍👩‍👧‍👦 family 🐕🏽 and flags 🇨🇭",
    "tab\tnewline\ncarriage\rreturn\x0bvertical\x0cform",
    "nul\x00bell\x07escape\x1bdelete\x7freplacement\ufffd",
    "no-break\u00a0thin\u2009ideographic\u3000line\u2028paragraph\u2029next\x85end",
    "zero\u200bwidth\u200djoiner\ufeffbom soft\u00adhyphen \u202eleft\u202c العربية",
    "r" * 99 + " " + "r" * 100 + " " + "r" * 101 + " " + "😀" * 100 + " " + "dog" * 400,
    "[CLS] a dog [SEP] [MASK][PAD]a[UNK]dog [sep] [[SEP]] [SE P]",
    "##s ##dog a##s #hash @at $5.00 50% <b>html</b> a_b a.b",
    "½ ² ﬀ Ⅷ ① ℃ ‘curly’ “double” — dash … dots",
    "dogs " * 200,
]

# Composed characters of Unicode 13 and later: the runtime's normalisation takes them
# apart, the one of the `tokenizers` package does not know them.
NEWER = [
    *"\U000105c9\U000105e4\U00011383\U00011385\U0001138e\U00011391\U000113c5\U000113c7",
    *"\U000113c8\U00011938\U00016d68\U00016d69\U00016d6a",
    *map(chr, range(0x16121, 0x16129)),
]

TOKENIZE = """
import { readFileSync } from "node:fs";
import { CaptionTokenizer, readVocabulary } from "MODULE";
const { vocabulary, lowercase, texts } = JSON.parse(readFileSync(0, "utf8"));
const tokenizer = new CaptionTokenizer(readVocabulary(vocabulary), lowercase, 64);
console.log(JSON.stringify(texts.map((text) => tokenizer.pieces(text))));
"""


@pytest.fixture
def search(node_search):
    return node_search


@pytest.fixture
def tokenize(tmp_path):
    """Word pieces by the JavaScript tokeniser, which needs no packages."""
    if not shutil.which("node"):
        pytest.skip("needs Node.js: no node on PATH")
    script = tmp_path / "tokenize.mjs"
    module = (PROGRAM / "tokenizer.mjs").as_uri()
    script.write_text(TOKENIZE.replace("MODULE", module))

    def call(tokenizer, texts, newline="\n"):
        asked = {
            "vocabulary": newline.join([*tokenizer.vocabulary, ""]),
            "lowercase": tokenizer.lowercase,
            "texts": texts,
        }
        found = run(["node", script], tmp_path, json.dumps(asked))
        assert found.returncode == 0, found.stderr
        return json.loads(found.stdout)

    return call


def pieces(tokenizer, text):
    return tokenizer.encode(text).tokens[1:-1]


@pytest.mark.parametrize("lowercase", [True, False])
def test_word_pieces_of_hostile_text_equal_those_of_python(tokenize, lowercase):
    tokenizer = CaptionTokenizer.train(CAPTIONS * 2, 400, lowercase, max_length=5000)
    random.seed(0)
    alphabet = "".join([*CAPTIONS, *HOSTILE])
    texts = [*CAPTIONS, *HOSTILE]
    texts += ["".join(random.choices(alphabet, k=60)) for _ in range(300)]
    found = tokenize(tokenizer, texts, newline=" \r\n")
    for text, ours in zip(texts, found, strict=True):
        assert ours == pieces(tokenizer, text), text


@pytest.mark.parametrize("lowercase", [True, False])
def test_every_character_is_taken_as_by_python(tokenize, lowercase):
    """Between two letters, so that dropping, splitting and keeping it all differ."""
    characters = [chr(p) for p in range(0x110000) if not 0xD800 <= p < 0xE000]
    characters = sorted({*characters} - {*NEWER})
    parts = sorted({c for text in characters for c in normal(text, lowercase)})
    vocabulary = [*SPECIAL_TOKENS, "a", "##a", *parts, *(f"##{c}" for c in parts)]
    seen = dict.fromkeys(token for token in vocabulary if token.rstrip() == token)
    tokenizer = CaptionTokenizer([*seen], lowercase)
    found = tokenize(tokenizer, [f"a{c}a" for c in characters])
    wrong = [
        f"U+{ord(c):04X}"
        for c, ours in zip(characters, found, strict=True)
        if ours != pieces(tokenizer, f"a{c}a")
    ]
    assert wrong == []


def normal(text, lowercase):
    """What a character can become: taken apart, or in lower case, or as it is."""
    from tokenizers import normalizers

    return normalizers.BertNormalizer(lowercase=lowercase).normalize_str(text).strip()


def test_what_cannot_be_searched_for_is_refused_in_one_line(
    search, deployed, deployed_original, tmp_path
):
    folder, regions = deployed.folder, deployed.regions_file
    assert 'no word of "Щ"' in refusal(search(folder, regions, "Щ"))
    assert 'no word of ""' in refusal(search(folder, regions, ""))
    assert "manifest.json is missing" in refusal(search(tmp_path, regions, "a"))
    assert "none.npy cannot be read" in refusal(search(folder, "none.npy", "a"))
    assert "no.onnx is missing" in refusal(
        search(folder, regions, "a", "--variant", "no")
    )
    assert "usage" in refusal(search(folder, regions))
    assert "usage" in refusal(search(folder, regions, "a", "--top", "0"))
    last = search(deployed_original.folder, deployed_original.regions_file, "disc")
    assert "no word is left" in refusal(last)


@pytest.mark.parametrize(
    ("stored", "told"),
    [
        (np.zeros((2, 3, 9), "float32"), "2, 3, 9"),
        (np.zeros((2, 3, 8)), "<f8"),
        (np.asfortranarray(np.zeros((2, 3, 8), "float32")), "in C order"),
        (np.zeros((0, 3, 8), "float32"), "0, 3, 8"),
        (np.ones((2, 3, 8), "float32"), "row 0 of .* not of unit length"),
        (np.full((2, 3, 8), np.nan, "float32"), "row 0"),
    ],
)
def test_regions_of_another_form_are_refused(search, deployed, tmp_path, stored, told):
    np.save(tmp_path / "stored.npy", stored)
    found = search(deployed.folder, tmp_path / "stored.npy", "two green rings")
    assert re.search(told, refusal(found))


@pytest.mark.parametrize(
    ("keep", "told"), [(-4, "ends too early"), (3, "is no .npy"), (8, "is no .npy")]
)
def test_regions_that_are_cut_short_are_refused(search, deployed, tmp_path, keep, told):
    (tmp_path / "cut.npy").write_bytes(deployed.regions_file.read_bytes()[:keep])
    found = search(deployed.folder, tmp_path / "cut.npy", "two green rings")
    assert told in refusal(found)


def test_the_lock_names_no_registry_but_npms_own():
    text = (PROGRAM / "package-lock.json").read_text()
    hosts = set(re.findall(r'"resolved": "https?://([^/]+)', text))
    assert hosts <= {"registry.npmjs.org"}
