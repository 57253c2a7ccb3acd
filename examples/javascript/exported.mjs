/**
 * An export's ONNX caption encoder and scorer, on any of ONNX Runtime's JavaScript
 * builds: onnxruntime-node and onnxruntime-web are called alike.
 */

import { readNpy } from "./npy.mjs";
import { Refused } from "./refused.mjs";
import { CaptionTokenizer, readVocabulary } from "./tokenizer.mjs";

// Images that are scored at once: bounds the memory that the cosines take.
const BLOCK = 256;

export class Exported {
  /**
   * @param {object} ort The module of ONNX Runtime.
   * @param {(name: string) => Promise<Uint8Array | null>} read Gives a file of the
   *   export, null where there is none.
   * @param {string} [variant] Of the caption encoder, such as "int8".
   * @throws {Refused} When a file is missing, or the scores cannot be counted.
   */
  static async open(ort, read, variant) {
    const self = new Exported();
    self.ort = ort;
    self.manifest = await readJson(read, "manifest.json");
    self.tokenizer = await openTokenizer(read, self.manifest);
    const suffix = variant ? `.${variant}.onnx` : ".onnx";
    self.encoder = await openSession(ort, read, `onnx/caption_encoder${suffix}`);
    const { pooling, padding } = self.manifest;
    const scorer = "onnx/scorer.onnx";
    if ((await read(scorer)) !== null) {
      self.scorer = await openSession(ort, read, scorer);
    } else if (pooling !== "MrSw" || padding !== "exclude") {
      throw new Refused(
        `this model scores by pooling=${pooling}, padding=${padding}, and ${scorer} ` +
          "is missing: only MrSw, exclude can be counted without it",
      );
    }
    return self;
  }

  /**
   * @param {string} sentence
   * @returns {Promise<object>} `tokenIds`, `cut` (see the tokeniser), and the tensors
   *   `word_embeddings` (1, words, dim), `word_mask` and `caption_embedding`.
   * @throws {Refused} When no word is known, or the model leaves none.
   */
  async encode(sentence) {
    const { ids, cut } = this.tokenizer.encode(sentence);
    const shape = [1, ids.length];
    const mask = new Uint8Array(ids.length).fill(1);
    const outputs = await this.encoder.run({
      token_ids: new this.ort.Tensor("int32", Int32Array.from(ids), shape),
      padding_mask: new this.ort.Tensor("bool", mask, shape),
    });
    if (!outputs.word_mask.data.some(Boolean)) {
      throw new Refused("no word is left to score: this model drops the last one");
    }
    return { tokenIds: ids, cut, ...outputs };
  }

  /**
   * @param {Uint8Array} bytes A .npy of region embeddings.
   * @param {string} name For the messages.
   * @returns {{data: Float32Array, shape: number[]}} (images, regions, dim).
   * @throws {Refused} When it holds anything but unit or zero rows of this model.
   */
  readRegions(bytes, name) {
    const { embedding_dim: dim } = this.manifest.config;
    const regions = readNpy(bytes, name);
    const { shape } = regions;
    if (shape.length !== 3 || shape[2] !== dim || shape.includes(0)) {
      throw new Refused(
        `${name} holds (${shape.join(", ")}); give region embeddings of this export's ` +
          `image encoder, (images, regions, ${dim})`,
      );
    }
    checkUnit(regions, name);
    return regions;
  }

  /**
   * @param {{data: Float32Array, shape: number[]}} regions From `readRegions`.
   * @param {object} words The tensor `word_embeddings` of one sentence.
   * @returns {Promise<Float32Array>} The score of each image.
   */
  async score(regions, words) {
    const [images, count, dim] = regions.shape;
    const scores = new Float32Array(images);
    for (let first = 0; first < images; first += BLOCK) {
      const rows = Math.min(BLOCK, images - first);
      const size = count * dim;
      const data = regions.data.subarray(first * size, (first + rows) * size);
      scores.set(await this.scoreBlock(data, [rows, count, dim], words), first);
    }
    return scores;
  }

  async scoreBlock(data, shape, words) {
    if (!this.scorer) return sumOfBest(data, shape, words.data);
    const outputs = await this.scorer.run({
      region_embeddings: new this.ort.Tensor("float32", data, shape),
      word_embeddings: words,
    });
    return outputs.similarity.data;
  }
}

/** The best rows, highest score first; equal scores in the order of the rows. */
export function ranking(scores, top) {
  return Array.from(scores, (score, row) => ({ row, score }))
    .sort((a, b) => b.score - a.score || a.row - b.row)
    .slice(0, top);
}

/** MrSw: each word's best cosine over an image's regions, summed. */
export function sumOfBest(regions, [images, count, dim], words) {
  const scores = new Float32Array(images);
  for (let image = 0; image < images; image += 1) {
    for (let word = 0; word < words.length; word += dim) {
      let best = -Infinity;
      for (let region = 0; region < count; region += 1) {
        const start = (image * count + region) * dim;
        let cosine = 0;
        let real = false;
        for (let i = 0; i < dim; i += 1) {
          cosine += regions[start + i] * words[word + i];
          real ||= regions[start + i] !== 0;
        }
        if (real && cosine > best) best = cosine;
      }
      if (best > -Infinity) scores[image] += best;
    }
  }
  return scores;
}

async function openTokenizer(read, manifest) {
  const settings = (await readJson(read, "tokenizer.json")).keras_teran_tokenizer;
  const vocabulary = readVocabulary(await readText(read, "vocab.txt"));
  const wanted = manifest.tokenizer.vocabulary_size;
  if (vocabulary.length !== wanted) {
    throw new Refused(
      `vocab.txt has ${vocabulary.length} tokens, the manifest says ${wanted}: it is ` +
        "not the one of this export",
    );
  }
  await checkOrder(vocabulary, manifest.config.vocabulary_sha256);
  if ((settings.strip_accents ?? null) !== null || settings.tokenize_chinese_chars === false) {
    throw new Refused(
      "tokenizer.json sets strip_accents or tokenize_chinese_chars, which this page " +
        "does not honor",
    );
  }
  // The encoder has no positions beyond its own length.
  const longest = Math.min(settings.max_length, manifest.config.caption_max_length);
  return new CaptionTokenizer(vocabulary, settings.lowercase, longest);
}

/** Refuses the tokens of another model; a page that is not served securely cannot tell. */
async function checkOrder(vocabulary, wanted) {
  const { subtle } = globalThis.crypto ?? {};
  if (!wanted || !subtle) return;
  const tokens = new TextEncoder().encode(vocabulary.join("\n"));
  const digest = new Uint8Array(await subtle.digest("SHA-256", tokens));
  const found = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (found !== wanted) {
    throw new Refused(
      "vocab.txt has other tokens than the model was trained with, or the same in " +
        "another order",
    );
  }
}

async function openSession(ort, read, name) {
  const bytes = await read(name);
  if (bytes === null) {
    throw new Refused(
      `${name} is missing: \`keras-teran export\` writes it with --formats onnx, a ` +
        "variant with --variants",
    );
  }
  return ort.InferenceSession.create(bytes);
}

async function readText(read, name) {
  const bytes = await read(name);
  if (bytes === null) {
    throw new Refused(`${name} is missing: name a folder that \`keras-teran export\` wrote`);
  }
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}

async function readJson(read, name) {
  const text = await readText(read, name);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Refused(`${name} is no JSON: ${error.message}`);
  }
}

function checkUnit({ data, shape: [, regions, dim] }, name) {
  for (let start = 0; start < data.length; start += dim) {
    let squared = 0;
    for (let i = start; i < start + dim; i += 1) squared += data[i] * data[i];
    if (squared !== 0 && !(Math.abs(squared - 1) < 0.01)) {
      throw new Refused(
        `row ${Math.floor(start / dim / regions)} of ${name} holds vectors that are not ` +
          "of unit length: give region_embeddings, not the detector's features",
      );
    }
  }
}
