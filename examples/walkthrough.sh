#!/bin/sh
# From a folder of photos to a search page, in six commands.
#
#   sh examples/walkthrough.sh PHOTOS CAPTIONS EXTRACTOR OUT [options of train]
#
# PHOTOS     a folder of pictures
# CAPTIONS   .csv with image and caption, or any file that `data prepare` reads
# EXTRACTOR  a KerasHub preset of a picture backbone (name, hf:// address or folder);
#            for an .onnx or .tflite file set TENSOR, see `keras-teran regions --help`
# OUT        a folder to write; each command of a killed run goes on, or says what is there
#
# PORT=8000 says where the page is served.
set -eu

photos=$1 captions=$2 extractor=$3 out=$4
shift 4

# 1. Splits, copies, what is broken: look at $out/data/report.html.
keras-teran data prepare "$photos" --captions "$captions" --out "$out/data"

# 2. Pictures to regions: up to 36 an image.
keras-teran regions "$photos" --captions "$out/data/dataset_data.json" \
    --extractor "$extractor" ${TENSOR:+--tensor "$TENSOR"} --merge 36 \
    --out "$out/data/regions"

# 3. A model of them.
keras-teran train "$out/run" --data "$out/data" "$@"

# 4. How well it finds what it has not seen.
keras-teran evaluate "$out/run"

# 5. An index of the same images; --split train has most.
keras-teran index "$out/run" --regions "$out/data" --split test --out "$out/index"

# 6. The page; Ctrl-C ends it.
keras-teran serve "$out/index" --pictures "$photos" --port "${PORT:-8000}"
