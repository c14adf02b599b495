/**
 * Measures Deno's own database in memory, on Deno with `--unstable-kv`, and prints the figures. The
 * argument is the size.
 *
 * @module
 */
import process from "node:process";
import type { Size } from "../options.ts";
import { type MeasuredKv, measureKv } from "./operations.ts";

const { Deno } = globalThis as unknown as { Deno: { openKv(path: string): Promise<MeasuredKv> } };
const figures = await measureKv(await Deno.openKv(":memory:"), process.argv[2] as Size);
process.stdout.write(JSON.stringify(figures), () => process.exit(0));
