/**
 * Stores that several processes open, as a test has them do what it wants.
 *
 * @module
 */
import { TagReader, toTaggedJson } from "../../lib/codec/tagged_json.ts";
import type { OpenOptions } from "../../mod.ts";
import type { Runtime } from "../../scripts/runtimes.ts";
import { Child, type ChildEnd, currentRuntime } from "./child.ts";

interface Said {
  readonly number: number;
  readonly result?: string;
  readonly failure?: { readonly name: string; readonly code: string; readonly message: string };
}

/** What a method in another process has thrown. */
export class ThrownThere extends Error {
  readonly code: string;

  constructor({ name, code, message }: NonNullable<Said["failure"]>) {
    super(message);
    this.name = name;
    this.code = code;
  }
}

/** A process with a store. */
export class SharedStore {
  readonly child: Child;
  readonly opened: Promise<unknown>;
  #calls = 0;
  #seen = 0;
  readonly #said = new Map<number, (said: Said) => void>();

  /** Starts it; it opens the store at once. */
  constructor(
    options: OpenOptions<unknown, "string" | "bytes" | "mixed">,
    runtime: Runtime = currentRuntime(),
  ) {
    this.child = new Child("shared_store", { options }, runtime, 60_000, true);
    this.opened = this.#answer(0);
    // Those that want to know wait for it.
    this.opened.catch(() => {});
    void this.#listen();
  }

  /** Starts it, and waits until it is open. */
  static async open(
    options: OpenOptions<unknown, "string" | "bytes" | "mixed">,
    runtime?: Runtime,
  ): Promise<SharedStore> {
    const store = new SharedStore(options, runtime);
    await store.opened;
    return store;
  }

  /** Calls a method of the store there. */
  call(method: string, ...args: unknown[]): Promise<unknown> {
    const number = ++this.#calls;
    const answer = this.#answer(number);
    this.child.tell({ number, method, args: toTaggedJson(args) });
    return answer;
  }

  /** Has the process close its store, and end. */
  async end(): Promise<ChildEnd> {
    await this.call("close");
    this.child.tellNoMore();
    return await this.child.ended();
  }

  /** Kills it. */
  async kill(): Promise<void> {
    this.child.kill();
    await this.child.ended();
  }

  #answer(number: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#said.set(number, ({ result, failure }) => {
        if (failure !== undefined) reject(new ThrownThere(failure));
        else resolve(new TagReader().read(JSON.parse(result!)));
      });
    });
  }

  async #listen(): Promise<void> {
    for (;;) {
      const said = await this.child.message(this.#seen++) as Said | undefined;
      if (said === undefined) break;
      this.#said.get(said.number)?.(said);
      this.#said.delete(said.number);
    }
    const { output } = await this.child.ended();
    const failure = { name: "Error", code: "", message: `the process has ended\n${output}` };
    for (const settle of this.#said.values()) settle({ number: 0, failure });
  }
}
