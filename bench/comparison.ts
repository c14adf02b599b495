/**
 * The comparison: runs the sections that were asked for and gathers their figures.
 *
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { measureMemory } from "./dinomo/memory.ts";
import { measureScaleUnderLoad } from "./dinomo/scale_under_load.ts";
import { describeEnvironment } from "./environment.ts";
import { type Options, type Plan, PLANS, selectById, selectSections } from "./options.ts";
import { BASELINE_PEER_ID, DINOMO_PEER_ID, PEER_ADAPTERS } from "./peers/all.ts";
import { type Results, RESULTS_FORMAT } from "./report/results.ts";
import { SessionGroup } from "./sessions/group.ts";
import { PeerSession } from "./sessions/peer_session.ts";
import { RemoteSession } from "./sessions/remote_session.ts";
import { BASIC_WORKLOADS, findWorkload, YCSB_WORKLOADS } from "./workloads/catalogue.ts";
import { VALUE_BYTES_LARGE, VALUE_BYTES_SMALL } from "./workloads/records.ts";

/** YCSB D inserts: room for as many records again as were loaded. */
const YCSB_GROWTH_FACTOR = 2;

const GROWTH_PEER_IDS = [DINOMO_PEER_ID, BASELINE_PEER_ID];
const GROWTH_WORKLOADS = ["get-sync", "put-sync", "put-batch"].map(findWorkload);

/** Everything that the sections work with. */
interface Run {
  options: Options;
  plan: Plan;
  results: Results;
  parentDir: string;
  progress(line: string): void;
}

export async function compare(
  options: Options,
  progress: (line: string) => void,
): Promise<Results> {
  const parentDir = mkdtempSync(join(options.dir, "dinomo-bench-"));
  const results: Results = {
    format: RESULTS_FORMAT,
    environment: describeEnvironment(),
    size: options.size,
    seed: options.seed,
    startedAt: new Date().toISOString(),
    peers: [],
    rows: [],
    omissions: [],
  };
  const run: Run = { options, plan: PLANS[options.size], results, parentDir, progress };
  const sections = selectSections(options.only);
  try {
    if (sections.has("basic") || sections.has("ycsb")) await comparePeers(run, sections);
    if (sections.has("growth")) await measureGrowth(run);
    if (sections.has("scale")) {
      progress("scale: adding a KN and removing it under full load");
      results.scale = await measureScaleUnderLoad(run.plan.scalePhaseMs);
    }
    if (sections.has("memory")) {
      progress("memory: empty stores, and what a record adds");
      results.memory = await measureMemory(run.plan);
    }
  } finally {
    rmSync(parentDir, { recursive: true, force: true });
  }
  return results;
}

async function comparePeers(run: Run, sections: Set<string>): Promise<void> {
  const { options: { only }, plan, results, progress } = run;
  const peers = selectById(PEER_ADAPTERS, only).map((adapter) => adapter.id);
  await withSessions(run, peers, async (group) => {
    if (sections.has("basic")) {
      const workloads = selectById(BASIC_WORKLOADS, only);
      for (const valueBytes of [VALUE_BYTES_SMALL, VALUE_BYTES_LARGE]) {
        const dataset = { keyCount: plan.keyCount, keyCountMax: plan.keyCount, valueBytes };
        results.rows.push(...await group.measure("basic", dataset, workloads, plan, progress));
      }
    }
    if (sections.has("ycsb")) {
      const workloads = selectById(YCSB_WORKLOADS, only);
      const keyCountMax = plan.keyCount * YCSB_GROWTH_FACTOR;
      const dataset = { keyCount: plan.keyCount, keyCountMax, valueBytes: VALUE_BYTES_LARGE };
      results.rows.push(...await group.measure("ycsb", dataset, workloads, plan, progress));
    }
  });
}

/** How the cost of an operation grows with the number of records. */
async function measureGrowth(run: Run): Promise<void> {
  const { options, plan, results, progress } = run;
  const candidates = PEER_ADAPTERS.filter(({ id }) => GROWTH_PEER_IDS.includes(id));
  const peers = selectById(candidates, options.only).map((adapter) => adapter.id);
  for (const keyCount of plan.growthKeyCounts) {
    const dataset = { keyCount, keyCountMax: keyCount, valueBytes: VALUE_BYTES_SMALL };
    await withSessions(run, peers, async (group) => {
      results.rows.push(
        ...await group.measure("growth", dataset, GROWTH_WORKLOADS, plan, progress),
      );
    });
  }
}

async function withSessions(
  { options: { seed }, plan, results, parentDir }: Run,
  peers: string[],
  action: (group: SessionGroup) => Promise<void>,
): Promise<void> {
  const start = (peer: string) =>
    (plan.isolated ? RemoteSession : PeerSession).start(peer, parentDir, seed);
  const group = await SessionGroup.start(peers, start);
  results.peers.push(
    ...group.peers.filter(({ id }) => results.peers.every((known) => known.id !== id)),
  );
  try {
    await action(group);
  } finally {
    await group.end();
    const known = new Set(results.omissions.map((omission) => JSON.stringify(omission)));
    results.omissions.push(
      ...group.omissions.filter((omission) => !known.has(JSON.stringify(omission))),
    );
  }
}
