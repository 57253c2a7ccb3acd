// What the page knows, in one place. What is asked stands in the address alone.

export const state = {
  known: { images: 0, captions: 0, pictures: false, weights: false }, // of the service
  words: null, // `Words`: those of the sentence, with their weights
  filters: null, // `Filters`: fields that an image has to have
  file: null, // the visitor's File of regions; a page reads no file by itself
  opened: null, // id of the image whose sentences were opened
  pointed: null, // the sentence that the visitor points at
  settling: null, // timer from the last change of a weight to the search
  running: new AbortController(), // of the question under way
};

const SCANNED = 5000; // an index this small is scored whole: nothing is missed

/** Whether all of "images" or "captions" are scored: a question's `exact`. */
export const scansAll = (kind) => state.known[kind] <= SCANNED;

/** Asks for something else: changes the address, which the router follows. */
export function go(name, value) {
  const asked = new URLSearchParams({ [name]: value });
  if (name === "q") state.filters.pairs.forEach((pair) => asked.append("where", pair));
  const address = `#${asked}`;
  if (address === location.hash) window.dispatchEvent(new HashChangeEvent("hashchange"));
  else location.hash = address;
}
