/**
 * The program, on every runtime: the first thread is the host, the others serve.
 *
 * ```text
 *   host                      opens the store, starts the threads, starts them again when they die
 *    | share()
 *    +--> thread 0, 1, 2      each attaches to the store, and listens
 * ```
 *
 * @module
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { isMainThread } from "node:worker_threads";
import type { Handler } from "./app.ts";
import { runDemo } from "./demo.ts";
import { Host } from "./host.ts";
import { serve } from "./thread.ts";

/** A server that listens. */
export interface Listener {
  readonly port: number;
  /** Accepts nothing more, and resolves when what it has accepted is answered. */
  close(): Promise<void>;
}

/** What differs between the runtimes. */
export interface Platform {
  /** URL of the runtime's module, which the threads run, too. */
  readonly module: string;
  /** Whether several threads can listen on one port. */
  readonly sharesPort: boolean;
  /** Listens; port 0 stands for any that is free. */
  listen(hostname: string, port: number, handler: Handler): Promise<Listener>;
}

const USAGE = "options: --port <number>, --threads <1 to 16>, --path <directory>, --demo";

/** Runs a thread of the server, or the whole of it. */
export async function main(platform: Platform): Promise<void> {
  if (!isMainThread) return await serve(platform);
  const options = readOptions();
  if (options === undefined) {
    console.error(USAGE);
    process.exitCode = 2;
    return;
  }
  const host = await Host.start(platform, options);
  try {
    if (options.port === 0) return await runDemo(host);
    console.log(`listening on ${host.origins.join(", ")}`);
    await new Promise<void>((resolve) => {
      process.once("SIGINT", resolve);
      process.once("SIGTERM", resolve);
    });
  } finally {
    await host.stop();
  }
}

/** Reads the command line; undefined if it makes no sense. */
function readOptions(): { port: number; threads: number; path?: string } | undefined {
  try {
    const { values } = parseArgs({
      options: {
        port: { type: "string", default: "0" },
        threads: { type: "string", default: "3" },
        path: { type: "string" },
        demo: { type: "boolean", default: false },
      },
    });
    const port = values.demo ? 0 : Number(values.port);
    const threads = Number(values.threads);
    const isValid = Number.isInteger(port) && port >= 0 && port <= 65_000 &&
      Number.isInteger(threads) && threads >= 1 && threads <= 16;
    if (!isValid) return undefined;
    return values.path === undefined ? { port, threads } : { port, threads, path: values.path };
  } catch {
    return undefined;
  }
}
