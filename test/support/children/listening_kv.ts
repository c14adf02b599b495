/**
 * A process that listens to the queue of a database, and has nothing else to do when it has had its
 * message.
 *
 * @module
 */
import { openKv } from "../../../lib/deno_kv/mod.ts";

const kv = await openKv();
const delivered = new Promise<unknown>((resolve) => void kv.listenQueue(resolve));
await kv.enqueue("hello");
console.log(`delivered ${await delivered}`);
