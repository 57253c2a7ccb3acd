/**
 * BERT's WordPiece tokens, equal to those of the Python package's CaptionTokenizer.
 *
 * The one difference: characters of scripts that came after Unicode 12 are taken apart
 * by the runtime's own, newer normalisation where they are composed.
 */

import { Refused } from "./refused.mjs";
import { CHINESE, CONTROL, MARK, PUNCTUATION } from "./unicode.mjs";

const SPECIAL_TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
const LONGEST_WORD = 100;
const SPACE = /\p{White_Space}/u;
// White space, which the tokenizers package takes off the end of a line.
const LINE_TAIL =
  /[\t-\r\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+$/;

export class CaptionTokenizer {
  /**
   * @param {string[]} vocabulary The position of a token is its id.
   * @param {boolean} lowercase Lower-case, and strip accents.
   * @param {number} longest Tokens of the longest sequence, [CLS] and [SEP] counted.
   */
  constructor(vocabulary, lowercase, longest) {
    this.ids = new Map(vocabulary.map((token, index) => [token, index]));
    this.lowercase = lowercase;
    this.longest = longest;
    this.special = SPECIAL_TOKENS.filter((token) => this.ids.has(token));
    const written = this.special.map((token) => token.replace(/[[\]]/g, "\\$&"));
    this.splitter = new RegExp(`(${written.join("|")})`);
  }

  /**
   * @param {string} sentence
   * @returns {{ids: number[], cut: string[]}} Ids with [CLS] and [SEP], and the word
   *   pieces that were left out because there are more than `longest`.
   * @throws {Refused} When the vocabulary has none of the words.
   */
  encode(sentence) {
    const pieces = this.pieces(sentence);
    const kept = pieces.slice(0, this.longest - 2);
    if (kept.every((piece) => piece === "[UNK]")) {
      const shown = JSON.stringify(Array.from(sentence).slice(0, 60).join(""));
      throw new Refused(`no word of ${shown} is known to the model's vocabulary`);
    }
    const ids = ["[CLS]", ...kept, "[SEP]"].map((piece) => this.ids.get(piece));
    return { ids, cut: pieces.slice(kept.length) };
  }

  /** All word pieces of a sentence. A special token that is written in it is one. */
  pieces(sentence) {
    return sentence
      .split(this.splitter)
      .flatMap((part) =>
        this.special.includes(part)
          ? [part]
          : words(normalized(part, this.lowercase)).flatMap((w) => this.wordPieces(w)),
      );
  }

  /** The longest known beginnings, one after the other; [UNK] if one has none. */
  wordPieces(word) {
    const characters = Array.from(word);
    if (characters.length > LONGEST_WORD) return ["[UNK]"];
    const pieces = [];
    for (let start = 0; start < characters.length; ) {
      let end = characters.length;
      const piece = () =>
        (start ? "##" : "") + characters.slice(start, end).join("");
      while (end > start && !this.ids.has(piece())) end -= 1;
      if (end === start) return ["[UNK]"];
      pieces.push(piece());
      start = end;
    }
    return pieces;
  }
}

/** The tokens of a `vocab.txt`, given its text; a line ends at a line feed alone. */
export function readVocabulary(text) {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines.map((line) => line.replace(LINE_TAIL, ""));
}

function normalized(text, lowercase) {
  const cleaned = Array.from(text.toWellFormed?.() ?? text, (character) => {
    if (CONTROL.test(character)) return "";
    if (SPACE.test(character)) return " ";
    return CHINESE.test(character) ? ` ${character} ` : character;
  }).join("");
  if (!lowercase) return cleaned;
  // One by one: a sigma at the end of a word is lower-cased as any other.
  return Array.from(cleaned.normalize("NFD"), (character) =>
    MARK.test(character) ? "" : character.toLowerCase(),
  ).join("");
}

/** Splits at white space, and makes each punctuation mark a word of its own. */
function words(text) {
  const found = [];
  let word = "";
  const finish = () => {
    if (word) found.push(word);
    word = "";
  };
  for (const character of text) {
    const alone = PUNCTUATION.test(character);
    if (alone || SPACE.test(character)) finish();
    if (alone) found.push(character);
    else if (!SPACE.test(character)) word += character;
  }
  finish();
  return found;
}
