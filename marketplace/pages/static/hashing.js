// Reads an image once and computes digests of its uncompressed bytes, away from the page.
import { md5, sha1 } from "./hashes/legacy.js";
import { sha256, sha512 } from "./hashes/sha2.js";

const KINDS = { md5, sha1, sha256, sha512 };
const STEP = 8 * 1024 * 1024;
const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

self.onmessage = async ({ data: { file, names, gzip } }) => {
  try {
    const hashes = names.map((name) => [name, KINDS[name].create()]);
    let taken = 0, told = 0, size = 0, start = new Uint8Array(0);
    let stream = file.stream().pipeThrough(new TransformStream({
      transform(chunk, out) {
        taken += chunk.length;
        if (taken - told >= STEP) {
          told = taken;
          self.postMessage({ taken });
        }
        out.enqueue(chunk);
      },
    }));
    if (gzip) stream = stream.pipeThrough(new DecompressionStream("gzip"));
    const reader = stream.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      size += value.length;
      if (start.length < 512) {
        const both = new Uint8Array(start.length + Math.min(value.length, 512));
        both.set(start);
        both.set(value.subarray(0, 512), start.length);
        start = both;
      }
      for (const [, hash] of hashes) hash.update(value);
    }
    const digests = Object.fromEntries(hashes.map(([name, hash]) => [name, hex(hash.digest())]));
    self.postMessage({ size, digests, start: start.slice(0, 512) });
  } catch (error) {
    self.postMessage({ failure: error.message || String(error) });
  }
};
