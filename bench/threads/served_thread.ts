/**
 * A worker thread that measures something when it is told to: the side of the worker.
 *
 * @module
 */
import process from "node:process";
import { parentPort } from "node:worker_threads";

export interface Call {
  name: string;
  argument: unknown;
}

export type Answer = { result: unknown } | { error: string };

type Served = (argument: never) => unknown;

/** Serves calls from here on; `end` is the last one. */
export function serve(
  functions: Record<string, Served> & { end: () => void | Promise<void> },
): void {
  const port = parentPort!;
  port.on("message", async ({ name, argument }: Call) => {
    port.postMessage(await answer(functions[name], argument));
    if (name === "end") process.exit(0);
  });
  port.postMessage({ result: undefined });
}

async function answer(served: Served, argument: unknown): Promise<Answer> {
  try {
    return { result: await served(argument as never) };
  } catch (error) {
    return { error: error instanceof Error ? String(error.stack) : String(error) };
  }
}
