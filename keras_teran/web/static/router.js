// What is asked stands in the address (#q=...&where=..., #image=... or #file=...), so that
// Back, Forward and a bookmark work; everything shown follows from it.

import { Filters } from "./filters.js";
import { lightAll, showImages } from "./results.js";
import { showSentences, showSentencesOf } from "./sentences.js";
import { about, Refusal } from "./service.js";
import { go, state } from "./state.js";
import { part, show, tell } from "./view.js";
import { Words } from "./words.js";

const SETTLE = 250; // ms from the last change of a weight to the search
const input = part("sentence");

function follow() {
  const asked = new URLSearchParams(location.hash.slice(1));
  if (asked.has("image")) return run((signal) => showSentences(asked.get("image"), signal));
  if (asked.has("file")) return run((signal) => showSentencesOf(asked.get("file"), signal));
  state.filters.show(asked.getAll("where"));
  const text = (asked.get("q") ?? "").trim();
  return text ? run((signal) => showImages(text, signal)) : welcome();
}

/** Runs one question and tells its error; gives whether there was an answer. */
async function run(question) {
  const signal = startAnew();
  tell("Searching …", { busy: true });
  try {
    await question(signal);
    return true;
  } catch (error) {
    if (signal.aborted) return false; // the visitor has gone on to something else
    const refused = error instanceof Refusal;
    if (!refused) console.error(error);
    tell("", { error: refused ? error.message : "The page failed; see its console." });
    return false;
  }
}

/** Gives up what is still being asked. */
function startAnew() {
  clearTimeout(state.settling);
  state.running.abort();
  state.running = new AbortController();
  return state.running.signal;
}

function welcome() {
  startAnew();
  state.words.clear();
  tell("");
  document.title = "Search images by sentence";
  show("welcome");
  input.value = "";
  input.focus();
}

function back() {
  if (history.length > 1) history.back();
  else location.hash = "";
}

async function start() {
  const known = await about();
  state.known = known;
  input.maxLength = known.limits.text_length;
  document.querySelector(".weighing").hidden = !known.weights;
  const [held, said] = [known.images, known.captions].map((count) => count.toLocaleString("en"));
  part("about").textContent =
    `${held} images and ${said} sentences, scored by ${known.pooling}.`;
}

state.words = new Words(part("words"), lightAll, () => {
  clearTimeout(state.settling);
  const search = () => run((signal) => showImages(state.words.text, signal));
  state.settling = setTimeout(search, SETTLE);
});
state.filters = new Filters(part("chosen-filters"), part("filter"), () => {
  const text = input.value.trim();
  if (text && part("sentences").hidden) go("q", text);
});
part("search").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = input.value.trim();
  if (text) go("q", text);
});
part("back").addEventListener("click", back);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !part("sentences").hidden) back();
  if (event.key === "/" && !event.target.matches("input")) {
    input.select();
    input.focus();
    event.preventDefault();
  }
});
window.addEventListener("hashchange", follow);
if (await run(start)) follow();
