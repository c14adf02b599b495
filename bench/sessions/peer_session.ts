/**
 * A session in this process.
 *
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { LatencyRecorder } from "../measure/latency_recorder.ts";
import type { RepetitionFigures } from "../measure/repetition.ts";
import { findPeerAdapter } from "../peers/all.ts";
import type { Dataset, Peer, PeerStore } from "../peers/peer.ts";
import { findWorkload } from "../workloads/catalogue.ts";
import { BATCH_SIZE } from "../workloads/grouped.ts";
import { KeyChooser } from "../workloads/key_chooser.ts";
import { createRandom, randomBelow } from "../workloads/random.ts";
import { type Customer, type Entry, makeKey, makeValues } from "../workloads/records.ts";
import type { WorkloadContext } from "../workloads/workload.ts";
import type { PeerDescription, Session } from "./session.ts";

/** Keys drawn for the basic workloads: four per record within these bounds; powers of two. */
const DRAW_COUNT_MIN = 1 << 14;
const DRAW_COUNT_MAX = 1 << 20;

/** Batches made beforehand; a power of two. */
const BATCH_COUNT = 16;

export class PeerSession implements Session {
  readonly peer: PeerDescription;
  readonly #loaded: Peer;
  readonly #parentDir: string;
  readonly #seed: number;
  readonly #latencies = new LatencyRecorder();
  #workDir = "";
  #context: WorkloadContext | undefined;

  private constructor(id: string, loaded: Peer, parentDir: string, seed: number) {
    const { name, version, supports } = loaded;
    this.peer = { id, name, version, supports };
    this.#loaded = loaded;
    this.#parentDir = parentDir;
    this.#seed = seed;
  }

  /** Loads the peer; rejects with the reason if it cannot run here. */
  static async start(id: string, parentDir: string, seed: number): Promise<PeerSession> {
    return new PeerSession(id, await findPeerAdapter(id).load(), parentDir, seed);
  }

  async open(dataset: Dataset): Promise<void> {
    this.#workDir = mkdtempSync(join(this.#parentDir, `${this.peer.id}-`));
    const store = await this.#loaded.open(this.#workDir, dataset);
    this.#context = createContext(store, dataset, this.#seed, this.#latencies);
    await load(store, dataset.keyCount, this.#context.values);
  }

  run(workloadId: string, durationMs: number): Promise<RepetitionFigures> {
    return findWorkload(workloadId).run(this.#openContext(), durationMs);
  }

  async close(): Promise<void> {
    const { store } = this.#openContext();
    this.#context = undefined;
    await store.close();
    rmSync(this.#workDir, { recursive: true, force: true });
  }

  async end(): Promise<void> {
    if (this.#context !== undefined) await this.close();
  }

  #openContext(): WorkloadContext {
    if (this.#context === undefined) throw new Error(`${this.peer.id}: no open store`);
    return this.#context;
  }
}

function createContext(
  store: PeerStore,
  dataset: Dataset,
  seed: number,
  latencies: LatencyRecorder,
): WorkloadContext {
  const { keyCount, keyCountMax, valueBytes } = dataset;
  const random = createRandom(seed);
  const values = makeValues(seed, valueBytes);
  const keys = drawKeys(keyCount, () => randomBelow(random, keyCount));
  const batches = Array.from(
    { length: BATCH_COUNT },
    (_, batch) =>
      Array.from({ length: BATCH_SIZE }, (_, i): Entry => {
        const position = batch * BATCH_SIZE + i;
        return [keys[position & (keys.length - 1)], values[position & (values.length - 1)]];
      }),
  );
  let keyChooser: KeyChooser | undefined;
  return {
    store,
    keys,
    values,
    batches,
    get keyChooser() {
      return keyChooser ??= new KeyChooser(random, keyCount, keyCountMax);
    },
    latencies,
    cursor: 0,
  };
}

function drawKeys(keyCount: number, drawIndex: () => number): string[] {
  let length = DRAW_COUNT_MIN;
  while (length < DRAW_COUNT_MAX && length < 4 * keyCount) length *= 2;
  return Array.from({ length }, () => makeKey(drawIndex()));
}

async function load(store: PeerStore, keyCount: number, values: readonly Customer[]) {
  for (let start = 0; start < keyCount; start += BATCH_SIZE) {
    const length = Math.min(BATCH_SIZE, keyCount - start);
    await store.putMany(
      Array.from({ length }, (_, i): Entry => {
        const index = start + i;
        return [makeKey(index), values[index & (values.length - 1)]];
      }),
    );
  }
}
