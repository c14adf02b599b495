/**
 * Locks: workers that take turns, and a printer that refuses one whose turn is over.
 *
 * ```sh
 * bun examples/locks.ts
 * deno run -A examples/locks.ts
 * npm run build && node dist/examples/locks.js
 * ```
 *
 * @module
 */
import { setTimeout } from "node:timers/promises";
import { open } from "dinomo";
import { acquireLock } from "dinomo/lock";

await using store = await open({ capacity: "64MiB" });

/** What the lock protects: it accepts nothing of a holder that is older than one it has seen. */
class Printer {
  #newest = 0;

  print(token: number, page: string): void {
    if (token < this.#newest) {
      console.log("refused:", page);
      return;
    }
    this.#newest = token;
    console.log("printed:", page);
  }
}

const printer = new Printer();

// Three workers at once: one of them has the lock, the others wait for it.
await Promise.all(["Ada", "Grace", "Edsger"].map(async (owner) => {
  await using lock = await acquireLock(store, "printer", { owner });
  for (let page = 1; page <= 2; page++) {
    printer.print(lock.token, `page ${page} of 2`);
    await setTimeout(1);
  }
}));

// One that does not renew its lease, and thinks for longer than it lasts.
const slow = await acquireLock(store, "printer", { leaseMs: 20, renew: false });
await setTimeout(30);
const next = await acquireLock(store, "printer");
printer.print(next.token, "the page of the next holder");
printer.print(slow.token, "the page of one whose lease has ended");
console.log(slow.isHeld, slow.signal.aborted, next.isHeld);
await next.release();
