/**
 * Threads that take too long to come up, or end before they are ready; tasks that wait for a thread
 * that ends.
 *
 * @module
 */
import { writeFileSync } from "node:fs";
import { clearInterval, setInterval } from "node:timers";
import { setTimeout } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { NodeId } from "../../lib/core/brands.ts";
import { NodeFailedError } from "../../lib/core/errors.ts";
import { ThreadStartError } from "../../lib/platform/task_pool.ts";
import { TaskThreads } from "../../lib/platform/task_threads.ts";
import { textUrl } from "../../lib/platform/worker_loader.ts";
import { LifeState, lifeState } from "../../lib/agent/liveness.ts";
import { NodeThread } from "../../lib/mnode/node_thread.ts";
import { AGENT_EXECUTOR, AGENT_THREAD } from "../../lib/pool/control_layout.ts";
import { Pool } from "../../lib/pool/pool.ts";
import { geometryOf } from "../../lib/pool/geometry.ts";
import { createRing } from "../../lib/rings/ring_layout.ts";
import { createRingRegion } from "../../lib/rings/ring_region.ts";
import { errorOf } from "../support/errors.ts";
import { temporaryPath } from "../support/temporary.ts";

const NEVER_READY = "setInterval(() => {}, 1000); await new Promise(() => {});";
const RUNS_TASKS = `
  import process from "node:process";
  export default (task) => task === "die" ? process.exit(3) : task;`;
const START_MS_MAX = 300;

function moduleOf(text: string): string {
  const path = `${temporaryPath("module")}.mjs`;
  writeFileSync(path, text);
  return path;
}

type Kind = "Piscina" | "the pool without it";

function threadsOf(
  kind: Kind,
  path: string,
  given: { threadCount?: number; startMsMax?: number } = {},
): TaskThreads<string, string> {
  return new TaskThreads({
    workerCode: pathToFileURL(path),
    threadCount: 1,
    idleTimeoutMs: 100,
    usesPiscina: kind === "Piscina",
    ...given,
  });
}

function nodeThread(
  workerCode: string,
  startMsMax?: number,
  pool = Pool.create(geometryOf(64 * 1024, 4096), [1, 2]),
): NodeThread {
  const hostRing = createRing(8192, 8, 0);
  const start = {
    pool: pool.handle,
    nodeId: 0 as NodeId,
    agent: 0,
    hostRing,
    region: createRingRegion(1, 8192, 8, false),
    spinMicros: 0,
  };
  return new NodeThread({
    pool,
    workerCode,
    start,
    onEnd: () => {},
    ...(startMsMax && { startMsMax }),
  });
}

test("a KN's thread that does not come up in time is given up, and not started again", async () => {
  const thread = nodeThread(
    `data:text/javascript,${encodeURIComponent(NEVER_READY)}`,
    START_MS_MAX,
  );
  const error = await errorOf(() => thread.startPersistently(5));
  assert.instance(error, NodeFailedError);
  assert.is((error as Error).message, `KN 0 did not start within ${START_MS_MAX} ms`);
  assert.ok(thread.isStarted && thread.isOverdue);
  assert.ok(await thread.stop(10_000));
});

test("one that ends before it is ready is started again so many times, and its error is kept", async () => {
  const thread = nodeThread("data:text/javascript,throw new Error('planted')");
  const error = await errorOf(() => thread.startPersistently(2)) as NodeFailedError;
  assert.instance(error, NodeFailedError);
  assert.match(String(error.cause), /planted/);
  assert.not.ok(thread.isOverdue);
});

test("stopping ends the wait for the next attempt", async () => {
  const thread = nodeThread("data:text/javascript,throw new Error('planted')");
  // The last of them would be made after an hour.
  const started = thread.startPersistently(18);
  await setTimeout(500);
  await thread.stop(1000);
  await started;
});

test("one that is stopped while it starts runs nothing, and its start has not failed", async () => {
  const pool = Pool.create(geometryOf(64 * 1024, 4096), [1, 2]);
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const worker = new URL(`../../workers/kn.${extension}`, import.meta.url);
  const thread = nodeThread(worker.href, undefined, pool);
  const started = thread.startPersistently(3);
  assert.ok(await thread.stop(10_000));
  await started;
  const at = pool.agentAt(0);
  assert.is(lifeState(pool, at), LifeState.STOPPED);
  assert.ok(thread.hasLetGo);
  // What it does first when it runs.
  assert.is(pool.control[at + AGENT_EXECUTOR], 0);
  assert.is(pool.control[at + AGENT_THREAD], 0);
});

for (const kind of ["Piscina", "the pool without it"] as const) {
  test(`a task whose thread does not come up in time fails, by ${kind}`, async () => {
    const given = { threadCount: 2, startMsMax: START_MS_MAX };
    const threads = threadsOf(kind, moduleOf(NEVER_READY), given);
    const errors = await Promise.all(
      ["a", "b", "c"].map((task) => errorOf(() => threads.run(task))),
    );
    for (const error of errors) {
      assert.instance(error, ThreadStartError);
      assert.is((error as Error).message, `a thread did not start within ${START_MS_MAX} ms`);
    }
    assert.ok(threads.areFailing);
    await threads.close();
  });

  test(`starting a thread for a task is tried again, by ${kind}`, async () => {
    const marker = JSON.stringify(temporaryPath("marker"));
    const threads = threadsOf(
      kind,
      moduleOf(`
    import { existsSync, readFileSync, writeFileSync } from "node:fs";
    import { threadId } from "node:worker_threads";
    if (!existsSync(${marker})) writeFileSync(${marker}, String(threadId));
    // Piscina loads a module twice where the first way fails.
    if (readFileSync(${marker}, "utf8") === String(threadId)) throw new Error("planted");
    export default (task) => task;`),
    );
    assert.is(await threads.run("a"), "a");
    assert.not.ok(threads.areFailing);
    await threads.close();
  });

  test(`a task whose thread cannot be started fails with the cause, by ${kind}`, async () => {
    for (
      const [text, says] of [["throw new Error('planted');", /planted/], [
        "import process from 'node:process'; process.exit(3);",
        /could not be started/,
      ]] as const
    ) {
      const threads = threadsOf(kind, moduleOf(text));
      const error = await errorOf(() => threads.run("a"));
      assert.instance(error, ThreadStartError);
      assert.match((error as Error).message, says);
      // At once from now on: a store would try again with each of its writes.
      assert.is(await errorOf(() => threads.run("b")), error);
      await threads.close();
    }
  });

  for (const threadCount of [1, 2]) {
    test(`tasks that wait for one that ends its thread are run, with ${threadCount} threads, by ${kind}`, async () => {
      const threads = threadsOf(kind, moduleOf(RUNS_TASKS), { threadCount });
      const tasks = ["a", "die", "b", "die", "c", "d"];
      const ends = await Promise.allSettled(tasks.map((task) => threads.run(task)));
      ends.forEach((end, i) => {
        assert.is(end.status, tasks[i] === "die" ? "rejected" : "fulfilled", `${i}: ${tasks[i]}`);
        if (end.status === "fulfilled") assert.is(end.value, tasks[i]);
        else assert.not.instance(end.reason, ThreadStartError);
      });
      await threads.close();
    });
  }

  test(`a thread ends when it has had no task for a while, by ${kind}`, async () => {
    const threads = threadsOf(
      kind,
      moduleOf('import { threadId } from "node:worker_threads"; export default () => threadId;'),
    );
    const [first, second] = await Promise.all([threads.run("a"), threads.run("b")]);
    assert.is(second, first);
    let waitMs = 200;
    do await setTimeout(waitMs *= 2); while (await threads.run("c") === first && waitMs < 20_000);
    assert.is.not(await threads.run("d"), first);
    await threads.close();
  });
}

test("tasks of a module that is no file are run without Piscina", async () => {
  const threads = new TaskThreads<string, string>({
    workerCode: textUrl("export default (task) => `did ${task}`;"),
    threadCount: 1,
    idleTimeoutMs: 100,
  });
  assert.is(await threads.run("a"), "did a");
  await threads.close();
});

// Threads that are being started keep no process alive.
const busy = setInterval(() => {}, 1000);
test.after(() => clearInterval(busy));

test.run();
