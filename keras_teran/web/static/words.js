// The words of the sentence, above the results: light them, weigh them.

import { colour, element } from "./drawing.js";

const STEPS = [0, 0.25, 0.5, 1, 1.5, 2, 3, 4];
const SHOWN = 60;

/** The group of words.
 *
 * `onLight(index or null)` and `onWeigh()` tell the page what the visitor does.
 */
export class Words {
  constructor(group, onLight, onWeigh) {
    this.group = group;
    this.onWeigh = onWeigh;
    this.weights = [];
    this.text = null;
    group.addEventListener("keydown", (event) => this.#key(event));
    group.addEventListener("pointerover", (event) => onLight(this.#index(event)));
    group.addEventListener("pointerleave", () => onLight(null));
    group.addEventListener("focusin", (event) => onLight(this.#index(event)));
    group.addEventListener("focusout", () => onLight(null));
  }

  /** The weights to ask with; null where all are 1, or of another sentence. */
  given(text) {
    const changed = this.text === text && this.weights.some((weight) => weight !== 1);
    return changed ? this.weights : null;
  }

  /** Shows the words of a sentence; one that is shown already keeps its weights. */
  show(text, words, weighable) {
    this.group.hidden = words.length === 0;
    if (this.text === text) return;
    this.text = text;
    this.weights = words.map(() => 1);
    this.parts = words.slice(0, SHOWN).map((word, index) => this.#part(word, index, weighable));
    this.group.replaceChildren(...this.parts);
    if (!weighable) return;
    this.reset = element("button", "", { type: "button", id: "reset" }, "Reset weights");
    this.reset.hidden = true;
    this.reset.addEventListener("click", () => this.#resetAll());
    this.group.append(this.reset);
  }

  /** Out of sight; the sentence and its weights stay. */
  hide() {
    this.group.hidden = true;
  }

  /** Nothing is asked: no words, no weights. */
  clear() {
    this.text = null;
    this.weights = [];
    this.group.replaceChildren();
    this.group.hidden = true;
  }

  #part(word, index, weighable) {
    const part = element("span", `weighed ${colour(index)}`, { role: "group" });
    part.setAttribute("aria-label", `word ${word.text}`);
    part.dataset.word = index;
    const name = element("button", "word", { type: "button" }, word.text);
    part.append(name);
    if (!weighable) return part;
    name.setAttribute("aria-description", "plus and minus weigh this word");
    part.append(
      this.#step(word, index, -1, "−", "less"),
      element("output", "", { "aria-live": "polite" }, "×1"),
      this.#step(word, index, 1, "+", "more"),
    );
    return part;
  }

  #step(word, index, direction, sign, name) {
    const button = element("button", "step", { type: "button" }, sign);
    button.setAttribute("aria-label", `${name} of ${word.text}`);
    button.addEventListener("click", () => this.#weigh(index, direction));
    return button;
  }

  #weigh(index, direction) {
    const place = STEPS.indexOf(this.weights[index]) + direction;
    if (place < 0 || place >= STEPS.length) return;
    const others = this.weights.some((weight, own) => own !== index && weight > 0);
    if (STEPS[place] === 0 && !others) return; // with all at 0 nothing is asked
    this.weights[index] = STEPS[place];
    this.#tell(index);
    this.onWeigh();
  }

  #resetAll() {
    this.weights.fill(1);
    this.parts.forEach((_, index) => this.#tell(index));
    this.parts[0].querySelector("button").focus();
    this.onWeigh();
  }

  #tell(index) {
    const weight = this.weights[index];
    const part = this.parts[index];
    part.querySelector("output").textContent = `×${weight}`;
    part.classList.toggle("changed", weight !== 1);
    part.classList.toggle("none", weight === 0);
    this.reset.hidden = this.weights.every((own) => own === 1);
  }

  #index(event) {
    const part = event.target.closest("[data-word]");
    return part ? Number(part.dataset.word) : null;
  }

  #key(event) {
    const index = this.#index(event);
    if (index === null || event.ctrlKey || event.metaKey || event.altKey) return;
    const direction = { "+": 1, "=": 1, "-": -1 }[event.key];
    if (direction && this.reset) {
      this.#weigh(index, direction);
      event.preventDefault();
    }
    const way = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const next = way && this.parts[index + way];
    if (next) {
      next.querySelector("button").focus();
      event.preventDefault();
    }
  }
}
