/**
 * The memory that Dinomo needs: of an empty store, of one that is used, and per record besides key
 * and value.
 *
 * @module
 */
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { open } from "../../mod.ts";
import { median } from "../measure/statistics.ts";
import type { MemoryFigures } from "../report/results.ts";
import type { Plan } from "../options.ts";
import { spawnModule } from "../sessions/module_process.ts";
import {
  type Customer,
  type Entry,
  makeKey,
  makeValues,
  VALUE_BYTES_SMALL,
} from "../workloads/records.ts";

const SEED = 1;

type ProcessKind = "bare" | "store" | "used";

export async function measureMemory(
  { memoryProcessCount, memoryReadCount, keyCount }: Plan,
): Promise<MemoryFigures> {
  const bare: number[] = [];
  const withStore: number[] = [];
  const used: number[] = [];
  for (let i = 0; i < memoryProcessCount; i++) {
    bare.push(await residentBytes("bare"));
    withStore.push(await residentBytes("store"));
    used.push(await residentBytes("used", memoryReadCount));
  }
  return {
    bareBytes: median(bare),
    emptyStoreBytes: median(withStore),
    usedStoreBytes: median(used),
    readCount: memoryReadCount,
    ...await measureRecordOverhead(keyCount),
    keyCount,
  };
}

async function residentBytes(kind: ProcessKind, readCount = 0): Promise<number> {
  const args = [kind, String(readCount)];
  const child = spawnModule("dinomo/memory_process.ts", args, ["ignore", "pipe", "inherit"]);
  const [output, [exitCode]] = await Promise.all([text(child.stdout!), once(child, "exit")]);
  const bytes = Number(output);
  if (exitCode !== 0 || !(bytes > 0)) {
    throw new Error(
      `memory of the ${kind} process: it ended with ${exitCode} and printed ${output}`,
    );
  }
  return bytes;
}

/** Loads records and asks the store what they take besides keys and values. */
async function measureRecordOverhead(
  keyCount: number,
): Promise<Pick<MemoryFigures, "indexBytesPerRecord" | "headerBytesPerRecord">> {
  const values = makeValues(SEED, VALUE_BYTES_SMALL);
  const store = await open<Customer>();
  try {
    await store.putMany(
      Array.from({ length: keyCount }, (_, i): Entry => [makeKey(i), values[i % values.length]]),
    );
    const { count, indexBytes, recordHeaderBytes } = store.stats();
    return { indexBytesPerRecord: indexBytes / count, headerBytesPerRecord: recordHeaderBytes };
  } finally {
    await store.close();
  }
}
