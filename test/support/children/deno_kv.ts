/**
 * Runs a program (../kv_program.ts) on Deno's own KV, and prints what it answers. Its arguments are
 * the seed and the number of steps.
 *
 * @module
 */
import process from "node:process";
import { type MakeU64, runKvProgram, type TestedKv } from "../kv_program.ts";
import { Random } from "../random.ts";

interface DenoWithKv {
  openKv(path: string): Promise<TestedKv>;
  readonly KvU64: MakeU64;
}

const [seed, steps] = process.argv.slice(2).map(Number);
const { Deno } = globalThis as unknown as { Deno: DenoWithKv };
const kv = await Deno.openKv(":memory:");
const lines = await runKvProgram(kv, Deno.KvU64, new Random(seed!), steps!);
process.stdout.write(JSON.stringify(lines), () => process.exit(0));
