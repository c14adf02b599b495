/**
 * A thread that sends back what comes by a connection, in pieces and sometimes late, and ends in
 * one way or another.
 *
 * @module
 */
import process from "node:process";
import { parentPort, workerData } from "node:worker_threads";
import { ThreadStream, type ThreadStreamEnd } from "../../../lib/wire/thread_stream.ts";
import { Random } from "../random.ts";

/** What it is started with. */
export interface StreamEndOrder {
  readonly end: ThreadStreamEnd;
  readonly seed: number;
  /** What it does when something has come and was sent back. */
  readonly endsBy: "nothing" | "destroy" | "end" | "exit" | "throw" | "terminate";
}

const { end, seed, endsBy } = workerData as StreamEndOrder;
const random = new Random(seed);
const stream = new ThreadStream(end);

stream.on("data", (bytes: Uint8Array) => {
  const cut = random.below(bytes.length + 1);
  if (cut > 0) stream.write(bytes.slice(0, cut));
  const rest = bytes.slice(cut);
  if (endsBy === "end") return stream.end(rest);
  if (rest.length > 0) stream.write(rest);
  if (endsBy === "destroy") stream.destroy();
  if (endsBy === "exit") process.exit(0);
  if (endsBy === "throw") throw new Error("this thread ends by an error");
});
stream.on("close", () => parentPort!.postMessage("closed"));
// Keeps the thread, which a connection does not.
setInterval(() => {}, 2 ** 30);
