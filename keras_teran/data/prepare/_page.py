"""The report of a data set: one HTML file that needs nothing beside it."""

import io
from base64 import b64encode
from collections import Counter
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

import numpy as np

from keras_teran.data.prepare._words import count_words
from keras_teran.vision import decode

# Of each; the rest is counted here and listed in prepared.json.
_MOST_LINES, _MOST_NAMES, _MOST_WORDS = 1000, 200, 100
_MOST_GROUPS, _MOST_OF_GROUP = 20, 6
_SHEET = 48
_THUMBNAIL = 160
_LONGEST = 30


def write_page(path, prepared):
    """Writes counts, lengths, unknown words, what was left out, and pictures.

    All text is escaped; nothing is loaded and no script is run.

    Args:
        path: the file.
        prepared: `_prepare.Prepared`.
    """
    sections = (
        ("", _tiles(prepared)),
        ("Splits", _splits(prepared)),
        ("Words a caption", _lengths(prepared.captions.captions)),
        ("Unknown words", _unknown(prepared.unknown)),
        ("Contact sheet", _sheet(prepared)),
        ("Pictures that are alike", _duplicates(prepared)),
        ("Left out", _left_out(prepared.left_out)),
        ("Pictures without captions", _without(prepared.without_captions)),
    )
    body = "\n".join(
        f"<section>\n<h2>{title}</h2>\n{inside}\n</section>" if title else inside
        for title, inside in sections
        if inside
    )
    template = files("keras_teran").joinpath("report.html").read_text("utf-8")
    text = f"Captions of {prepared.source}, pictures of {prepared.folder}."
    page = Template(template).substitute(
        title=_safe(f"The data set {prepared.source.stem}"),
        summary=f"<p>{_safe(text)}</p>",
        body=body,
    )
    Path(path).write_text(page, encoding="utf-8")


def _safe(text):
    """Escaped; bytes of a file's name that are no UTF-8 are shown as such."""
    return escape(str(text).encode("utf-8", "backslashreplace").decode("utf-8"))


def _tiles(prepared):
    tiles = (
        (len(prepared.captions.image_ids), "images"),
        (len(prepared.captions), "captions"),
        (len(prepared.left_out), "left out"),
        (len(prepared.duplicates), "groups of pictures that are alike"),
    )
    inside = "".join(
        f'<div class="tile"><b>{number:,}</b><span>{label}</span></div>'
        for number, label in tiles
    )
    return f'<div class="tiles">{inside}</div>'


def _table(heads, rows):
    head = "".join(f'<th class="words">{_safe(text)}</th>' for text in heads)
    body = "".join(
        "<tr>" + "".join(f'<td class="words">{_safe(t)}</td>' for t in row) + "</tr>\n"
        for row in rows
    )
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>\n'
        f"<tbody>{body}</tbody></table></div>"
    )


def _faint(text):
    return f'<p class="faint">{_safe(text)}</p>'


def _range(values):
    return f"{values.min()} – {np.median(values):g} – {values.max()}"


def _splits(prepared):
    captions, splits = prepared.captions, np.array(prepared.splits)
    words = count_words(captions.captions)
    rows = []
    for split in dict.fromkeys(("train", "restval", "val", "test")):
        images = np.flatnonzero(splits == split)
        if not images.size:
            continue
        own = np.isin(captions.caption_to_image, images)
        each = np.bincount(captions.caption_to_image[own], minlength=len(splits))
        counts = [f"{len(images):,}", f"{own.sum():,}"]
        rows.append([split, *counts, _range(each[images]), _range(words[own])])
    heads = ["", "images", "captions", "captions an image", "words a caption"]
    note = "Ranges: least – median – most."
    several = _told_of_several(captions)
    if several:
        note += f" Captions whose text several images have: {several:,}."
    return _table(heads, rows) + _faint(note)


def _told_of_several(captions):
    """Captions that cannot tell their image from another."""
    images = {}
    for text, image in zip(captions.captions, captions.caption_to_image, strict=True):
        images.setdefault(text.lower(), []).append(image)
    return sum(len(own) for own in images.values() if len(set(own)) > 1)


def _lengths(captions):
    """A bar a length; the last stands for all that are longer."""
    lengths = np.minimum(count_words(captions), _LONGEST)
    counts = np.bincount(lengths, minlength=_LONGEST + 1)[1:]
    bars = "".join(
        f'<rect class="line-0" x="{20 * place + 2}" y="{100 - height:.1f}" width="16" '
        f'height="{height:.1f}"><title>{place + 1}{"" if place + 1 < _LONGEST else "+"} '
        f"words: {count:,}</title></rect>"
        for place, count in enumerate(counts.tolist())
        if (height := 100 * count / counts.max())
    )
    marks = "".join(
        f'<text class="axis" text-anchor="middle" x="{20 * n - 10}" y="116">{n}'
        f"{'' if n < _LONGEST else '+'}</text>"
        for n in (1, *range(5, _LONGEST + 1, 5))
    )
    return (
        f'<svg viewBox="0 0 {20 * _LONGEST} 120" role="img" '
        f'aria-label="Captions by their number of words">{bars}{marks}</svg>'
    )


def _unknown(unknown):
    if unknown is None:
        return ""
    told = (
        f"Not in {unknown.vocabulary}: {len(unknown.words):,} words, in "
        f"{unknown.captions:,} captions. Captions that reach {unknown.max_length} "
        f"tokens, where longer ones are cut: {unknown.cut:,}."
    )
    most = unknown.words.most_common(_MOST_WORDS)
    listed = ", ".join(f"{word} ({count})" for word, count in most)
    rest = len(unknown.words) - len(most)
    return f"<p>{_safe(told)}</p>" + _faint(
        listed + (f" and {rest:,} more" * bool(rest))
    )


def _left_out(left_out):
    if not left_out:
        return ""
    rest = len(left_out) - _MOST_LINES
    more = _faint(f"And {rest:,} more, in prepared.json.") if rest > 0 else ""
    return _table(["image", "why"], left_out[:_MOST_LINES]) + more


def _without(names):
    if not names:
        return ""
    shown = ", ".join(names[:_MOST_NAMES])
    rest = len(names) - _MOST_NAMES
    more = f" and {rest:,} more, in prepared.json" if rest > 0 else ""
    return f"<p>{len(names):,} pictures are not used.</p>" + _faint(shown + more)


def _duplicates(prepared):
    groups = prepared.duplicates
    if not groups:
        return ""
    kinds = Counter(group["identical"] for group in groups)
    told = (
        f"{kinds[True]:,} groups of identical files, {kinds[False]:,} of nearly the same "
        "picture. Each stays in one split"
    )
    torn = len(prepared.torn)
    told += f", but {torn:,} that the captions tear apart." if torn else "."
    shown = "".join(
        f"<h3>{'identical' if group['identical'] else 'nearly the same'}, "
        f"{len(group['images'])} pictures</h3>" + _group(prepared.folder, group)
        # Those that leak stand first.
        for group in sorted(groups, key=lambda group: not group["torn"])[:_MOST_GROUPS]
    )
    rest = len(groups) - _MOST_GROUPS
    more = _faint(f"And {rest:,} more, in prepared.json.") if rest > 0 else ""
    return f"<p>{_safe(told)}</p>" + shown + more


def _group(folder, group):
    pairs = zip(group["images"], group["splits"], strict=True)
    return _figures(folder, [(n, f"{n}, {s}") for n, s in list(pairs)[:_MOST_OF_GROUP]])


def _sheet(prepared):
    """Pictures at equal distances in the order of the file, with a caption each."""
    captions, total = prepared.captions, len(prepared.splits)
    rows = np.unique(np.linspace(0, total - 1, min(_SHEET, total)).round().astype(int))
    named = [
        (
            captions.filenames[row],
            f"{captions.captions_of(row)[0]} ({prepared.splits[row]})",
        )
        for row in rows
    ]
    return _figures(prepared.folder, named)


def _figures(folder, named):
    inside = "".join(
        f'<figure><img alt="{_safe(name)}" title="{_safe(name)}" '
        f'src="{_thumbnail(folder / name)}"><figcaption>{_safe(text)}</figcaption>'
        "</figure>\n"
        for name, text in named
    )
    return f'<div class="sheet">{inside}</div>'


def _thumbnail(path):
    from PIL import Image

    picture = Image.fromarray(decode(path, _THUMBNAIL // 2))
    picture.thumbnail((_THUMBNAIL, _THUMBNAIL))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=75)
    return f"data:image/jpeg;base64,{b64encode(file.getvalue()).decode()}"
