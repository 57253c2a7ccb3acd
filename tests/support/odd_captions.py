"""Captions that tokenizers disagree on, and a vocabulary of ten tokens."""

import unicodedata

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "dog", "##s", "run", "."]

CAPTIONS = [
    "A man in a red shirt is climbing a wall.",
    "Two dogs run through the snow; one's jumping!",
    "A café's déjà-vu: naïve Zürich façade",
    "Three children (aged 4-6) playing by the sea, smiling & waving...",
    "一只狗在草地上奔跑 near the 公园",
    "ein großer Hund läuft über die Straße",
]

HOSTILE = [
    *CAPTIONS,
    "",
    " ",
    "Café DÉJÀ vu",
    unicodedata.normalize("NFD", "Ångström naïveté"),
    "İstanbul ıgdır ǅ ß ﬁ",
    "狗狗跑了dog犬",
    "한국어 사진 ひらがな カタカナ",
    "a 👩‍👩‍👧‍👦 family 🐕🏽 and flags 🇨🇭",
    "tab\tnewline\ncarriage\rreturn\x0bvertical\x0cform",
    "nul\x00bell\x07escape\x1bdelete\x7freplacement\ufffd",
    "no-break\u00a0thin\u2009ideographic\u3000line\u2028paragraph\u2029next\x85end",
    "zero\u200bwidth\u200djoiner\ufeffbom soft\u00adhyphen",
    "right \u202eto left\u202c العربية עברית",
    "x" * 99 + " " + "x" * 100 + " " + "x" * 101 + " " + "dog" * 400,
    "don't 'quote' \u2018curly\u2019 \u201cdouble\u201d — dash … dots",
    "[CLS] a dog [SEP] [MASK] [PAD] [UNK] [sep]",
    "##s ##dog a##s #hash @at $5.00 50% <b>html</b> a_b a.b",
    "½ ² ﬀ Ⅷ ① ℃",
    "lone surrogate's friend: \U0001f600\U00010348",
    "dogs " * 200,
]
