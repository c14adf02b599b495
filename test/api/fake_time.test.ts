/**
 * Test frameworks replace timers and clocks: with fakes that stand still every operation ends
 * nevertheless, and what is expired is decided by the real clock, in every thread.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { PROJECT_ROOT, runtimeCommand, THIS_RUNTIME } from "../../scripts/runtimes.ts";
import type { FakeTimeArguments } from "../support/children/fake_time.ts";

const CHILD = "test/support/children/fake_time.ts";
const MS_MAX = 60_000;

/** What {@linkcode CHILD} sees in a store: see its `use`. */
const SEEN = [2, 5, 1, true, true, undefined, false, 3000, 3000, 1, 2, [true, true, true], 2];
const ITERATED = [4, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49];

const WAYS: readonly Omit<FakeTimeArguments, "fakes">[] = [
  { installed: "before the import", store: "os" },
  { installed: "after the import", store: "far" },
];

/** What each runtime has; `mock.timers` of `node:test` is Node's. */
const FAKES: readonly FakeTimeArguments["fakes"][] = [
  "globals",
  "sinon",
  ...(THIS_RUNTIME === "node" ? ["node:test"] as const : []),
  ...(THIS_RUNTIME === "bun" ? ["bun:test"] as const : []),
];

for (const fakes of FAKES) {
  for (const way of WAYS) {
    test(`the fakes of ${fakes}, installed ${way.installed}; ${way.store}`, async () => {
      const { exitCode, output } = await runChild({ fakes, ...way });
      assert.is(exitCode, 0, output);
      const said = output.split("\n").find((line) => line.startsWith("@dinomo "));
      const seen = JSON.parse(said!.slice("@dinomo ".length)) as unknown[];
      const iterated = seen.splice(2, ITERATED.length) as number[];
      assert.equal(iterated.sort((a, b) => a - b), ITERATED);
      assert.equal(seen, JSON.parse(JSON.stringify(SEEN)));
    });
  }
}

async function runChild(child: FakeTimeArguments) {
  const command = runtimeCommand(THIS_RUNTIME, CHILD);
  const args = child.fakes === "bun:test" ? ["test", `./${CHILD}`] : command.args;
  const started = spawn(process.execPath, args, {
    cwd: PROJECT_ROOT,
    env: { ...process.env, FAKE_TIME: JSON.stringify(child) },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const timer = setTimeout(() => started.kill("SIGKILL"), MS_MAX);
  let output = "";
  started.stdout.setEncoding("utf8").on("data", (text: string) => output += text);
  started.stderr.setEncoding("utf8").on("data", (text: string) => output += text);
  const [exitCode] = await once(started, "close");
  clearTimeout(timer);
  return { exitCode: exitCode as number | null, output };
}

/** What of time only one module may use. */
const FORBIDDEN =
  /\b(?:queueMicrotask|set(?:Timeout|Interval|Immediate)|clear(?:Timeout|Interval|Immediate)|nextTick|hrtime|performance|Date\.now)\b|new Date\(\)|node:timers|node:perf_hooks/;
const RUNTIME_MODULE = join("lib", "platform", "runtime.ts");
/** Text that a browser runs, whose time nobody fakes. */
const BROWSER_SCRIPT = join("lib", "inspector", "page_script.ts");
const MAY_USE: ReadonlySet<string> = new Set([RUNTIME_MODULE, BROWSER_SCRIPT]);

test("only one module takes time from the runtime", () => {
  const uses = ["lib", "workers"].flatMap((folder) =>
    readdirSync(join(PROJECT_ROOT, folder), { recursive: true, encoding: "utf8" })
      .map((path) => join(folder, path))
  ).filter((path) => path.endsWith(".ts") && !MAY_USE.has(path)).filter((path) =>
    FORBIDDEN.test(withoutComments(readFileSync(join(PROJECT_ROOT, path), "utf8")))
  );
  assert.equal(uses, [], `import from ${RUNTIME_MODULE} instead`);
  // The check itself: it finds what it looks for where that is.
  assert.ok(FORBIDDEN.test(readFileSync(join(PROJECT_ROOT, RUNTIME_MODULE), "utf8")));
});

function withoutComments(source: string): string {
  return source.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "$1");
}

test.run();
