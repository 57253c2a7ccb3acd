"""What the tables of hostile texts share."""

import json

from support.data_folder import record

LONG = "a" * 10**7
DEEP = "[" * 100_000 + "]" * 100_000
WHOLE = "must be a whole number of 64 bits; received"


def write(path, content):
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        text = content if isinstance(content, str) else json.dumps(content)
        path.write_text(text, encoding="utf-8", newline="")
    return path


def karpathy(**changes):
    """The text of a caption file of one image."""
    return {"images": [{**record("train", 0), **changes}]}
