/**
 * The form that is published on JSR: what `deno publish` says of it, and that it runs when it is
 * imported over a network, as Deno does it.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { findRuntime, PROJECT_ROOT } from "../scripts/runtimes.ts";
import { temporaryPath } from "./support/temporary.ts";

interface Manifest {
  readonly imports: Readonly<Record<string, string>>;
  readonly publish: { readonly include: readonly string[] };
}

const manifest = JSON.parse(readFileSync(join(PROJECT_ROOT, "deno.json"), "utf8")) as Manifest;
const NAMES = Object.keys(manifest.imports).filter((name) => !name.startsWith("dinomo"));
/** An import of a package by its name, as the registry finds it. */
const IMPORT = new RegExp(`((?:from|import) |import\\()"(${NAMES.join("|")})(/[^"]*)?"`, "g");

async function run(words: readonly string[], cwd: string) {
  const child = spawn(findRuntime("deno"), words, {
    cwd,
    env: { ...process.env, DENO_DIR: temporaryPath("deno"), NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 120_000,
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => stdout += text);
  child.stderr.setEncoding("utf8").on("data", (text: string) => stderr += text);
  const [exitCode] = await once(child, "close");
  return { exitCode, stdout, stderr };
}

/**
 * Serves the files that are published, with the names of packages replaced as the registry does.
 */
async function serve(): Promise<Server> {
  const server = createServer(({ url }, response) => {
    const path = url!.slice(1);
    const isPublished = manifest.publish.include.includes(path.split("/")[0]!);
    try {
      if (!isPublished) throw new Error(`${path} is not published`);
      const text = readFileSync(join(PROJECT_ROOT, path), "utf8").replace(
        IMPORT,
        (_, before, name, module = "") => `${before}"${manifest.imports[name]}${module}"`,
      );
      response.setHeader("content-type", "application/typescript").end(text);
    } catch (error) {
      response.writeHead(404).end(String(error));
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

/** Uses a store in every way that takes a thread. */
const PROGRAM = (origin: string) => `
import { open } from "${origin}/mod.ts";
import { acquireLock } from "${origin}/lib/lock/mod.ts";
const path = Deno.args[0];
const store = await open({ capacity: "4MiB", codec: "binary", path });
const keys = Array.from({ length: 1000 }, (_, i) => "key " + i);
await Promise.all(keys.map((key) => store.put(key, new Uint8Array(900))));
await store.scale(2);
await store.deleteMany(keys.slice(50));
await store.snapshot();
// Without a thread for it nothing is moved.
console.log((await store.compact()).segmentsMoved > 0);
await store.close();
const again = await open({ path, codec: "binary" });
console.log(again.count);
await again.close();
const memory = await open({ capacity: "4MiB" });
console.log((await acquireLock(memory, "lock")).isHeld);
await memory.close();
`;

test("a program that imports it over http runs, with the permissions that its path takes", async () => {
  const server = await serve();
  try {
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const folder = temporaryPath("program");
    mkdirSync(join(folder, "node_modules"), { recursive: true });
    const { msgpackr } = manifest.imports;
    const range = msgpackr!.slice(msgpackr!.lastIndexOf("@") + 1);
    writeFileSync(
      join(folder, "package.json"),
      JSON.stringify({ dependencies: { msgpackr: range } }),
    );
    symlinkSync(join(PROJECT_ROOT, "node_modules/msgpackr"), join(folder, "node_modules/msgpackr"));
    writeFileSync(join(folder, "main.ts"), PROGRAM(`http://${host}`));
    const path = temporaryPath();
    const flags = [`--allow-import=${host}`, `--allow-read=${path}`, `--allow-write=${path}`];
    const words = ["run", "--no-prompt", "--quiet", "--node-modules-dir=manual", ...flags];
    const { stdout, stderr } = await run([...words, "main.ts", path], folder);
    assert.is(stdout, "true\n50\ntrue\n", stderr);
  } finally {
    server.close();
  }
});

test("deno publish has nothing to say against it", async () => {
  const folder = temporaryPath("published");
  for (const name of ["deno.json", "package.json", ...manifest.publish.include]) {
    cpSync(join(PROJECT_ROOT, name), join(folder, name), { recursive: true });
  }
  symlinkSync(join(PROJECT_ROOT, "node_modules"), join(folder, "node_modules"));
  const words = ["publish", "--dry-run", "--allow-dirty", "--no-check"];
  const { exitCode, stderr } = await run(words, folder);
  assert.is(exitCode, 0, stderr);
  assert.match(stderr, /Success Dry run complete/);
  assert.not.match(stderr, /^(?:warning|error)/m);
  // The kinds of what is public are written down, so that the registry documents it.
  assert.match(stderr, /Checking for slow types/);
});

test.run();
