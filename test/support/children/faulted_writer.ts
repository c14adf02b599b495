/**
 * Writes to a pool until a write is refused, and says what was acknowledged, how it was refused,
 * and whether reads go on.
 *
 * @module
 */
import { DinomoError, open } from "../../../mod.ts";
import { childArguments, say } from "../child.ts";

/** What it is to do. */
export interface FaultedUse {
  readonly path: string;
  readonly durability: "os" | "disk";
}

/** What it says at the end. */
export interface FaultedReport {
  /** Numbers that were acknowledged, from 0 on. */
  readonly acknowledged: number;
  /** Of those after the first refusal. */
  readonly acknowledgedLater: number;
  readonly code: string | undefined;
  readonly failure: string | undefined;
  /** Numbers that can still be read. */
  readonly readable: number;
  /** How closing the store was refused. */
  readonly closeCode: string | undefined;
}

const PUTS_MAX = 2000;
const LATER_PUTS = 20;

const { path, durability } = childArguments<FaultedUse>();
const store = await open<number>({ path, durability, capacity: "1MiB", segmentBytes: "64KiB" });

async function refusal(action: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await action();
    return undefined;
  } catch (error) {
    return error instanceof DinomoError ? error.code : String(error);
  }
}

let acknowledged = 0;
let code: string | undefined;
while (acknowledged < PUTS_MAX && code === undefined) {
  code = await refusal(() => store.put(`key ${acknowledged}`, acknowledged));
  if (code === undefined) acknowledged += 1;
}
let acknowledgedLater = 0;
for (let i = 0; i < LATER_PUTS; i++) {
  if (await refusal(() => store.put(`later ${i}`, i)) === undefined) acknowledgedLater += 1;
}
let readable = 0;
for (let i = 0; i < acknowledged; i++) if (store.getSync(`key ${i}`) === i) readable += 1;
const { failure } = store.stats().durability;
const closeCode = await refusal(() => store.close());
say(
  { acknowledged, acknowledgedLater, code, failure, readable, closeCode } satisfies FaultedReport,
);
