"""Writes unicode.mjs: which characters BERT's tokeniser drops, and which it splits at.

    python examples/javascript/unicode_tables.py

The `tokenizers` package knows the categories of Unicode 8, a browser those of its own,
newer version. The tables are what the package does to each character, asked one by one.
"""

from pathlib import Path

from tokenizers import normalizers, pre_tokenizers

OUT = Path(__file__).with_name("unicode.mjs")
LAST, SURROGATES = 0x10FFFF, range(0xD800, 0xE000)
HEADER = (
    "// Written by unicode_tables.py from the tokenizers package; not to be edited.\n"
)


def main():
    """Asks for every character, and writes one regular expression for each table."""
    nothing = {
        "clean_text": False,
        "handle_chinese_chars": False,
        "strip_accents": False,
        "lowercase": False,
    }
    clean = normalizers.BertNormalizer(**nothing | {"clean_text": True})
    strip = normalizers.BertNormalizer(**nothing | {"strip_accents": True})
    chinese = normalizers.BertNormalizer(**nothing | {"handle_chinese_chars": True})
    split = pre_tokenizers.BertPreTokenizer()
    tables = {
        "CONTROL": lambda c: clean.normalize_str(c) == "",
        "MARK": lambda c: strip.normalize_str(c) == "",
        "CHINESE": lambda c: chinese.normalize_str(c) != c,
        "PUNCTUATION": lambda c: len(split.pre_tokenize_str(f"a{c}a")) == 3,
    }
    lines = [
        f"export const {name} = /[{ranges(filter_characters(belongs))}]/u;\n"
        for name, belongs in tables.items()
    ]
    OUT.write_text(HEADER + "".join(lines), encoding="utf-8")


def filter_characters(belongs):
    """The code points that a function of a character is true of, in order."""
    points = (p for p in range(LAST + 1) if p not in SURROGATES)
    return [point for point in points if belongs(chr(point))]


def ranges(points):
    """Code points as the inside of a character class, neighbours as one range."""
    starts = [
        p for p, before in zip(points, [-2, *points], strict=False) if p - before > 1
    ]
    ends = [
        p
        for p, after in zip(points, [*points[1:], LAST + 2], strict=True)
        if after - p > 1
    ]
    return "".join(
        rf"\u{{{start:x}}}" + (rf"-\u{{{end:x}}}" if end > start else "")
        for start, end in zip(starts, ends, strict=True)
    )


if __name__ == "__main__":
    main()
