/**
 * Search images with a sentence by exported ONNX files, without Python.
 *
 *     npm ci
 *     node search.mjs EXPORTED REGIONS.npy "two dogs"
 *
 * EXPORTED is a folder that `keras-teran export` wrote. REGIONS.npy holds what its image
 * encoder gave: float32 (images, regions, dim), unit rows, all zeros where there is no
 * region; `store_regions.py` writes one.
 */

import { readFile } from "node:fs/promises";
import path from "node:path";
import { parseArgs } from "node:util";

import { Exported, ranking } from "./exported.mjs";
import { Refused } from "./refused.mjs";

const USAGE =
  'usage: node search.mjs EXPORTED REGIONS.npy "two dogs" ' +
  "[--top 10] [--variant int8] [--json]";

async function main() {
  const { folder, stored, sentence, top, variant, json } = readArguments();
  const ort = await runtime();
  const exported = await Exported.open(ort, readerOf(folder), variant);
  const bytes = await readFile(stored).catch((error) => {
    throw new Refused(`${stored} cannot be read: ${error.message}`);
  });
  const regions = exported.readRegions(bytes, stored);
  const caption = await exported.encode(sentence);
  if (caption.cut.length) {
    console.error(
      `the sentence is cut to ${exported.tokenizer.longest} tokens with [CLS] and ` +
        `[SEP]: ${caption.cut.length} word pieces from '${caption.cut[0]}' on are left out`,
    );
  }
  const scores = await exported.score(regions, caption.word_embeddings);
  const best = ranking(scores, top);
  console.log(json ? JSON.stringify(told(caption, best)) : table(best));
}

function readArguments() {
  const options = {
    top: { type: "string", default: "10" },
    variant: { type: "string" },
    json: { type: "boolean", default: false },
  };
  let parsed;
  try {
    parsed = parseArgs({ options, allowPositionals: true });
  } catch (error) {
    throw new Refused(`${error.message}; ${USAGE}`);
  }
  const { positionals, values } = parsed;
  const top = Number(values.top);
  if (positionals.length !== 3 || !(Number.isInteger(top) && top > 0)) {
    throw new Refused(USAGE);
  }
  const [folder, stored, sentence] = positionals;
  return { ...values, folder, stored, sentence, top };
}

async function runtime() {
  try {
    return (await import("onnxruntime-node")).default;
  } catch (error) {
    const [reason] = error.message.split("\n");
    throw new Refused(`onnxruntime-node is missing: run npm ci here (${reason})`);
  }
}

/** Function of a name in the export to its bytes, or null where there is no file. */
function readerOf(folder) {
  return async (name) => {
    try {
      return await readFile(path.join(folder, name));
    } catch (error) {
      if (error.code === "ENOENT" || error.code === "ENOTDIR") return null;
      throw new Refused(error.message);
    }
  };
}

function told(caption, best) {
  const { data, dims } = caption.word_embeddings;
  const rows = Array.from({ length: dims[1] }, (_, row) =>
    Array.from(data.subarray(row * dims[2], (row + 1) * dims[2])),
  );
  return {
    token_ids: caption.tokenIds,
    cut: caption.cut,
    word_embeddings: rows,
    caption_embedding: Array.from(caption.caption_embedding.data),
    ranking: best,
  };
}

function table(best) {
  const lines = best.map(
    ({ row, score }, place) =>
      `${String(place + 1).padStart(4)} ${score.toFixed(3).padStart(8)} ` +
      String(row).padStart(7),
  );
  return ["rank    score     row", ...lines].join("\n");
}

try {
  await main();
} catch (error) {
  if (!(error instanceof Refused)) throw error;
  console.error(`search: ${error.message}`);
  process.exitCode = 1;
}
