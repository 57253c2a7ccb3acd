// The parts of the document, and what is said of a question.

export const part = (id) => document.getElementById(id);

/** Shows one of the three views: "welcome", "images" or "sentences". */
export function show(view) {
  for (const own of ["welcome", "images", "sentences"]) part(own).hidden = own !== view;
}

/** Says where a question stands: busy, done, or failed with an error. */
export function tell(status, { busy = false, error = "" } = {}) {
  part("main").setAttribute("aria-busy", String(busy));
  part("status").textContent = status;
  part("error").textContent = error;
  part("error").hidden = !error;
}

/** `2 images`, or why nothing was found. */
export function counted(count, noun, note) {
  if (!count) return `Nothing found. ${note}`.trim();
  return count === 1 ? `1 ${noun}` : `${count} ${noun}s`;
}
