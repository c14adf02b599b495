/**
 * Which test file runs on which runtimes, and which ones share a process.
 *
 * @module
 */
import type { Runtime } from "../../scripts/runtimes.ts";

/**
 * Files that the runtimes take turns with, and how many of them run each in one run: the tools of
 * development, which are no part of the library; long searches on real threads, which differ by
 * their seeds from run to run anyhow; and what kills, stalls and starts most threads. Planted bugs
 * are each tried on one runtime, which their files name.
 */
export const TURNS: readonly (readonly [path: string, where: number | Runtime])[] = [
  ["test/bench", 1],
  ["test/experiments/", 1],
  ["test/runner.test.ts", 1],
  ["test/planted/planted_texts.test.ts", 1],
  ["test/planted/planted_durability_bugs.test.ts", "deno"],
  ["test/planted/planted_mnode_bugs.test.ts", "node"],
  ["test/planted/planted_opening_bugs.test.ts", "node"],
  ["test/planted/planted_standby_bugs.test.ts", "node"],
  ["test/planted/planted_start_bugs.test.ts", "node"],
  ["test/planted/", "bun"],
  ["test/cluster/real_cluster.test.ts", 1],
  ["test/cluster/cluster_agents.test.ts", 1],
  ["test/cluster/cluster_backup.test.ts", 1],
  ["test/cluster/cluster_trust.test.ts", 1],
  ["test/cluster/cluster_balance.test.ts", 1],
  ["test/cluster/cluster_processes.test.ts", 1],
  ["test/cluster/cluster_hot_key.test.ts", 1],
  ["test/cluster/cluster_large.test.ts", 1],
  ["test/cluster/large_simulation.test.ts", 1],
  ["test/cluster/cluster_chaos.test.ts", 1],
  ["test/cluster/cluster_campaign.test.ts", 1],
  ["test/demo_cluster.test.ts", 1],
  ["test/demo.test.ts", 1],
  ["test/remote/blocking_calls.test.ts", 1],
  ["test/persistence/other_runtimes.test.ts", 1],
  ["test/simulation/failovers_cells_logged.test.ts", 1],
  ["test/simulation/one_interruption.test.ts", 1],
  ["test/property/values.test.ts", 1],
  ["test/simulation/far_steps.test.ts", 1],
  ["test/unit/key_replication.test.ts", 1],
  ["test/persistence/system_call_faults.test.ts", 1],
  ["test/unit/pool_copy.test.ts", 1],
  ["test/simulation/lives.test.ts", 1],
  ["test/persistence/power_loss.test.ts", 1],
  ["test/unit/linearizability/long_histories.test.ts", 1],
  ["test/unit/cache/policies.test.ts", 1],
  ["test/unit/log_merger.test.ts", 1],
  ["test/simulation/wake_ups.test.ts", 1],
  ["test/simulation/whole_steps.test.ts", 1],
  ["test/simulation/death_in_segments.test.ts", 1],
  ["test/simulation/reads_of_reused_segments.test.ts", 1],
  ["test/remote/", 1],
  ["test/documentation.test.ts", 1],
  ["test/bundlers.test.ts", 1],
  ["test/foreign_runners.test.ts", 1],
  ["test/frameworks.test.ts", 1],
  ["test/installed.test.ts", 1],
  ["test/inspector/page.test.ts", 1],
  ["test/inspector/cluster_page.test.ts", 1],
  ["test/deno_permissions.test.ts", 1],
  ["test/jsr.test.ts", 1],
  ["test/require.test.ts", 1],
  ["test/api/hot_reload.test.ts", 1],
  ["test/persistence/read_only.test.ts", 2],
  ["test/chaos/", 1],
  ["test/outcomes/", 1],
  ["test/live/hosts.test.ts", 1],
  ["test/live/reading.test.ts", 1],
  ["test/api/cached_threads.test.ts", 1],
  ["test/api/conditional.test.ts", 1],
  ["test/api/debug_trace.test.ts", 1],
  ["test/api/departed_host.test.ts", 1],
  ["test/api/full_pool.test.ts", 1],
  ["test/api/joined_increments.test.ts", 1],
  ["test/api/kept_stores.test.ts", 1],
  ["test/api/namespaces.test.ts", 1],
  ["test/api/pipelining.test.ts", 1],
  ["test/api/process_life.test.ts", 1],
  ["test/api/reads_and_writes.test.ts", 1],
  ["test/api/scaling.test.ts", 1],
  ["test/api/statistics.test.ts", 1],
  ["test/api/transactions.test.ts", 1],
  ["test/api/undecodable.test.ts", 1],
  ["test/cli/command_line.test.ts", 2],
  ["test/cli/pipes.test.ts", 1],
  ["test/persistence/failing_calls.test.ts", 1],
  ["test/persistence/logged_hostile.test.ts", 1],
  ["test/persistence/logged_power_loss.test.ts", 1],
  ["test/simulation/death_in_tables.test.ts", 1],
  ["test/simulation/death_in_trees.test.ts", 1],
  ["test/simulation/failovers_cells.test.ts", 1],
  ["test/simulation/failovers_commits", 1],
  ["test/simulation/failovers_far.test.ts", 1],
  ["test/simulation/failovers_in_memory.test.ts", 1],
  ["test/simulation/failovers_ordered.test.ts", 1],
  ["test/simulation/failovers_sessions.test.ts", 1],
  ["test/simulation/failovers_watched.test.ts", 1],
  ["test/simulation/ordered_steps.test.ts", 1],
  ["test/simulation/reads_of_commits.test.ts", 1],
  ["test/simulation/watches.test.ts", 1],
  ["test/property/ordered_keys.test.ts", 1],
  ["test/examples.test.ts", 1],
  ["test/cli/reading.test.ts", 1],
  ["test/simulation/death_in_evictions.test.ts", 1],
  ["test/simulation/failovers_far_logged.test.ts", 1],
  ["test/simulation/failovers_logged.test.ts", 1],
  ["test/adapters/", 1],
  ["test/lock/", 1],
  ["test/queue/", 1],
  ["test/deno_kv/kv.test.ts", 1],
  ["test/property/store_model.test.ts", 1],
  ["test/api/aborting.test.ts", 1],
  ["test/api/capacity.test.ts", 1],
  ["test/api/commits.test.ts", 1],
  ["test/api/committing_threads.test.ts", 1],
  ["test/api/consistent_reads.test.ts", 1],
  ["test/api/cycles.test.ts", 1],
  ["test/api/evicting.test.ts", 1],
  ["test/api/key_types.test.ts", 1],
  ["test/api/large_pools.test.ts", 1],
  ["test/api/lives.test.ts", 1],
  ["test/api/long_keys.test.ts", 1],
  ["test/api/operation_order.test.ts", 1],
  ["test/api/ordered.test.ts", 1],
  ["test/api/ordered_threads.test.ts", 1],
  ["test/api/ordered_lives.test.ts", 1],
  ["test/api/ranges.test.ts", 1],
  ["test/property/ordered_model.test.ts", 1],
  ["test/api/picking.test.ts", 1],
  ["test/api/replication.test.ts", 1],
  ["test/api/single_flight.test.ts", 1],
  ["test/api/strict_histories.test.ts", 1],
  ["test/persistence/everything_at_once.test.ts", 1],
  ["test/persistence/hostile_snapshot.test.ts", 1],
  ["test/persistence/killed_process.test.ts", 1],
  ["test/persistence/killed_while_logging.test.ts", 1],
  ["test/persistence/snapshot_under_load.test.ts", 1],
  ["test/api/attached.test.ts", 1],
  ["test/api/watching.test.ts", 2],
  ["test/api/watching_prefixes.test.ts", 1],
  ["test/api/watching_threads.test.ts", 1],
  ["test/api/autoscaling.test.ts", 1],
  ["test/api/batches.test.ts", 2],
  ["test/api/compaction.test.ts", 1],
  ["test/api/derived.test.ts", 1],
  ["test/api/event_loop.test.ts", 1],
  ["test/api/failing_nodes.test.ts", 1],
  ["test/api/failing_processors.test.ts", 1],
  ["test/api/failover.test.ts", 1],
  ["test/api/fake_time.test.ts", 1],
  ["test/api/iteration.test.ts", 1],
  ["test/api/memory.test.ts", 1],
  ["test/api/nearly_full.test.ts", 2],
  ["test/api/reentrancy.test.ts", 1],
  ["test/api/stalled_nodes.test.ts", 1],
  ["test/api/threadless.test.ts", 1],
  ["test/cli/copying.test.ts", 1],
  ["test/cli/damage.test.ts", 1],
  ["test/persistence/durability.test.ts", 1],
  ["test/persistence/format_fixtures.test.ts", 1],
  ["test/persistence/moved_directory.test.ts", 1],
  ["test/persistence/pool_lock.test.ts", 1],
  ["test/persistence/reopening.test.ts", 1],
];

/**
 * Files that share a process with others, and begin after each other there, as a runtime takes long to
 * start and to load the library: they start no thread, and no process that they do not wait for.
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
/** So many in one process at most: a process that is broken is begun again behind what has broken it. */
const SHARED_FILES_MAX = 16;

/** What one process runs. */
export interface TestJob {
  readonly files: readonly string[];
  readonly runtime: Runtime;
}

/** On which of the runtimes a file, the n-th of its run, is run. */
export function runtimesOf(
  file: string,
  index: number,
  runtimes: readonly Runtime[],
  turn: number | undefined,
): readonly Runtime[] {
  const own = TURNS.find(([path]) => file.startsWith(path));
  if (turn === undefined || own === undefined) return runtimes;
  const where = own[1];
  if (typeof where === "string") return runtimes.filter((runtime) => runtime === where);
  const order = runtimes.map((_, i) => runtimes[(index + turn + i) % runtimes.length]!);
  return order.slice(0, where);
}

/** Whether a file shares its process with others. */
export function sharesProcess(file: string): boolean {
  return SHARED.some((path) => file.startsWith(path)) && !ALONE.includes(file);
}

/**
 * Puts together what runs in one process: files that follow each other, on one runtime. What several
 * share comes first: it takes longest, and no process is to be left alone at the end.
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
