/**
 * Serves the search page on this machine; the search itself runs in the browser.
 *
 *     npm ci
 *     node serve.mjs EXPORTED REGIONS.npy [PORT]
 */

import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import path from "node:path";
import { fileURLToPath } from "node:url";

const HERE = path.dirname(fileURLToPath(import.meta.url));
const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
  ".json": "application/json",
  ".txt": "text/plain; charset=utf-8",
};

/** The file that a path of a URL stands for, or null. */
function fileOf(pathname, exported, regions) {
  if (pathname === "/") return path.join(HERE, "index.html");
  if (pathname === "/regions.npy") return regions;
  const ours = pathname.startsWith("/exported/");
  const root = path.resolve(ours ? exported : HERE);
  const name = ours ? pathname.slice("/exported".length) : pathname;
  const file = path.join(root, name);
  return file.startsWith(root + path.sep) ? file : null;
}

function handler(exported, regions) {
  return async (request, response) => {
    try {
      const { pathname } = new URL(request.url, "http://localhost");
      const file = fileOf(decodeURIComponent(pathname), exported, regions);
      if (file === null || !(await stat(file)).isFile()) throw new Error("no file");
      const type = TYPES[path.extname(file)] ?? "application/octet-stream";
      response.writeHead(200, { "Content-Type": type });
      createReadStream(file).pipe(response);
    } catch {
      response.writeHead(404).end();
    }
  };
}

const [exported, regions, port = "8000"] = process.argv.slice(2);
if (!regions || !/^\d+$/.test(port)) {
  console.error("usage: node serve.mjs EXPORTED REGIONS.npy [PORT]");
  process.exitCode = 1;
} else {
  const server = createServer(handler(exported, regions));
  server.on("error", (error) => {
    console.error(`serve: ${error.message}`);
    process.exitCode = 1;
  });
  server.listen(Number(port), "127.0.0.1", () =>
    console.log(`http://127.0.0.1:${server.address().port}`),
  );
}
