/**
 * A process whose memory is measured: with the argument "bare" it runs nothing, with "store" it
 * opens an empty store, with "used" and a number it reads so many values from one, and writes an
 * eighth as many. Prints its resident bytes.
 *
 * @module
 */
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";

/** Time for threads to start and for the runtime to come to rest. */
const SETTLE_MS = 300;

/** Keys of a store that is used. */
const KEY_COUNT = 1000;
const READS_PER_WRITE = 8;

const [kind, readCount] = process.argv.slice(2);
const store = kind === "bare" ? undefined : await (await import("../../mod.ts")).open();
if (kind === "used") {
  for (let i = 0; i < KEY_COUNT; i++) write(i);
  for (let i = 0; i < Number(readCount); i++) {
    store!.getSync(`key ${i % KEY_COUNT}`);
    if (i % READS_PER_WRITE === 0) write(i);
  }
}

function write(i: number): void {
  store!.putSync(`key ${i % KEY_COUNT}`, { id: i, name: `name ${i}`, tags: ["a", "b"] });
}
await delay(SETTLE_MS);
process.stdout.write(`${process.memoryUsage().rss}\n`);
await store?.close();
process.exit(0);
