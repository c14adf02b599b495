/**
 * A process whose memory is measured: with the argument "bare" it runs nothing, with "store" it opens
 * an empty store. Prints its resident bytes.
 *
 * @module
 */
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";

/** Time for threads to start and for the runtime to come to rest. */
const SETTLE_MS = 300;

const [kind] = process.argv.slice(2);
const store = kind === "store" ? await (await import("../../mod.ts")).open() : undefined;
await delay(SETTLE_MS);
process.stdout.write(`${process.memoryUsage().rss}\n`);
await store?.close();
process.exit(0);
