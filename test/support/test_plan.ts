/**
 * Which test file runs on which runtimes, and which ones share a process.
 *
 * @module
 */
import type { Runtime } from "../../scripts/runtimes.ts";

/**
 * What a run tries on each runtime: units, which take little time; and where the runtimes differ:
 * how they start threads, let them wait and end them, what of theirs is imported, timers, files and
 * sockets, values and texts. Two simulations are among them whose seeds the runtimes share, so that
 * a run has as many as it can.
 */
export const EVERYWHERE: readonly string[] = [
  "test/api/closing.test.ts",
  "test/api/codecs.test.ts",
  "test/api/expiry.test.ts",
  "test/api/lazy_threads.test.ts",
  "test/cluster/cluster_outcomes.test.ts",
  "test/cluster/cluster_simulation.test.ts",
  "test/cluster/index_simulation.test.ts",
  "test/cluster/nats_server.test.ts",
  "test/cluster/node_server.test.ts",
  "test/gateway/lines.test.ts",
  "test/imports.test.ts",
  "test/live/server.test.ts",
  "test/metrics/",
  "test/persistence/full_disk.test.ts",
  "test/persistence/held_files.test.ts",
  "test/persistence/paths.test.ts",
  "test/unit/",
  "test/values_table.test.ts",
];

/**
 * Planted bugs are each tried on one runtime, which their files name: these, and all others on Bun.
 */
const PLANTED: readonly (readonly [path: string, runtime: Runtime])[] = [
  ["test/planted/planted_durability_bugs.test.ts", "deno"],
  ["test/planted/planted_mnode_bugs.test.ts", "node"],
  ["test/planted/planted_opening_bugs.test.ts", "node"],
  ["test/planted/planted_standby_bugs.test.ts", "node"],
  ["test/planted/planted_start_bugs.test.ts", "node"],
  ["test/planted/", "bun"],
];

/**
 * Files that share a process with others, and begin after each other there, as a runtime takes long
 * to start and to load the library: they start no thread, and no process that they do not wait for.
 */
const SHARED: readonly string[] = [
  "test/cluster/cluster_campaign.test.ts",
  "test/cluster/cluster_carrier.test.ts",
  "test/cluster/cluster_events.test.ts",
  "test/cluster/cluster_expiry.test.ts",
  "test/cluster/cluster_explored.test.ts",
  "test/cluster/cluster_index.test.ts",
  "test/cluster/cluster_lending.test.ts",
  "test/cluster/cluster_load.test.ts",
  "test/cluster/cluster_node.test.ts",
  "test/cluster/cluster_parts.test.ts",
  "test/cluster/cluster_requests.test.ts",
  "test/cluster/cluster_shared.test.ts",
  "test/cluster/cluster_simulation.test.ts",
  "test/cluster/cluster_watches.test.ts",
  "test/cluster/control_shortening.test.ts",
  "test/cluster/index_simulation.test.ts",
  "test/cluster/large_parts.test.ts",
  "test/cluster/large_simulation.test.ts",
  "test/cluster/simulated_parts.test.ts",
  "test/deno_kv/tuple_key.test.ts",
  "test/experiments/",
  "test/gateway/",
  "test/persistence/checkpoint_damage.test.ts",
  "test/persistence/cut_tail.test.ts",
  "test/persistence/failing_disk.test.ts",
  "test/persistence/held_files.test.ts",
  "test/persistence/hostile_geometry.test.ts",
  "test/persistence/image_damage.test.ts",
  "test/persistence/logged_disk_failures.test.ts",
  "test/persistence/logged_evictions.test.ts",
  "test/persistence/logged_torn_tail.test.ts",
  "test/persistence/power_loss.test.ts",
  "test/persistence/synced_lives.test.ts",
  "test/persistence/version_carry.test.ts",
  "test/planted/",
  "test/simulation/",
  "test/unit/",
];
/** Those of them that do start threads, or test what a process does first. */
const ALONE: readonly string[] = [
  "test/gateway/called_pool.test.ts",
  "test/gateway/lines.test.ts",
  "test/planted/planted_texts.test.ts",
  "test/unit/linearizability/recorder.test.ts",
  "test/unit/native_texts.test.ts",
  "test/unit/thread_starts.test.ts",
  "test/unit/thread_stream.test.ts",
];
/**
 * So many in one process at most: a process that is broken is begun again behind what has broken
 * it.
 */
const SHARED_FILES_MAX = 16;

/** What one process runs. */
export interface TestJob {
  readonly files: readonly string[];
  readonly runtime: Runtime;
}

/**
 * On which of the runtimes a file, the n-th of its run, is run: with a turn on one, unless they
 * differ in what it tests; with the turns that follow on the others.
 */
export function runtimesOf(
  file: string,
  index: number,
  runtimes: readonly Runtime[],
  turn: number | undefined,
): readonly Runtime[] {
  if (turn === undefined || EVERYWHERE.some((path) => file.startsWith(path))) return runtimes;
  const own = PLANTED.find(([path]) => file.startsWith(path))?.[1];
  return [own ?? runtimes[(index + turn) % runtimes.length]!];
}

/** Whether a file shares its process with others. */
export function sharesProcess(file: string): boolean {
  return SHARED.some((path) => file.startsWith(path)) && !ALONE.includes(file);
}

/**
 * Puts together what runs in one process: files that follow each other, on one runtime. What
 * several share comes first: it takes longest, and no process is to be left alone at the end.
 */
export function planJobs(
  files: readonly string[],
  runtimes: readonly Runtime[],
  turn: number | undefined,
): TestJob[] {
  const jobs: TestJob[] = [];
  const shared = new Map<Runtime, string[]>();
  files.forEach((file, i) => {
    for (const runtime of runtimesOf(file, i, runtimes, turn)) {
      const last = shared.get(runtime);
      if (!sharesProcess(file)) {
        jobs.push({ files: [file], runtime });
      } else if (last !== undefined && last.length < SHARED_FILES_MAX) {
        last.push(file);
      } else {
        const own = [file];
        shared.set(runtime, own);
        jobs.push({ files: own, runtime });
      }
    }
  });
  return jobs.sort((a, b) => b.files.length - a.files.length);
}
