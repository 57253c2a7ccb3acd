// Asking the service: JSON in, JSON out, and errors with the service's own words.

export class Refusal extends Error {}

export const about = () => ask("/api/about");

export const findImages = (text, weights, where, exact, signal) =>
  ask("/api/search", { text, top: 24, exact, word_weights: weights, where }, signal);

export const findSentences = (image, exact, signal) =>
  ask(`/api/images/${image}/sentences?top=20&exact=${exact}`, undefined, signal);

/** The same for an image that is not in the index: a File of its regions. */
export const findSentencesOf = (file, exact, signal) =>
  ask(`/api/sentences?top=20&exact=${exact}`, file, signal);

export const findWords = (image, text, signal) =>
  ask(`/api/images/${image}/words`, { text }, signal);

export const pictureAddress = (image) => `/api/images/${image}/picture`;

async function ask(address, question, signal) {
  const request = { signal };
  if (question !== undefined) {
    request.method = "POST";
    const sent = question instanceof Blob;
    const kind = sent ? "application/octet-stream" : "application/json";
    request.headers = { "content-type": kind };
    request.body = sent ? question : JSON.stringify(question);
  }
  let response;
  try {
    response = await fetch(address, request);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal("The service does not answer. Is it still running?");
  }
  const answer = await response.json().catch(() => null);
  if (!response.ok) {
    throw new Refusal(answer?.error ?? `The service answered ${response.status}.`);
  }
  return answer;
}
