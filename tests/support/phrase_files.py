"""Small files of phrases with boxes, in the layouts in which they are published."""

import json

# 200 x 100 pixels: the box of 11..60 and 21..70 covers 10/200 to 60/200, 20/100 to 70/100.
MAN = (10 / 200, 20 / 100, 60 / 200, 70 / 100)
ENTITIES_XML = """<annotation>
  <filename>36979.jpg</filename>
  <size><width>200</width><height>100</height><depth>3</depth></size>
  <object><name>1</name>
    <bndbox><xmin>11</xmin><ymin>21</ymin><xmax>60</xmax><ymax>70</ymax></bndbox></object>
  <object><name>2</name><name>3</name>
    <bndbox><xmin>1</xmin><ymin>1</ymin><xmax>200</xmax><ymax>100</ymax></bndbox></object>
  <object><name>2</name>
    <bndbox><xmin>101</xmin><ymin>51</ymin><xmax>200</xmax><ymax>100</ymax></bndbox></object>
  <object><name>4</name><scene>1</scene><nobndbox>0</nobndbox></object>
</annotation>
"""
ENTITIES_SENTENCES = (
    "[/EN#1/people A tall man] sees [/EN#2/animals/other two dogs] .\n"
    "[/EN#0/notvisual It] is [/EN#4/scene a park] with [/EN#3/animals dogs]\n"
)


def write_entities(folder, **changes):
    """Writes image 36979 of Flickr30k Entities; `xml`, `sentences`, `val` as changed."""
    for name in ("Sentences", "Annotations"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    sentences = changes.get("sentences", ENTITIES_SENTENCES)
    (folder / "Sentences" / "36979.txt").write_text(sentences)
    (folder / "Annotations" / "36979.xml").write_text(changes.get("xml", ENTITIES_XML))
    (folder / "val.txt").write_text(changes.get("val", "36979\n"))
    (folder / "test.txt").write_text("1\n")
    return folder


def instances():
    """COCO's instances: two dogs and a crowd in image 7, a cat in image 9."""
    return {
        "info": {"year": 2014},
        "images": [
            {"id": 7, "file_name": "COCO_val2014_000000000007.jpg"}
            | {"width": 200, "height": 100},
            {"id": 9, "file_name": "COCO_val2014_000000000009.jpg"}
            | {"width": 50, "height": 50},
        ],
        "annotations": [
            thing(1, 7, 18, [20, 10, 40, 50]),
            thing(2, 7, 18, [100, 0, 100, 100]),
            thing(3, 7, 1, [0, 0, 200, 100], iscrowd=1),
            thing(4, 9, 17, [5, 10, 20, 30]),
        ],
        "categories": [
            {"id": 1, "name": "person", "supercategory": "person"},
            {"id": 17, "name": "cat", "supercategory": "animal"},
            {"id": 18, "name": "dog", "supercategory": "animal"},
            {"id": 58, "name": "hot dog", "supercategory": "food"},
        ],
    }


def thing(number, image, category, bbox, iscrowd=0):
    return {
        "id": number,
        "image_id": image,
        "category_id": category,
        "bbox": bbox,
        "iscrowd": iscrowd,
        "segmentation": [[1.0, 2.0]],
    }


def refs():
    """Refs of RefCOCO: a dog of image 7 in testA, the cat of image 9 in val."""
    return [
        ref(0, 2, 7, "testA", ["right dog", "dog at the right"]),
        ref(1, 4, 9, "val", ["the cat"]),
    ]


def ref(number, annotation, image, split, sentences):
    return {
        "ref_id": number,
        "ann_id": annotation,
        "image_id": image,
        "category_id": 18,
        "file_name": f"COCO_train2014_{image:012d}_{annotation}.jpg",
        "split": split,
        "sent_ids": list(range(len(sentences))),
        "sentences": [
            {"sent_id": k, "sent": text, "raw": text.upper(), "tokens": text.split()}
            for k, text in enumerate(sentences)
        ],
    }


def write_refs(folder, name="refs(unc).json", content=None, boxes=None):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(refs() if content is None else content))
    (folder / "instances.json").write_text(json.dumps(boxes or instances()))
    return folder / name


def record(**changes):
    """A phrase of our JSON."""
    return {
        "filename": "a.jpg",
        "imgid": 4,
        "sentid": 20,
        "caption": "A red dog runs",
        "start": 2,
        "end": 9,
        "phrase": "Red dog",
        "box": [0.0, 0.25, 0.5, 1],
    } | changes


def write_phrases(path, records, **fields):
    path.write_text(json.dumps({**fields, "phrases": records}))
    return path
