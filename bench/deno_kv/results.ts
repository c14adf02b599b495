/**
 * What the operations of `dinomo/deno-kv` cost under the runtime that runs this, beside those of
 * Deno's own database in memory, which a process of Deno measures in the same way, before it and
 * after it.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { openKv } from "../../lib/deno_kv/mod.ts";
import { findRuntime, PROJECT_ROOT } from "../../scripts/runtimes.ts";
import { describeEnvironment, type Environment } from "../environment.ts";
import type { Size } from "../options.ts";
import { alignColumns, threeDigits } from "../report/format.ts";
import { AT_ONCE, type KvFigures, type MeasuredKv, measureKv } from "./operations.ts";

export interface KvResults {
  readonly environment: Environment;
  readonly dinomo: readonly KvFigures[];
  /** The better of two runs each; undefined where Deno is not installed. */
  readonly deno: readonly KvFigures[] | undefined;
}

/** Measures both. */
export async function measureKvs(size: Size): Promise<KvResults> {
  const before = measureDeno(size);
  const kv = await openKv();
  const dinomo = await measureKv(kv as unknown as MeasuredKv, size);
  await kv.close();
  const after = before && measureDeno(size);
  const deno = before?.map(({ way, awaited, atOnce }, i) => ({
    way,
    awaited: Math.min(awaited, after![i]!.awaited),
    atOnce: Math.min(atOnce, after![i]!.atOnce),
  }));
  return { environment: describeEnvironment(), dinomo, deno };
}

function measureDeno(size: Size): KvFigures[] | undefined {
  let program: string;
  try {
    program = findRuntime("deno");
  } catch {
    return undefined;
  }
  const file = join(PROJECT_ROOT, "bench/deno_kv/deno_peer.ts");
  const args = ["run", "--allow-all", "--unstable-kv", "--no-check", file, size];
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`Deno's own database could not be measured: ${stderr}`);
  return JSON.parse(stdout);
}

/** Shows the results as a table. */
export function formatKvs({ environment, dinomo, deno }: KvResults): string {
  const head = ["µs", "awaited", "Deno's own", "", `${AT_ONCE} at once`, "Deno's own", ""];
  const rows = dinomo.map(({ way, awaited, atOnce }, i) => {
    const own = deno?.[i];
    return [way, ...compared(awaited, own?.awaited), ...compared(atOnce, own?.atOnce)];
  });
  const { runtime, runtimeVersion } = environment;
  return [
    `dinomo/deno-kv in memory on ${runtime} ${runtimeVersion}`,
    alignColumns([head, ...rows]),
    ...(deno === undefined ? ["Deno's own takes no part: Deno is not installed"] : []),
  ].join("\n\n");
}

function compared(own: number, other: number | undefined): string[] {
  if (other === undefined) return [threeDigits(own), "-", "-"];
  return [threeDigits(own), threeDigits(other), `${threeDigits(other / own)} x`];
}
