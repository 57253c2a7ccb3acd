"""The embedded index at size: build, disk, memory, latency, beside scans and a peer.

    python benchmarks/search_index.py FOLDER --images 200000 --parts build,peer
    python benchmarks/search_index.py FOLDER --images 200000 --parts speed
    python benchmarks/search_recall.py RUN --data DATA     (which number of candidates)

The vectors are clustered and synthetic (`clustered.py`): they say how fast a search is
and nothing of what it finds. FOLDER keeps what is built, a folder a size, and the next
call goes on with it. Parts:

build   fills our embedded engine with points like those of `keras-teran index`
graph   what share of the nearest pooled vectors the engine's graph finds
peer    builds LanceDB's multivector index of the same vectors (`search_peer.py`)
speed   a fresh process each: anonymous memory after opening and searching, latencies
        one query after the other, queries a second of two threads. --searches are
        numbers of candidates, or all; plain scans in NumPy of the vectors in memory,
        as float32 or float16; and the peer. Those of earlier calls are reported again.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from clustered import BLOCK, image_block, pooled, sentences
from harness import RESULTS, report

from keras_teran.search import BOXES, IMAGES, Point, Schema
from keras_teran.search.qdrant import EmbeddedEngine

HERE = Path(__file__).parent
REGIONS, WORDS, DIM, QUERIES = 36, 12, 128, 200
VECTORS, SENTENCES = "vectors.npy", "sentences.npy"
BUILT, SPEED = "built.json", "speed.json"
PARTS = ("build", "graph", "peer", "speed")
SEARCHES = "50,100,200,400,1000,all,float32,float16,peer"


def main():
    """Runs the parts that are asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where what is built stays")
    parser.add_argument("--images", type=int, default=200_000, help="(%(default)s)")
    parser.add_argument("--parts", default=",".join(PARTS), help="(%(default)s)")
    parser.add_argument("--searches", default=SEARCHES, help="(%(default)s)")
    parser.add_argument("--peer-python", default=sys.executable, help="has lancedb")
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    folder = args.folder / str(args.images)
    write_vectors(folder, args.images)
    for part in args.parts.split(","):
        run = {"build": build, "graph": graph, "peer": build_peer, "speed": speed}[part]
        run(folder, args)


def write_vectors(folder, images):
    """Both kinds of vectors as files: float16 of the images, float32 of the queries."""
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / SENTENCES).is_file():
        return
    shape = (images, REGIONS, DIM)
    file = np.lib.format.open_memmap(folder / VECTORS, "w+", np.float16, shape)
    for start in range(0, images, BLOCK):
        block = image_block(start // BLOCK, REGIONS, DIM)
        file[start : start + BLOCK] = block[: images - start]
    file.flush()
    np.save(folder / SENTENCES, sentences(QUERIES, WORDS, DIM))


def build(folder, args):
    """Fills the engine, or goes on; reports seconds and bytes an image."""
    facts = read_facts(folder / BUILT)
    engine = EmbeddedEngine(folder)
    engine.create(Schema(DIM, "float16"))
    vectors = np.load(folder / VECTORS, mmap_mode="r")
    started = time.perf_counter()
    first = engine.count(IMAGES) // BLOCK * BLOCK
    for start in range(first, args.images, BLOCK):
        engine.upsert(IMAGES, points(start, vectors[start : start + BLOCK]))
    stored = time.perf_counter() - started
    engine.finish()
    finished = time.perf_counter() - started - stored
    engine.close()
    if first < args.images:
        facts = {
            "images": args.images - first,
            "storing, s": round(stored, 1),
            "finishing, s": round(finished, 1),
        }
        (folder / BUILT).write_text(json.dumps(facts))
    row = facts | {
        "images/s": facts["images"] / (facts["storing, s"] + facts["finishing, s"]),
        "disk, bytes an image": disk(folder / IMAGES) / args.images,
        "of it the log": disk(folder / IMAGES / "wal") / args.images,
        "vectors alone": 2 * DIM * (REGIONS + 1),
    }
    report(f"search_build_{args.images}", [row], args.out, **sizes(args))


def points(start, members):
    """Points with a payload like that of `keras-teran index`."""
    members = np.asarray(members, "float32")
    vectors = pooled(members)
    boxes = np.linspace(0, 1, REGIONS * 4).round(6).reshape(REGIONS, 4).tolist()
    return [
        Point(start + row, vectors[row], members[row], payload(start + row, boxes))
        for row in range(len(members))
    ]


def payload(number, boxes):
    """What an image without a sidecar carries."""
    return {
        "filename": f"{number:012d}.jpg",
        "caption_ids": [5 * number + k for k in range(5)],
        "captions": ["two dogs run through the snow beside a fence"] * 5,
        BOXES: boxes,
    }


def graph(folder, args):
    """The first stage alone, against every pooled vector."""
    vectors = np.load(folder / VECTORS, mmap_mode="r")
    blocks = range(0, args.images, BLOCK)
    every = [pooled(vectors[s : s + BLOCK].astype("float32")) for s in blocks]
    asked = pooled(np.load(folder / SENTENCES))
    order = np.argsort(-(asked @ np.concatenate(every).T), axis=1)
    engine, rows = EmbeddedEngine(folder), []
    for count in (10, 50, 100, 200, 400, 1000):
        kept = []
        for vector, best in zip(asked, order[:, :count], strict=True):
            found = engine.nearest(IMAGES, vector, None, count, None, {})
            kept.append(len({i for i, _ in found} & set(best.tolist())) / count)
        rows.append({"nearest": count, "of them found, %": 100 * float(np.mean(kept))})
    engine.close()
    report(f"search_graph_{args.images}", rows, args.out, **sizes(args))


def build_peer(folder, args):
    """LanceDB's index of the same vectors; a reason where there is none."""
    print(peer(folder, args, "--build"))


def speed(folder, args):
    """Latency and memory of the searches asked for, beside those measured before."""
    rows = read_facts(folder / SPEED)
    probe = [sys.executable, HERE / "search_probe.py", folder]
    for name in args.searches.split(","):
        if name == "peer":
            found = peer(folder, args)
        elif name.startswith("float"):
            found = child([*probe, "scan", "--dtype", name])
        else:
            found = child([*probe, "engine", "--candidates", name])
        rows |= {row["search"]: row for row in found}
        (folder / SPEED).write_text(json.dumps(rows, indent=1))
    for row in rows.values():
        row["KiB an image"] = row["anonymous, MiB"] * 1024 / args.images
    rows = list(rows.values())
    report(f"search_speed_{args.images}", rows, args.out, **sizes(args))


def peer(folder, args, *more):
    """Rows of the peer, or none and a word why."""
    command = [args.peer_python, HERE / "search_peer.py", folder, *more]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    if found.returncode:
        print(f"# no peer: {found.stderr.strip().splitlines()[-1]}")
        return []
    return json.loads(found.stdout.splitlines()[-1])


def child(command):
    """The rows that a process prints as its last line, JSON."""
    found = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(found.stdout.splitlines()[-1])


def sizes(args):
    """What was measured."""
    return {
        "images": args.images,
        "regions": REGIONS,
        "words": WORDS,
        "dim": DIM,
        "vectors": "synthetic, clustered; float16 in the engine",
    }


def read_facts(path):
    """A dict in a file, or an empty one."""
    return json.loads(path.read_text()) if path.is_file() else {}


def disk(folder):
    """Bytes that a folder takes on the disk, holes not counted."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return sum(path.stat().st_blocks * 512 for path in files)


if __name__ == "__main__":
    main()
