// The sentences of an image: of one in the index, or of a visitor's file of regions.

import { chosenWords, drawRegions, element, frame, light, nameOf } from "./drawing.js";
import { findSentences, findSentencesOf, findWords, Refusal } from "./service.js";
import { go, scansAll, state } from "./state.js";
import { counted, part, show, tell } from "./view.js";

const asked = part("asked");

/** Shows the sentences of an image of the index. */
export async function showSentences(id, signal) {
  if (!/^\d+$/.test(id)) throw new Refusal("There is no such image.");
  empty();
  const { image, hits, note } = await findSentences(id, scansAll("captions"), signal);
  asked.replaceChildren(frame(image, state.known.pictures), chosenWords([]));
  list(hits, note, nameOf(image), (text) => explain(image, text, signal));
}

/** Shows the sentences of a file; after a reload the visitor has to choose it again. */
export async function showSentencesOf(name, signal) {
  empty();
  asked.replaceChildren(element("p", "faint", {}, name));
  const { file, known } = state;
  if (file?.name !== name) throw new Refusal(`Choose the file ${name} again.`);
  const most = known.limits.upload_bytes;
  if (file.size > most) {
    const sizes = [file.size, most].map((bytes) => bytes.toLocaleString("en"));
    throw new Refusal(`${name} has ${sizes[0]} bytes; at most ${sizes[1]} are read.`);
  }
  const { hits, note } = await findSentencesOf(file, scansAll("captions"), signal);
  list(hits, note, name, () => {});
}

function empty() {
  state.words.hide(); // with its weights, for the way back
  asked.replaceChildren();
  part("captions").replaceChildren();
  show("sentences");
}

function list(hits, note, name, onPoint) {
  part("captions").replaceChildren(...hits.map((hit) => caption(hit, onPoint)));
  document.title = `Sentences of ${name}`;
  tell(counted(hits.length, "sentence", note));
  part("sentences-title").focus();
}

function caption(hit, onPoint) {
  const button = element("button", "caption", { type: "button" });
  button.setAttribute("aria-description", "Search images with this sentence");
  button.append(
    element("b", "", {}, hit.caption),
    element("span", "", { title: "score" }, hit.score.toFixed(2)),
  );
  button.addEventListener("click", () => go("q", hit.caption));
  button.addEventListener("focus", () => onPoint(hit.caption));
  button.addEventListener("pointerenter", () => onPoint(hit.caption));
  return element("li", "", {}, button);
}

/** Shows in the picture what the words of a sentence choose. */
async function explain(image, text, signal) {
  state.pointed = text;
  try {
    const found = await findWords(image.id, text, signal);
    if (state.pointed !== text || signal.aborted) return; // at another one by now
    const [framed, line] = asked.children;
    drawRegions(framed, found.boxes, found.words);
    line.replaceWith(chosenWords(found.words));
  } catch {
    // The sentences stand without it.
  }
}

asked.addEventListener("pointerover", (event) => {
  const word = event.target.closest(".word");
  light(asked, word ? Number(word.dataset.word) : null);
});
asked.addEventListener("pointerleave", () => light(asked, null));

part("bring").addEventListener("click", () => part("file").click());
part("file").addEventListener("change", () => {
  if (!part("file").files.length) return;
  state.file = part("file").files[0];
  part("file").value = ""; // so that the same one can be chosen again, changed
  go("file", state.file.name);
});
