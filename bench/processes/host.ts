/**
 * The process that has the pool, for a benchmark of another one; it answers messages of that one,
 * too, as applications do that have no shared store.
 *
 * @module
 */
import process from "node:process";
import { open } from "../../mod.ts";
import { BENCH_OPTIONS, type BenchMessage, keyOf, KEYS, SIZES, valueOf } from "./keys.ts";

const store = await open<Uint8Array>({ ...BENCH_OPTIONS, path: process.argv[2]! });
const texts = new Map<string, string>();
for (const size of SIZES) {
  for (let i = 0; i < KEYS; i++) {
    await store.put(keyOf(size, i), valueOf(size));
    texts.set(keyOf(size, i), "x".repeat(size));
  }
}

process.on("message", (message: BenchMessage | "close") => {
  if (message === "close") return void store.close().then(() => process.exit(0));
  const { id, key, text } = message;
  if (text !== undefined) texts.set(key, text);
  process.send!({ id, text: text === undefined ? texts.get(key) : undefined });
});
process.send!("open");
