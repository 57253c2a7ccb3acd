/** Reads NumPy's .npy files of float32 in C order. */

import { Refused } from "./refused.mjs";

const MAGIC = "\x93NUMPY";

/**
 * @param {Uint8Array} bytes The whole file.
 * @param {string} name For the messages.
 * @returns {{data: Float32Array, shape: number[]}}
 * @throws {Refused} When it is another file, or holds anything else.
 */
export function readNpy(bytes, name) {
  const magic = String.fromCharCode(...bytes.subarray(0, MAGIC.length));
  if (magic !== MAGIC || bytes.length < 12) throw new Refused(`${name} is no .npy file`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const wide = bytes[6] > 1; // from version 2 on the length takes four bytes
  const start = wide ? 12 : 10;
  const length = wide ? view.getUint32(8, true) : view.getUint16(8, true);
  const header = new TextDecoder().decode(bytes.subarray(start, start + length));
  const dtype = /'descr': '([^']*)'/.exec(header)?.[1];
  const shape = /'shape': \(([\d, ]*)\)/.exec(header)?.[1];
  if (dtype !== "<f4" || shape === undefined || !/'fortran_order': False/.test(header)) {
    throw new Refused(`${name} holds ${header.trim()}; give float32 in C order`);
  }
  const sizes = shape.split(",").filter((size) => size.trim()).map(Number);
  const count = sizes.reduce((product, size) => product * size, 1);
  const body = start + length;
  if (bytes.length < body + 4 * count) throw new Refused(`${name} ends too early`);
  // A copy, since a view would have to start at a multiple of four bytes.
  const from = bytes.byteOffset + body;
  const data = new Float32Array(bytes.buffer.slice(from, from + 4 * count));
  return { data, shape: sizes };
}
