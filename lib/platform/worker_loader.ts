/**
 * Where worker code is: the one place that knows.
 *
 * The library's own workers are files beside it, from sources and in the package. Where there are
 * no such files, as in a bundle, or where Deno may not read them, a worker is started from its
 * text, as a `data:` URL, which every runtime takes. From sources that were imported over a network
 * the text is an import of the worker's URL: Deno starts no worker from that itself.
 *
 * The text is loaded when a store is opened, and only if there is no file: threads are started
 * later without a wait.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { existsSync } from "node:fs";
import { builtin } from "./builtin.ts";
import { loadWorkerTexts, WORKER_FILES, type WorkerName } from "./built_workers.ts";
import { isGranted } from "./deno_permissions.ts";

/** URLs of the worker modules. */
export interface WorkerUrls {
  /** The module that runs a KN. @default the library's own */
  readonly node: string | URL;
  /** The module that runs the tasks of a DPM processor. @default the library's own */
  readonly dpm: string | URL;
  /** The module that runs a gateway, see the option `processes`. @default the library's own */
  readonly gateway: string | URL;
  /**
   * The module that runs a cluster's agent, see the option `cluster`. @default the library's own
   */
  readonly cluster: string | URL;
}

/** What a thread is started from: the URL of a module, or one of the library's own workers. */
export type WorkerCode = string | URL | OwnWorker;

/**
 * The URL of this module; undefined in a bundle that is no ES module. As a constant: bundlers take
 * `new URL("...", import.meta.url)` for a file that they should copy.
 */
const here: string | undefined = import.meta.url;

/** One of the library's own workers. */
export class OwnWorker {
  readonly #name: WorkerName;
  #text: string | undefined;

  /** Names it; looks for nothing. */
  constructor(name: WorkerName) {
    this.#name = name;
  }

  /** Whether it is a file that this thread may read. */
  get isFile(): boolean {
    return this.#file !== undefined;
  }

  /**
   * Loads what is needed to start it.
   *
   * @throws {Error} when there is no way to start it
   */
  async prepare(): Promise<void> {
    if (this.isFile) return;
    if (loadWorkerTexts !== undefined) this.#text ??= (await loadWorkerTexts())[this.#name];
    this.url();
  }

  /**
   * The URL of its module.
   *
   * @throws {Error} when there is none
   */
  url(): URL {
    const file = this.#file;
    if (file !== undefined) return file;
    if (this.#text !== undefined) return textUrl(this.#text);
    const source = this.#source;
    if (source === undefined) throw new Error("the module that a thread runs was not loaded");
    if (source.protocol !== "file:") return source;
    const path = builtin("node:url").fileURLToPath(source);
    const hint = isGranted({ name: "read", path }) ? "" : ": Deno needs --allow-read for it";
    throw new Error(`the module that a thread runs is not at ${path}${hint}`);
  }

  get #file(): URL | undefined {
    const source = this.#source;
    if (source?.protocol !== "file:") return undefined;
    return isGranted({ name: "read", path: source }) && existsSync(source) ? source : undefined;
  }

  /** Where it is if this module is where it was written. */
  get #source(): URL | undefined {
    if (here === undefined || !URL.canParse(here)) return undefined;
    const source = new URL(WORKER_FILES[this.#name], here);
    source.pathname += here.endsWith(".ts") ? ".ts" : ".js";
    return source;
  }
}

/** The library's own workers. */
export const OWN_WORKERS: Readonly<Record<WorkerName, OwnWorker>> = {
  node: new OwnWorker("node"),
  dpm: new OwnWorker("dpm"),
  gateway: new OwnWorker("gateway"),
  cluster: new OwnWorker("cluster"),
};

/**
 * The URL of the module that a thread runs.
 *
 * @throws {Error} when there is none
 */
export function moduleUrlOf(code: WorkerCode): URL {
  return code instanceof OwnWorker ? code.url() : new URL(code);
}

/**
 * The same as what the constructor of `Worker` takes.
 *
 * @throws {Error} when there is none
 */
export function startUrlOf(code: WorkerCode): URL {
  const url = moduleUrlOf(code);
  const canStart = url.protocol === "file:" || url.protocol === "data:";
  return canStart ? url : textUrl(`import ${JSON.stringify(url.href)};`);
}

/** A URL of a module with this text. */
export function textUrl(text: string): URL {
  return new URL(`data:text/javascript;base64,${Buffer.from(text).toString("base64")}`);
}
