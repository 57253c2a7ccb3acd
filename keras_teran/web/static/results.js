// The images of a sentence, best first, with the regions that its words chose.

import { chosenWords, drawRegions, element, frame, light, nameOf } from "./drawing.js";
import { findImages } from "./service.js";
import { go, scansAll, state } from "./state.js";
import { counted, part, show, tell } from "./view.js";

const images = part("images");

/** Searches for a sentence and shows its images. */
export async function showImages(text, signal) {
  const { words, filters, known } = state;
  part("sentence").value = text;
  if (words.text !== text) {
    words.clear();
    images.replaceChildren();
  }
  document.title = text;
  show("images");
  const started = performance.now();
  const { hits, note } = await findImages(
    text,
    words.given(text),
    filters.where(),
    scansAll("images"),
    signal,
  );
  const ms = Math.round(performance.now() - started);
  const chosen = hits.find((hit) => hit.words.length)?.words;
  if (chosen) words.show(text, chosen, known.weights);
  images.replaceChildren(...hits.map(card));
  tell(counted(hits.length, "image", note) + (hits.length ? ` in ${ms} ms` : ""));
  keepFocus();
}

/** Lights one word and its region, above and in every image; null lights none. */
export function lightAll(index) {
  light(images, index);
  part("words")
    .querySelectorAll(".word")
    .forEach((word, own) => word.classList.toggle("lit", own === index));
}

// What had the focus may be gone: back to the image that was opened, or the box.
function keepFocus() {
  const held = document.activeElement;
  // What was hidden a moment ago may still hold it: the browser takes it away later.
  if (held && held !== document.body && held.getClientRects().length) return;
  (images.querySelector(`[data-image="${state.opened}"] .open`) ?? part("sentence")).focus();
  state.opened = null;
}

function card(hit, place) {
  const framed = frame(hit, state.known.pictures);
  drawRegions(framed, hit.boxes, hit.words);
  const open = element("button", "open", { type: "button" }, framed);
  open.setAttribute("aria-label", `${place + 1}: ${nameOf(hit)}. Show its sentences.`);
  open.addEventListener("click", () => {
    state.opened = hit.id;
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
