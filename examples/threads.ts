/**
 * One store, three threads: the one that opens it, and two that attach to it.
 *
 * ```sh
 * bun examples/threads.ts
 * deno run -A examples/threads.ts
 * npm run build && node dist/examples/threads.js
 * ```
 *
 * @module
 */
import { once } from "node:events";
import { isMainThread, Worker, workerData } from "node:worker_threads";
import { attach, open, type StoreHandle } from "dinomo";

const WORDS = ["to be or not to be", "that is the question"];

/**
 * Opens the store, lets a thread count the words of each line, and reads what they have counted.
 */
async function host(): Promise<void> {
  await using store = await open<number>({ capacity: "64MiB" });

  const workers = WORDS.map((line) =>
    // The handle is plain data and shared memory: workerData and postMessage both take it.
    new Worker(new URL(import.meta.url), { workerData: { handle: store.share(), line } })
  );
  await Promise.all(workers.map((worker) => once(worker, "exit")));

  // What a thread has written and awaited, every other thread reads.
  const counts: string[] = [];
  for await (const [word, count] of store.entries()) counts.push(`${word} ${count}`);
  console.log(counts.sort().join(", "));
}

/** Counts the words of a line in the host's store. */
async function worker(data: { handle: StoreHandle; line: string }): Promise<void> {
  const store = await attach<number>(data.handle);
  // Both threads may increment the same word at the same time, and no increment is lost.
  for (const word of data.line.split(" ")) await store.increment(word);
  await store.increment("lines");
  await store.close(); // this thread's part; the store stays open
}

await (isMainThread ? host() : worker(workerData));
