/**
 * Uses stores of a copy of the library whose worker modules are gone, or broken, from a moment on;
 * and stores that find no descriptors for threads. Says what each operation came to.
 *
 * @module
 */
import { cpSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { setInterval } from "node:timers";
import { setTimeout } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { PROJECT_ROOT } from "../../../scripts/runtimes.ts";
import { childArguments, say } from "../child.ts";
import { Descriptors } from "../descriptors.ts";

/**
 * What is wrong with the worker modules; "descriptors": nothing, but no file can be opened, and no
 * thread's event loop.
 */
export type ThreadlessMode = "gone" | "exits" | "descriptors";

/** What an operation came to. */
export interface ThreadlessStep {
  readonly step: string;
  /**
   * Set if it has thrown: name of the error's class, its code, message, and its causes' messages.
   */
  readonly error?: readonly [string, string, string, string];
  readonly result?: unknown;
  readonly ms: number;
}

const { mode, root } = childArguments<{ mode: ThreadlessMode; root: string }>();
const isSource = import.meta.url.endsWith(".ts");
const extension = isSource ? "ts" : "js";
const home = isSource ? PROJECT_ROOT : join(PROJECT_ROOT, "dist");

const copy = join(root, "library");
mkdirSync(copy, { recursive: true });
for (const name of [`mod.${extension}`, "lib", "workers"]) {
  cpSync(join(home, name), join(copy, name), { recursive: true });
}
writeFileSync(join(copy, "package.json"), '{ "type": "module" }');
symlinkSync(join(PROJECT_ROOT, "node_modules"), join(copy, "node_modules"));
const { open } = await import(
  pathToFileURL(join(copy, `mod.${extension}`)).href
) as typeof import("../../../mod.ts");

async function step(name: string, run: () => unknown): Promise<void> {
  const startMs = performance.now();
  const msSince = () => Math.round(performance.now() - startMs);
  try {
    const result = await run();
    say({ step: name, result, ms: msSince() });
  } catch (thrown) {
    const error = thrown as Error & { code: string };
    const causes: string[] = [];
    for (let cause = error.cause; cause !== undefined; cause = (cause as Error).cause) {
      causes.push(String(cause));
    }
    const told = [error.name, error.code, error.message, causes.join(" <- ")];
    say({ step: name, error: told, ms: msSince() });
  }
}

/** Fewer than a thread takes. */
const SPARE_DESCRIPTORS = 12;
const SIZES = { capacity: "1MiB", segmentBytes: "16KiB" } as const;
const paths = {
  logged: join(root, "logged"),
  disk: join(root, "disk"),
  saved: join(root, "saved"),
};
const logged = await open<unknown>({ ...SIZES, path: paths.logged });
const disk = await open<unknown>({ ...SIZES, path: paths.disk, durability: "disk" });
const saved = await open<unknown>({ ...SIZES, path: paths.saved, durability: "memory" });
const stores = { logged, disk, saved, memory: await open<unknown>(SIZES) };

// What stores load some milliseconds after they were opened; the same module, so that it is there.
await import(pathToFileURL(join(copy, "lib/dpm", `dpm_tasks.${extension}`)).href);

const descriptors = new Descriptors();
if (mode === "descriptors") descriptors.exhaust(SPARE_DESCRIPTORS);
else if (mode === "gone") {
  // A deployment that removes the release that runs.
  for (const name of [`mod.${extension}`, "lib", "workers"]) {
    rmSync(join(copy, name), { recursive: true });
  }
} else {
  for (const name of ["kn", "dpm"]) {
    const path = join(copy, "workers", `${name}.${extension}`);
    writeFileSync(path, "import process from 'node:process'; process.exit(3);\n");
  }
}

// A thread that blocks gets no event: of a worker that has failed it hears nothing.
await step("putSync of an object", () => logged.putSync("object", { a: 1 }));
// Nobody else keeps the process alive while threads are being started.
const busy = setInterval(() => {}, 1000);
for (const [name, store] of Object.entries(stores)) {
  await step(`put of an object: ${name}`, () => store.put("object", { a: 2, b: 3 }));
  await step(`get: ${name}`, () => store.get("object"));
}
// More than the pool holds, so that somebody has to clean.
await step("cleaning", async () => {
  for (let i = 0; i < 1200; i++) await logged.put(`key ${i % 50}`, `${i} `.padEnd(1000));
});
await step("expiry", async () => {
  await logged.put("brief", 1, { ttl: 1 });
  await setTimeout(5);
  return await logged.has("brief");
});
await step("flush", () => logged.flush());
await step("scale", () => logged.scale(3));
await step("put after scale", () => logged.put("scaled", true));
await step("snapshot", async () => void await saved.snapshot());
await step("backup", async () => void await logged.backup(join(root, "copy")));
await step("backup of a store in memory", async () => {
  await stores.memory.backup(join(root, "memory copy"));
});
if (mode === "descriptors") {
  descriptors.giveBack();
  await step("scale with descriptors", async () => (await logged.scale(2)).to);
  await step("backup with descriptors", async () => {
    await logged.backup(join(root, "second copy"));
  });
}
for (const [name, store] of Object.entries(stores)) {
  await step(`close: ${name}`, () => store.close());
}
clearInterval(busy);
process.exitCode = 0;
