/** The page: the export and the stored regions come from serve.mjs, all else is here. */

import * as ort from "/node_modules/onnxruntime-web/dist/ort.wasm.min.mjs";

import { Exported, ranking } from "./exported.mjs";
import { Refused } from "./refused.mjs";

const SHOWN = 10;
const [form] = document.forms;
const state = document.querySelector("#state");
const list = document.querySelector("#found");

async function read(name) {
  const answer = await fetch(name);
  if (answer.status === 404) return null;
  if (!answer.ok) throw new Refused(`${name}: ${answer.status} ${answer.statusText}`);
  return new Uint8Array(await answer.arrayBuffer());
}

async function open() {
  ort.env.wasm.wasmPaths = "/node_modules/onnxruntime-web/dist/";
  ort.env.wasm.numThreads = 1; // more need headers that isolate the page
  const exported = await Exported.open(ort, (name) => read(`/exported/${name}`));
  const bytes = await read("/regions.npy");
  if (bytes === null) throw new Refused("regions.npy is missing on the server");
  const regions = exported.readRegions(bytes, "regions.npy");
  return { exported, regions };
}

async function search({ exported, regions }, sentence) {
  const caption = await exported.encode(sentence);
  const scores = await exported.score(regions, caption.word_embeddings);
  const items = ranking(scores, SHOWN).map(({ row, score }) => {
    const item = document.createElement("li");
    item.textContent = `image ${row}: ${score.toFixed(3)}`;
    return item;
  });
  list.replaceChildren(...items);
  return caption.cut.length
    ? `${caption.cut.length} word pieces from "${caption.cut[0]}" on were left out: ` +
        `${exported.tokenizer.longest} tokens is the most.`
    : `${scores.length} images searched.`;
}

/** Shows what an action says of itself, or in one line why it could not be done. */
async function report(action) {
  try {
    state.textContent = await action();
  } catch (error) {
    if (!(error instanceof Refused)) console.error(error);
    list.replaceChildren();
    state.textContent = error.message;
  }
}

await report(async () => {
  const opened = await open();
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    report(() => search(opened, form.elements.sentence.value));
  });
  form.querySelector("button").disabled = false;
  const asked = new URLSearchParams(location.search).get("sentence");
  if (asked === null) return "Ready.";
  form.elements.sentence.value = asked;
  return search(opened, asked);
});
