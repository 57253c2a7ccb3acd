"""`keras-teran align`."""

import functools

from keras_teran.cli._parsers import add_command, add_run, add_split
from keras_teran.cli.data_options import (
    add_data_options,
    open_for_run,
    open_source,
)


def add(commands):
    """Adds `align` to the subparsers of `keras-teran`."""
    command = add_command(commands, "align", run, "draw which region each word chose")
    add_run(command)
    add_data_options(command, "what the run was trained on")
    add_split(command)
    command.add_argument("--image-id", type=int, help="which image (the first)")
    command.add_argument("--caption", help="a sentence (the image's first caption)")
    command.add_argument(
        "--phrase",
        metavar="TEXT",
        help="a part of the sentence, whose heat map stands in place of the cosines",
    )
    command.add_argument("--pictures", metavar="FOLDER", help="of the image files")
    command.add_argument(
        "--out", metavar="PNG", default="align.png", help="file to write (%(default)s)"
    )


def run(arguments):
    """`keras-teran align`."""
    import keras_teran
    from keras_teran import _io
    from keras_teran.data import picture_path
    from keras_teran.pipeline import draw

    _io.check_output(arguments.out)
    matcher = keras_teran.load(arguments.run)
    # One picture is used: the others are not decoded.
    unchecked = functools.partial(open_source, check=False)
    captions, regions, drawn = open_for_run(arguments, arguments.run, unchecked)
    row = captions.row_of(arguments.image_id)
    caption = arguments.caption
    if caption is None:
        caption = captions.captions_of(row)[0]
    picture = None if drawn is None else drawn.pictures[row]
    if folder := arguments.pictures or arguments.images:
        picture = picture_path(folder, captions.filenames[row])
    found = matcher.explain(regions.read(captions.image_ids[[row]]), caption)
    draw(found, picture, arguments.out, arguments.phrase)
    print(f"image {captions.image_ids[row]}, {found.pooling} score {found.score:.3f}")
    print(f"drawn to {arguments.out}")
