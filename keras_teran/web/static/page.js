// The page: what is asked stands in the address (#q=...&where=..., #image=... or
// #file=...), so that Back, Forward and a bookmark work; everything shown follows from it.

import { chosenWords, drawRegions, element, frame, light, nameOf } from "./drawing.js";
import { Filters } from "./filters.js";
import * as service from "./service.js";
import { Words } from "./words.js";

const SETTLE = 250; // ms from the last change of a weight to the search
const SCANNED = 5000; // an index this small is scored whole: nothing is missed
const part = (id) => document.getElementById(id);
const [main, input, images] = [part("main"), part("sentence"), part("images")];

let known = { images: 0, captions: 0, pictures: false, weights: false };
let settling;
const words = new Words(part("words"), (index) => lightAll(index), () => {
  clearTimeout(settling);
  settling = setTimeout(() => run(() => search(words.text)), SETTLE);
});
const filters = new Filters(part("chosen-filters"), part("filter"), () => {
  const text = input.value.trim();
  if (text && part("sentences").hidden) go("q", text);
});

// ---------------------------------------------------------------- what is asked

function follow() {
  const asked = new URLSearchParams(location.hash.slice(1));
  clearTimeout(settling);
  if (asked.has("image")) return run(() => showSentences(asked.get("image")));
  if (asked.has("file")) return run(() => showSentencesOf(asked.get("file")));
  filters.show(asked.getAll("where"));
  const text = (asked.get("q") ?? "").trim();
  if (text) return run(() => search(text));
  return welcome();
}

function go(name, value) {
  const asked = new URLSearchParams({ [name]: value });
  if (name === "q") filters.pairs.forEach((pair) => asked.append("where", pair));
  const address = `#${asked}`;
  if (address === location.hash) follow();
  else location.hash = address;
}

/** Runs one question: busy while it runs, its error shown, an older one given up. */
async function run(question) {
  main.setAttribute("aria-busy", "true");
  part("error").hidden = true;
  part("status").textContent = "Searching …";
  try {
    await question();
    main.setAttribute("aria-busy", "false");
  } catch (error) {
    if (error.name === "AbortError") return;
    main.setAttribute("aria-busy", "false");
    part("status").textContent = "";
    part("error").hidden = false;
    part("error").textContent =
      error instanceof service.Refusal ? error.message : "The page failed; see its console.";
    if (!(error instanceof service.Refusal)) console.error(error);
  }
}

function show(id) {
  for (const own of ["welcome", "images", "sentences"]) part(own).hidden = own !== id;
}

function welcome() {
  service.startAnew();
  words.clear();
  part("status").textContent = "";
  part("error").hidden = true;
  main.setAttribute("aria-busy", "false");
  document.title = "Search images by sentence";
  show("welcome");
  input.value = "";
  input.focus();
}

// ---------------------------------------------------------------- images

async function search(text) {
  const signal = service.startAnew();
  input.value = text;
  document.title = text;
  if (words.text !== text) {
    words.clear();
    images.replaceChildren();
  }
  show("images");
  const started = performance.now();
  const { hits, note } = await service.findImages(
    text,
    words.given(text),
    filters.where(),
    known.images <= SCANNED,
    signal,
  );
  const ms = Math.round(performance.now() - started);
  const chosen = hits.find((hit) => hit.words.length)?.words;
  if (chosen) words.show(text, chosen, known.weights);
  images.replaceChildren(...hits.map(card));
  const found = hits.length === 1 ? "1 image" : `${hits.length} images`;
  part("status").textContent = hits.length ? `${found} in ${ms} ms` : nothing(note);
  keepFocus();
}

const nothing = (note) => `Nothing found. ${note}`.trim();

// What had the focus may be gone: back to the image that was opened, or the box.
let opened = null;
function keepFocus() {
  const held = document.activeElement;
  // What was hidden a moment ago may still hold it: the browser takes it away later.
  if (held && held !== document.body && held.getClientRects().length) return;
  (images.querySelector(`[data-image="${opened}"] .open`) ?? input).focus();
  opened = null;
}

function card(hit, place) {
  const framed = frame(hit, known.pictures);
  drawRegions(framed, hit.boxes, hit.words);
  const open = element("button", "open", { type: "button" }, framed);
  open.setAttribute("aria-label", `${place + 1}: ${nameOf(hit)}. Show its sentences.`);
  open.addEventListener("click", () => {
    opened = hit.id;
    go("image", hit.id);
  });
  const score = element("div", "score");
  score.append(
    element("span", "", {}, `${place + 1}`),
    element("span", "", { title: "score" }, hit.score.toFixed(2)),
  );
  const said = element("div", "said", {}, score, chosenWords(hit.words));
  return element("li", "card", { "data-image": hit.id }, open, said);
}

images.addEventListener("pointerover", (event) => {
  const word = event.target.closest(".word");
  lightAll(word ? Number(word.dataset.word) : null);
});
images.addEventListener("pointerleave", () => lightAll(null));

function lightAll(index) {
  light(images, index);
  part("words")
    .querySelectorAll(".word")
    .forEach((word, own) => word.classList.toggle("lit", own === index));
}

// Arrows walk over the images as they lie; Home and End go to the first and last.
images.addEventListener("keydown", (event) => {
  const cards = [...images.querySelectorAll(".open")];
  const place = cards.indexOf(document.activeElement);
  if (place < 0) return;
  const columns = getComputedStyle(images).gridTemplateColumns.split(" ").length;
  const next = {
    ArrowRight: place + 1,
    ArrowLeft: place - 1,
    ArrowDown: place + columns,
    ArrowUp: place - columns,
    Home: 0,
    End: cards.length - 1,
  }[event.key];
  if (!cards[next]) return;
  cards[next].focus();
  event.preventDefault();
});

// ---------------------------------------------------------------- sentences

function emptySentences() {
  words.hide(); // with its weights, for the way back
  part("asked").replaceChildren();
  part("captions").replaceChildren();
  show("sentences");
  return service.startAnew();
}

async function showSentences(id) {
  if (!/^\d+$/.test(id)) throw new service.Refusal("There is no such image.");
  const signal = emptySentences();
  const { image, hits, note } = await service.findSentences(
    id,
    known.captions <= SCANNED,
    signal,
  );
  const framed = frame(image, known.pictures);
  const line = chosenWords([]);
  part("asked").replaceChildren(framed, line);
  listSentences(hits, note, nameOf(image), (text) => explain(image, text, signal));
}

// A page reads no file by itself: after a reload the visitor has to choose it again.
let brought = null;
async function showSentencesOf(name) {
  const signal = emptySentences();
  part("asked").replaceChildren(element("p", "faint", {}, name));
  if (brought?.name !== name) throw new service.Refusal(`Choose the file ${name} again.`);
  const most = known.limits.upload_bytes;
  if (brought.size > most) {
    const sizes = [brought.size, most].map((bytes) => bytes.toLocaleString("en"));
    throw new service.Refusal(`${name} has ${sizes[0]} bytes; at most ${sizes[1]} are read.`);
  }
  const { hits, note } = await service.findSentencesOf(
    brought,
    known.captions <= SCANNED,
    signal,
  );
  listSentences(hits, note, name, () => {});
}

part("bring").addEventListener("click", () => part("file").click());
part("file").addEventListener("change", () => {
  if (!part("file").files.length) return;
  brought = part("file").files[0];
  part("file").value = ""; // so that the same one can be chosen again, changed
  go("file", brought.name);
});

function listSentences(hits, note, name, onPoint) {
  part("captions").replaceChildren(...hits.map((hit) => captionItem(hit, onPoint)));
  document.title = `Sentences of ${name}`;
  const found = hits.length === 1 ? "1 sentence" : `${hits.length} sentences`;
  part("status").textContent = hits.length ? found : nothing(note);
  part("sentences-title").focus();
}

function captionItem(hit, onPoint) {
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
let pointed = null;
async function explain(image, text, signal) {
  pointed = text;
  try {
    const found = await service.findWords(image.id, text, signal);
    if (pointed !== text || signal.aborted) return; // pointing at another one by now
    const [framed, line] = part("asked").children;
    drawRegions(framed, found.boxes, found.words);
    line.replaceWith(chosenWords(found.words));
  } catch {
    // The sentences stand without it.
  }
}

part("asked").addEventListener("pointerover", (event) => {
  const word = event.target.closest(".word");
  light(part("asked"), word ? Number(word.dataset.word) : null);
});
part("asked").addEventListener("pointerleave", () => light(part("asked"), null));

part("back").addEventListener("click", () => back());
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !part("sentences").hidden) back();
  if (event.key === "/" && document.activeElement !== input) {
    input.select();
    input.focus();
    event.preventDefault();
  }
});

function back() {
  if (history.length > 1) history.back();
  else location.hash = "";
}

// ---------------------------------------------------------------- start

part("search").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = input.value.trim();
  if (text) go("q", text);
});
window.addEventListener("hashchange", follow);

run(async () => {
  known = await service.about();
  input.maxLength = known.limits.text_length;
  document.querySelector(".weighing").hidden = !known.weights;
  const [held, said] = [known.images, known.captions].map((count) => count.toLocaleString("en"));
  part("about").textContent =
    `${held} images and ${said} sentences, scored by ${known.pooling}.`;
  follow();
});
