/**
 * A process that opens a store which several use, and does with it what its test tells it.
 *
 * @module
 */
import process from "node:process";
import { setTimeout } from "node:timers";
import { KEEP, open, type OpenOptions } from "../../../mod.ts";
import { TagReader, toTaggedJson } from "../../../lib/codec/tagged_json.ts";
import { childArguments, heard, say } from "../child.ts";

/** What a test tells it. */
interface Told {
  readonly number: number;
  readonly method: string;
  /** JSON with tags. */
  readonly args: string;
}

type Methods = Record<string, (...args: unknown[]) => unknown>;

const { options } = childArguments<{ options: OpenOptions }>();
const store = await open(options as OpenOptions<unknown>).catch((error) => {
  say({ number: 0, failure: failureOf(error) });
  return undefined;
});

if (store !== undefined) {
  say({ number: 0, result: toTaggedJson("opened") });
  const special: Methods = {
    /** Adds to a number by updates, one after the other. */
    addByUpdates: async (key, count) => {
      for (let i = 0; i < (count as number); i++) {
        await store.update(key as string, (old) => ((old as number | undefined) ?? 0) + 1);
      }
    },
    keepByUpdate: (key) => store.update(key as string, () => KEEP),
    /** Is killed after some milliseconds, without another word. */
    dieIn: (ms) => void setTimeout(() => process.kill(process.pid, "SIGKILL"), ms as number),
    shareIt: () => void store.share(),
    flood: async (count) => {
      const puts = Array.from({ length: count as number }, (_, i) => store.put(`flood ${i}`, i));
      await Promise.all(puts);
    },
    inNamespace: async (prefix, key, value) => {
      const space = store.namespace(prefix as string);
      await space.put(key as string, value);
      return await space.get(key as string);
    },
    pickIt: (key, ...paths) => store.pick(...paths as never[]).get(key as string),
  };
  for await (const { number, method, args } of heard<Told>()) {
    void perform(special, number, method, new TagReader().read(JSON.parse(args)) as unknown[]);
  }
}

async function perform(special: Methods, number: number, method: string, args: unknown[]) {
  try {
    const run = special[method] ?? (store as unknown as Methods)[method]!.bind(store);
    say({ number, result: toTaggedJson(await run(...args)) });
  } catch (error) {
    say({ number, failure: failureOf(error) });
  }
}

function failureOf(error: unknown): object {
  const { name, code, message } = error as Error & { code: unknown };
  return { name, code, message };
}
