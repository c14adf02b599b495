/**
 * One opener of a directory at a time: within a thread, between threads, between processes and
 * runtimes, and after any of them has ended without a word.
 *
 * @module
 */
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createConnection } from "node:net";
import { join, relative } from "node:path";
import process from "node:process";
import { setTimeout } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  FormatError,
  InvalidOptionError,
  NodeFailedError,
  open,
  PathError,
  PoolLockedError,
  SnapshotError,
} from "../../mod.ts";
import { nodeFileSystem } from "../../lib/persistence/file_system.ts";
import { PoolLock, type PoolLockOptions } from "../../lib/persistence/pool_lock.ts";
import { listen, type PoolSocket, socketName } from "../../lib/persistence/pool_socket.ts";
import { ownProcess } from "../../lib/persistence/process_identity.ts";
import { readUnlocked } from "../../lib/persistence/unlocked_read.ts";
import { type Runtime, RUNTIMES } from "../../scripts/runtimes.ts";
import { Child, currentRuntime } from "../support/child.ts";
import type { LockOrder, LockUse, SoakReport } from "../support/children/lock_user.ts";
import { assertRejects, type Refusal } from "../support/errors.ts";
import { abandonLock, FREE_PID, lockText, makeOld, newToken } from "../support/locks.ts";
import { Random, SEED } from "../support/random.ts";
import type { LockOpening } from "../support/workers/lock_opener.ts";
import { temporaryPath } from "../support/temporary.ts";

const SIZES = { capacity: "1MiB", segmentBytes: "16KiB", durability: "memory" } as const;
const LOCKED: Omit<Refusal, "says"> = { type: PoolLockedError, code: "DINOMO_LOCKED" };
const isLinux = process.platform === "linux";
const EXTENSION = import.meta.url.endsWith(".ts") ? "ts" : "js";
/** Rounds of a race; each is a few milliseconds. */
const ROUND_COUNT = Number(process.env["DINOMO_LOCK_ROUNDS"] ?? 5);
/** How long a soak takes per round asked for. */
const SOAK_MS_PER_ROUND = 40;
const RACER_COUNT = 4;
/** Pairs of processes that are killed; starting them takes most of the time. */
const KILL_COUNT = 3;
/** From the order to the race: long enough for all to have heard. */
const START_MS = 8;

const VARIANTS: readonly PoolLockOptions[] = [
  ...(isLinux ? [{ useSocket: true }] : []),
  { useSocket: false },
  { useSocket: false, useLinks: false },
];

function newDirectory(): string {
  const path = temporaryPath();
  mkdirSync(path);
  return path;
}

/** A child with the lock module, ready for orders. */
class LockUser {
  readonly child: Child;
  #answers = 1;

  constructor(path: string, options: PoolLockOptions = {}, runtime: Runtime = currentRuntime()) {
    const msMax = 60_000 + ROUND_COUNT * 500;
    const use: LockUse = { path, options };
    this.child = new Child("lock_user", use, runtime, msMax, true);
  }

  async do(order: LockOrder): Promise<unknown> {
    this.child.tell(order);
    const answer = await this.child.message(this.#answers++);
    if (answer === undefined) {
      const { output } = await this.child.ended();
      throw new Error(`lock_user ended before it had answered ${order.order}: ${output}`);
    }
    return answer;
  }

  async end(): Promise<void> {
    this.child.tellNoMore();
    const { exitCode, output } = await this.child.ended();
    assert.is(exitCode, 0, output);
  }
}

test("a second open in the same thread is refused, whatever the path is called", async () => {
  const path = temporaryPath();
  const store = await open<unknown>({ path, ...SIZES });
  await store.put("a", 1);
  const link = temporaryPath("link");
  symlinkSync(path, link);
  for (const other of [path, `${path}/`, `${path}/../${path.split("/").at(-1)}`, link]) {
    await assertRejects(() => open({ path: other }), {
      ...LOCKED,
      says: /^path must be of a pool that is not open anywhere else, got "\/.*, which this thread/,
    }, other);
  }
  await assertRejects(() => open({ path: relative(process.cwd(), path) }), {
    ...LOCKED,
    says: /which this thread/,
  });
  await store.close();
  const again = await open<unknown>({ path: link });
  assert.is(await again.get("a"), 1);
  await assertRejects(() => open({ path }), { ...LOCKED, says: /which this thread/ });
  await again.close();
  assert.is(existsSync(join(path, "lock")), false);
});

test("of two opens at the same moment one is refused", async () => {
  const path = temporaryPath();
  const opens = await Promise.allSettled([open({ path, ...SIZES }), open({ path, ...SIZES })]);
  const stores = opens.flatMap((end) => end.status === "fulfilled" ? [end.value] : []);
  const errors = opens.flatMap((end) => end.status === "rejected" ? [end.reason] : []);
  assert.is(stores.length, 1);
  assert.instance(errors[0], PoolLockedError);
  await stores[0]!.close();
});

/** What a thread says that opens the path. */
async function openInThread(opening: LockOpening): Promise<string> {
  const url = new URL(`../support/workers/lock_opener.${EXTENSION}`, import.meta.url);
  const worker = new Worker(url, { workerData: opening });
  const ended = new Promise((resolve) => worker.once("exit", resolve));
  const said = await new Promise<string>((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
  });
  await ended;
  return said;
}

test("another thread of the process is refused", async () => {
  const path = temporaryPath();
  const store = await open<unknown>({ path, ...SIZES });
  const said = await openInThread({ path, mode: "open" });
  assert.match(said, /^DINOMO_LOCKED: .* which another thread of this process has had open since/);
  await store.close();
  assert.is(await openInThread({ path, mode: "open" }), "done");
});

test("a thread that ended with the lock keeps nobody away", async () => {
  // Elsewhere only the process as a whole can be seen to have ended.
  if (!isLinux) return;
  const path = newDirectory();
  assert.is(await openInThread({ path, mode: "leave" }), "done");
  assert.is(existsSync(join(path, "lock")), true);
  await (await PoolLock.acquire(path)).release();
});

test("a copy of the directory of an open pool is not locked", async () => {
  const path = temporaryPath();
  const store = await open<unknown>({ path, ...SIZES });
  await store.put("a", 1);
  await store.snapshot();
  const copy = temporaryPath("copy");
  cpSync(path, copy, { recursive: true });
  assert.equal(readdirSync(copy).sort(), ["checkpoint", "image-1", "lock"]);
  const second = await open<unknown>({ path: copy });
  assert.is(await second.get("a"), 1);
  await second.close();
  await store.close();
});

test("another process is refused, until the holder is killed", async () => {
  const path = temporaryPath();
  const user = new LockUser(path);
  assert.is(await user.do({ order: "open" }), "open");
  const says = new RegExp(
    `, which process ${user.child.pid} has had open since \\d{4}-\\d\\d-\\d\\dT`,
  );
  for (let attempt = 0; attempt < 3; attempt++) {
    await assertRejects(() => open({ path, ...SIZES }), { ...LOCKED, says });
  }
  await assertRejects(() => PoolLock.acquire(path, { useSocket: false }), { ...LOCKED, says });
  user.child.kill();
  await user.child.ended();
  assert.is(existsSync(join(path, "lock")), true);
  await (await open({ path, ...SIZES })).close();
  assert.equal(readdirSync(path).sort(), ["checkpoint", "image-1"]);
});

test("processes on other runtimes are refused too", async () => {
  const path = newDirectory();
  const lock = await PoolLock.acquire(path);
  for (const runtime of RUNTIMES) {
    const user = new LockUser(path, {}, runtime);
    assert.is(await user.do({ order: "acquire", atMs: 0 }), "refused", runtime);
    await user.end();
  }
  await lock.release();
});

test("who reads without a lock is refused by a holder that may live, and by no other", async () => {
  const path = newDirectory();
  writeFileSync(join(path, "checkpoint"), "");
  const read = () => readUnlocked(nodeFileSystem, path, () => readdirSync(path).sort().join());
  const refused = (says: RegExp) => assertRejects(read, { ...LOCKED, says });
  const others = RUNTIMES.map((runtime) => new LockUser(path, {}, runtime));
  for (const options of VARIANTS) {
    const lock = await PoolLock.acquire(path, options);
    await refused(/this thread has had open since/);
    const answers = await Promise.all(others.map((other) => other.do({ order: "read" })));
    assert.equal(answers, ["refused", "refused", "refused"]);
    await lock.release();
    assert.is(await read(), "checkpoint");
  }
  for (const other of others) {
    assert.is(await other.do({ order: "read" }), "read");
    await other.end();
  }
  const user = new LockUser(path);
  assert.is(await user.do({ order: "acquire", atMs: 0 }), "held");
  await refused(new RegExp(`process ${user.child.pid} has had open since`));
  user.child.kill();
  await user.child.ended();
  assert.is(await read(), "checkpoint,lock");
  if (!isLinux) return;
  await openInThread({ path, mode: "leave" });
  assert.is(await read(), "checkpoint,lock", "only its thread has ended");
});

test("a socket is waited for while nobody says that it is his", async () => {
  if (!isLinux) return;
  const path = newDirectory();
  const { dev, ino } = statSync(path, { bigint: true });
  const take = async () => await listen(socketName(dev, ino), path) as PoolSocket;
  abandonLock(path);
  const ended = await take();
  const acquired = PoolLock.acquire(path);
  await setTimeout(20);
  await ended.close();
  await (await acquired).release();

  const user = new LockUser(path);
  assert.is(await user.do({ order: "acquire", atMs: 0 }), "held");
  const says = new RegExp(`process ${user.child.pid} has had open`);
  await assertRejects(() => PoolLock.acquire(path), { ...LOCKED, says });
  user.child.kill();
  await user.child.ended();
  await (await PoolLock.acquire(path)).release();
  const stranger = await take();
  const isOpening = /another process has open, or is opening or closing/;
  await assertRejects(() => PoolLock.acquire(path), { ...LOCKED, says: isOpening });
  await stranger.close();
});

test("a process that the holder has started does not inherit the lock", async () => {
  const path = newDirectory();
  const user = new LockUser(path);
  assert.is(await user.do({ order: "acquire", atMs: 0 }), "held");
  const pid = await user.do({ order: "spawn" }) as number;
  try {
    user.child.kill();
    await user.child.ended();
    assert.is(process.kill(pid, 0), true, "it lives");
    await (await PoolLock.acquire(path)).release();
  } finally {
    process.kill(pid, "SIGKILL");
  }
});

test("an idle store with a lock lets the process end, and the next one open", async () => {
  const path = temporaryPath();
  const user = new LockUser(path);
  assert.is(await user.do({ order: "open" }), "open");
  await user.end();
  assert.is(existsSync(join(path, "lock")), true);
  await (await open({ path, ...SIZES })).close();
});

for (const options of VARIANTS) {
  const name = JSON.stringify(options);

  test(`the lock can be released and taken again, ${name}`, async () => {
    const path = newDirectory();
    for (let round = 0; round < 3; round++) {
      const lock = await PoolLock.acquire(path, options);
      assert.equal(readdirSync(path), ["lock"]);
      assert.is(statSync(join(path, "lock")).mode & 0o777, 0o600);
      await assertRejects(() => PoolLock.acquire(path, options), { ...LOCKED, says: /thread/ });
      await Promise.all([lock.release(), lock.release()]);
      await lock.release();
      assert.equal(readdirSync(path), []);
    }
  });

  test(`lock files of holders that have ended are taken over, ${name}`, async () => {
    const { pid, startTime, bootId } = ownProcess();
    const path = newDirectory();
    const stale: Record<string, string> = {
      "dead pid": lockText(path, { pid: FREE_PID }),
      garbage: "what is this?",
      empty: "",
      "wrong fields": JSON.stringify({ pid, token: "../../x", since: "now" }),
      "another directory": lockText(path, { directory: "1:2" }),
      "all processes": lockText(path, { pid: -1 }),
      binary: "\0".repeat(5000),
    };
    if (startTime !== null) stale["reused pid"] = lockText(path, { pid: 1, startTime: "1234567" });
    if (bootId !== null) stale["other boot"] = lockText(path, { bootId: "of yesterday" });
    for (const [what, text] of Object.entries(stale)) {
      writeFileSync(join(path, "lock"), text);
      if (options.useLinks === false) makeOld(join(path, "lock"));
      const lock = await PoolLock.acquire(path, options);
      assert.equal(readdirSync(path), ["lock"], what);
      assert.is(JSON.parse(readFileSync(join(path, "lock"), "utf8")).pid, pid, what);
      assert.is(statSync(join(path, "lock")).mode & 0o777, 0o600, what);
      await lock.release();
      assert.equal(readdirSync(path), [], what);
    }
  });

  test(`claims of claimants that have ended are taken over, ${name}`, async () => {
    const path = newDirectory();
    const [first, second, third] = [newToken(), newToken(), newToken()];
    const dead = { pid: FREE_PID };
    writeFileSync(join(path, "lock"), lockText(path, { ...dead, token: first! }));
    writeFileSync(join(path, `lock.claim-${first}`), lockText(path, { ...dead, token: second! }));
    writeFileSync(join(path, `lock.claim-${second}`), lockText(path, { ...dead, token: third! }));
    writeFileSync(join(path, `lock.new-${third}`), lockText(path, { ...dead, token: third! }));
    writeFileSync(join(path, `lock.claim-${newToken()}`), lockText(path, dead));
    const lock = await PoolLock.acquire(path, options);
    assert.equal(readdirSync(path), ["lock"]);
    await lock.release();
  });

  test(`a claimant that lives keeps others away, ${name}`, async () => {
    const path = newDirectory();
    const token = newToken();
    writeFileSync(join(path, "lock"), lockText(path, { pid: FREE_PID, token }));
    const parent = lockText(path, { pid: process.ppid, startTime: null });
    writeFileSync(join(path, `lock.claim-${token}`), parent);
    await assertRejects(() => PoolLock.acquire(path, options), {
      ...LOCKED,
      says: new RegExp(`which process ${process.ppid} has had open since`),
    });
    assert.equal(readdirSync(path).sort(), ["lock", `lock.claim-${token}`]);
  });

  test(`a holder that lives is respected, whatever else is missing, ${name}`, async () => {
    const { ppid } = process;
    for (const changes of [{ pid: ppid, startTime: null }, { pid: 1, startTime: null }]) {
      const path = newDirectory();
      const text = lockText(path, { ...changes, bootId: null });
      writeFileSync(join(path, "lock"), text);
      await assertRejects(() => PoolLock.acquire(path, options), { ...LOCKED, says: /process/ });
      assert.is(readFileSync(join(path, "lock"), "utf8"), text);
      assert.equal(readdirSync(path), ["lock"]);
    }
  });

  test(`a lock file that is no file is refused and not followed, ${name}`, async () => {
    const target = temporaryPath("target");
    const path = newDirectory();
    writeFileSync(target, lockText(path, { pid: FREE_PID }));
    symlinkSync(target, join(path, "lock"));
    const refusal: Refusal = { type: PathError, code: "DINOMO_PATH", says: /lock": it must be a/ };
    await assertRejects(() => PoolLock.acquire(path, options), refusal, "a symbolic link");
    assert.match(readFileSync(target, "utf8"), `${FREE_PID}`);
    rmSync(join(path, "lock"));
    symlinkSync(temporaryPath("nothing"), join(path, "lock"));
    await assertRejects(() => PoolLock.acquire(path, options), refusal, "a dangling link");
    rmSync(join(path, "lock"));
    mkdirSync(join(path, "lock"));
    await assertRejects(() => PoolLock.acquire(path, options), refusal, "a directory");
    assert.equal(readdirSync(path), ["lock"]);
    rmSync(join(path, "lock"), { recursive: true });
    await (await PoolLock.acquire(path, options)).release();
  });

  test(`a lock file that is somebody else's by now is not removed, ${name}`, async () => {
    const path = newDirectory();
    const lock = await PoolLock.acquire(path, options);
    abandonLock(path);
    await lock.release();
    assert.equal(readdirSync(path), ["lock"]);
    const moved = temporaryPath("moved");
    const second = await PoolLock.acquire(path, options);
    renameSync(path, moved);
    await second.release();
    // It is where nobody looks for it; without the socket it counts as this process's, as long as
    // that runs.
    if (options.useSocket !== true) rmSync(join(moved, "lock"));
    const third = await PoolLock.acquire(moved, options);
    rmSync(moved, { recursive: true });
    await third.release();
  });

  test(`of processes that race one holds the lock, each time, ${name}`, async () => {
    await race(Array<Runtime>(RACER_COUNT).fill(currentRuntime()), options);
  });

  test(`no two processes are ever inside, while holders come, go and die, ${name}`, async () => {
    const path = newDirectory();
    const inside = temporaryPath("inside");
    const users = [1, 2, 3].map(() => new LockUser(path, options));
    const ms = ROUND_COUNT * SOAK_MS_PER_ROUND;
    await Promise.all(users.map((user) => user.child.message(0)));
    const reports = await Promise.all(
      users.map((user) => user.do({ order: "soak", ms, inside })),
    ) as SoakReport[];
    const told = JSON.stringify(reports);
    assert.is(reports.reduce((sum, report) => sum + report.together, 0), 0, told);
    assert.ok(reports.reduce((sum, report) => sum + report.held, 0) > 0, told);
    if (process.env["DINOMO_LOCK_ROUNDS"] !== undefined) console.log(`soak ${name}: ${told}`);
    await Promise.all(users.map((user) => user.end()));
    await (await PoolLock.acquire(path, options)).release();
    assert.equal(readdirSync(path), []);
  });
}

test("processes killed at any moment keep nobody away, and their files go", async () => {
  const random = new Random(SEED);
  for (const options of VARIANTS.filter(({ useLinks }) => useLinks !== false)) {
    const path = newDirectory();
    for (let round = 0; round < KILL_COUNT; round++) {
      const users = [1, 2].map(() => new LockUser(path, options));
      await Promise.all(users.map((user) => user.child.message(0)));
      for (const { child } of users) {
        child.tell({ order: "soak", ms: 10_000, inside: temporaryPath("inside") });
      }
      await setTimeout(random.between(5, 40));
      for (const { child } of users) child.kill();
      await Promise.all(users.map((user) => user.child.ended()));
      await (await PoolLock.acquire(path, options)).release();
      // A draft without its text may be one that is being written, until it is old.
      for (const name of readdirSync(path)) {
        assert.match(name, /^lock\.new-/);
        makeOld(join(path, name));
      }
      const lock = await PoolLock.acquire(path, options);
      const names = readdirSync(path);
      await lock.release();
      assert.equal(names, ["lock"], `round ${round}, seed ${SEED}, ${JSON.stringify(options)}`);
    }
  }
});

test("of processes on all runtimes that race one holds the lock, each time", async () => {
  await race(RUNTIMES, {});
});

/** Puts a directory into one of the states in which processes find it. */
function prepare(path: string, round: number): void {
  const token = newToken();
  rmSync(join(path, "lock"), { force: true });
  if (round % 5 === 0) return;
  const text = round % 5 === 1 ? "garbage" : lockText(path, { pid: FREE_PID, token });
  writeFileSync(join(path, "lock"), text);
  makeOld(join(path, "lock"));
  if (round % 5 === 2) {
    writeFileSync(join(path, `lock.claim-${token}`), lockText(path, { pid: FREE_PID }));
  }
}

async function race(runtimes: readonly Runtime[], options: PoolLockOptions): Promise<void> {
  const path = newDirectory();
  const users = runtimes.map((runtime) => new LockUser(path, options, runtime));
  await Promise.all(users.map((user) => user.child.message(0)));
  for (let round = 0; round < ROUND_COUNT; round++) {
    prepare(path, round);
    const atMs = Date.now() + START_MS;
    const answers = await Promise.all(users.map((user) => user.do({ order: "acquire", atMs })));
    const context = `round ${round}: ${answers}`;
    assert.is(answers.filter((answer) => answer === "held").length, 1, context);
    assert.is(answers.filter((answer) => answer === "refused").length, users.length - 1, context);
    assert.equal(readdirSync(path), ["lock"], context);
    await Promise.all(users.map((user) => user.do({ order: "release" })));
  }
  await Promise.all(users.map((user) => user.end()));
}

test("a fresh file of a file system without hard links may still be being written", async () => {
  const path = newDirectory();
  writeFileSync(join(path, "lock"), "");
  await assertRejects(() => PoolLock.acquire(path, { useSocket: false, useLinks: false }), {
    ...LOCKED,
    says: /which another process has open, or is opening/,
  });
  await (await PoolLock.acquire(path, { useSocket: false })).release();
});

test("somebody who connects to the socket is sent away", async () => {
  if (!isLinux) return;
  const path = newDirectory();
  const lock = await PoolLock.acquire(path);
  const { dev, ino } = statSync(path, { bigint: true });
  await new Promise<void>((resolve, reject) => {
    const connection = createConnection({ path: `\0${socketName(dev, ino)}` });
    connection.once("error", reject);
    connection.once("close", () => resolve());
    connection.resume();
  });
  await lock.release();
  await (await PoolLock.acquire(path)).release();
});

test("an open that fails after it has the lock releases it", async () => {
  const path = temporaryPath();
  await assertRejects(
    () =>
      open({
        path,
        ...SIZES,
        workers: { node: "data:text/javascript,throw new Error('planted')" },
      }),
    { type: NodeFailedError, code: "DINOMO_NODE_FAILED", says: /^KN/ },
  );
  assert.equal(readdirSync(path), []);
  writeFileSync(join(path, "checkpoint"), "what is this? ".repeat(100));
  await assertRejects(() => open({ path }), {
    type: FormatError,
    code: "DINOMO_FORMAT",
    says: /checkpoint/,
  });
  assert.equal(readdirSync(path), ["checkpoint"]);
  rmSync(join(path, "checkpoint"));
  await (await open({ path, ...SIZES })).close();
});

test("a path or options that are refused leave no lock", async () => {
  const path = newDirectory();
  writeFileSync(join(path, "notes.txt"), "mine");
  await assertRejects(() => open({ path, ...SIZES }), {
    type: PathError,
    code: "DINOMO_PATH",
    says: /notes.txt/,
  });
  assert.equal(readdirSync(path), ["notes.txt"]);
  rmSync(join(path, "notes.txt"));
  await assertRejects(() => open({ path, capacity: "64KiB", segmentBytes: "64KiB" }), {
    type: InvalidOptionError,
    code: "DINOMO_INVALID_OPTION",
    says: /must be/,
  });
  assert.equal(readdirSync(path), []);
});

test("a close that fails releases the lock, and so does that of a failed store", async () => {
  const path = temporaryPath();
  const store = await open<unknown>({ path, ...SIZES });
  // Not empty: Deno's unlink removes a directory that is.
  mkdirSync(join(path, "image-1", "taken"), { recursive: true });
  await assertRejects(() => store.close(), {
    type: SnapshotError,
    code: "DINOMO_SNAPSHOT",
    says: /was not written/,
  });
  rmSync(join(path, "image-1"), { recursive: true });
  assert.is(existsSync(join(path, "lock")), false);
  const failing = new URL(`../support/workers/failing_kn.${EXTENSION}`, import.meta.url);
  const failed = await open<unknown>({ path, ...SIZES, help: false, workers: { node: failing } });
  const puts = Array.from({ length: 200 }, (_, i) => failed.put(`key ${i % 50}`, i));
  assert.ok((await Promise.allSettled(puts)).some((end) => end.status === "rejected"));
  assert.is(existsSync(join(path, "lock")), true);
  await failed.close();
  assert.is(existsSync(join(path, "lock")), false);
  await (await open({ path, ...SIZES })).close();
});

test.run();
