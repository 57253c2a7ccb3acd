// Which fields of its payload an image has to have: FIELD=VALUE, as on the command line.

import { element } from "./drawing.js";

/** The list of filters, and the form that adds to it.
 *
 * `onChange()` tells the page that the visitor added or took away one.
 */
export class Filters {
  constructor(list, form, onChange) {
    this.list = list;
    this.form = form;
    this.onChange = onChange;
    this.pairs = [];
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#add();
    });
  }

  /** Shows these pairs, and no other. */
  show(pairs) {
    const wanted = [...new Set(pairs)].filter((pair) => pair.indexOf("=") > 0);
    if (wanted.join("\n") === this.pairs.join("\n")) return; // and the focus stays
    this.pairs = wanted;
    this.list.hidden = this.pairs.length === 0;
    this.list.replaceChildren(...this.pairs.map((pair) => this.#part(pair)));
  }

  /** What the service is asked: any of a field's values, and all fields; or null. */
  where() {
    const found = new Map();
    for (const pair of this.pairs) {
      const place = pair.indexOf("=");
      const [field, value] = [pair.slice(0, place), valueOf(pair.slice(place + 1))];
      found.set(field, [...(found.get(field) ?? []), value]);
    }
    return found.size ? Object.fromEntries(found) : null;
  }

  #add() {
    const [field, value] = this.form.querySelectorAll("input");
    const pair = `${field.value.trim()}=${value.value.trim()}`;
    if (pair.startsWith("=")) return;
    this.show([...this.pairs, pair]);
    value.value = "";
    value.focus();
    this.onChange();
  }

  #part(pair) {
    const button = element("button", "", { type: "button" }, "×");
    button.setAttribute("aria-label", `Without the filter ${pair}`);
    button.addEventListener("click", () => {
      this.show(this.pairs.filter((own) => own !== pair));
      this.#keepFocus();
      this.onChange();
    });
    return element("li", "", {}, element("span", "", {}, pair), button);
  }

  // The button that had it is gone: on to the next one, or to the form.
  #keepFocus() {
    const next = this.list.querySelector("button");
    (next ?? this.form.closest("details").querySelector("summary")).focus();
  }
}

// A whole number, true and false are meant as such, and so is what stands in quotes.
function valueOf(text) {
  try {
    const value = JSON.parse(text);
    const plain = typeof value === "string" || typeof value === "boolean";
    return plain || Number.isSafeInteger(value) ? value : text;
  } catch {
    return text;
  }
}
