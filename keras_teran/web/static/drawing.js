// Pictures with the regions that words chose. Text goes in as text, never as HTML.

import { pictureAddress } from "./service.js";

const SVG = "http://www.w3.org/2000/svg";

/** An element with a class, attributes and children; strings become text nodes. */
export function element(name, className, attributes = {}, ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** The class that gives a word its colour: the same everywhere on the page. */
export const colour = (index) => `w${index % 6}`;

/** What is said of an image in words: its first caption, or its file's name. */
export function nameOf(image) {
  const { captions, filename } = image.payload;
  const named = Array.isArray(captions) && captions.length ? captions[0] : filename;
  return typeof named === "string" && named ? named : `image ${image.id}`;
}

/** A square frame with the picture in it, and an empty layer for regions. */
export function frame(image, pictures) {
  const picture = element("div", "picture");
  const shown = element("img", "", { alt: nameOf(image), loading: "lazy", decoding: "async" });
  shown.addEventListener("error", () => picture.classList.add("blank"));
  shown.addEventListener("load", () => fit(picture, shown.naturalWidth / shown.naturalHeight));
  if (pictures) shown.src = pictureAddress(image.id);
  else picture.classList.add("blank");
  picture.append(shown);
  return element("div", "frame", {}, picture);
}

// The picture's own shape, as large as the square admits: regions are relative to it.
function fit(picture, ratio) {
  if (!(ratio > 0)) return;
  picture.style.aspectRatio = ratio;
  picture.style.width = `${100 * Math.min(1, ratio)}%`;
}

/** Draws the region of each word; those drawn before go. */
export function drawRegions(framed, boxes, words) {
  const picture = framed.querySelector(".picture");
  picture.querySelectorAll("svg, .tag").forEach((old) => old.remove());
  const layer = document.createElementNS(SVG, "svg");
  layer.setAttribute("viewBox", "0 0 1 1");
  layer.setAttribute("preserveAspectRatio", "none");
  layer.setAttribute("aria-hidden", "true");
  picture.append(layer);
  const drawn = words
    .map((word, index) => ({ word, index, box: boxes[word.region] }))
    .filter(({ box }) => box);
  const strongest = Math.max(...words.map((word) => word.cosine));
  // All edges before all lines, and weak words faint, so that lines stay legible.
  for (const edge of [true, false]) {
    for (const { word, index, box } of drawn) {
      const line = rectangle(box, edge ? "under" : colour(index), index);
      line.style.setProperty("--shown", shown(word.cosine, strongest));
      layer.append(line);
    }
  }
  picture.append(...drawn.map(({ word, index, box }) => tag(box, word, index)));
}

const shown = (cosine, strongest) => (cosine > 0 ? 0.1 + 0.8 * (cosine / strongest) ** 2 : 0.1);

function rectangle([x0, y0, x1, y1], className, index) {
  const drawn = document.createElementNS(SVG, "rect");
  const places = { x: x0, y: y0, width: x1 - x0, height: y1 - y0 };
  for (const [key, value] of Object.entries(places)) drawn.setAttribute(key, Math.max(0, value));
  drawn.setAttribute("class", className);
  drawn.dataset.word = index;
  return drawn;
}

// Above its box where there is room, else below or inside; never past a side.
function tag([x0, y0, x1, y1], word, index) {
  const made = element("span", `tag ${colour(index)}`, { "aria-hidden": "true" });
  made.textContent = `${word.text} ${word.cosine.toFixed(2)}`;
  made.dataset.word = index;
  if (x0 > 0.5) made.style.right = `${100 * (1 - Math.min(1, x1))}%`;
  else made.style.left = `${100 * Math.max(0, x0)}%`;
  if (y0 > 0.12) made.style.bottom = `${100 * (1 - y0)}%`;
  else made.style.top = `${100 * Math.max(0, y1 < 0.88 ? y1 : y0)}%`;
  return made;
}

/** The words of a sentence, each underlined as far as it is strong. */
export function chosenWords(words) {
  const line = element("div", "chosen");
  words.forEach((word, index) => {
    const made = element("span", `word ${colour(index)}`, {
      title: `${word.text}: cosine ${word.cosine.toFixed(3)}`,
    });
    made.textContent = word.text;
    made.dataset.word = index;
    made.style.setProperty("--strength", Math.min(1, Math.max(0, word.cosine)));
    line.append(made);
  });
  return line;
}

/** Lights one word and its region, everywhere below an element; null lights none. */
export function light(below, index) {
  below.classList.toggle("lighting", index !== null);
  below.querySelectorAll(".lit").forEach((lit) => lit.classList.remove("lit"));
  if (index === null) return;
  below
    .querySelectorAll(`[data-word="${index}"]`)
    .forEach((part) => part.classList.add("lit"));
}
