/**
 * Clover (Tsai, Shan, Zhang, "Disaggregating Persistent Memory and Controlling Them Remotely", ATC
 * '20): every KN may read and write every key, and caches where records are, not what they say.
 * What it cached goes stale when another KN writes.
 *
 * A model of its protocol, in virtual time, after the code that the authors of DINOMO measured
 * (utsaslab/dinomo, src/kvs/clover, which is WukLab/pDPM with other sizes):
 *
 * - **read**: the cached version, or on a miss one asked for from the metadata server, is read
 *   whole, and the key's shortcut at the same time: one round trip (RT). If it is not the newest,
 *   the shortcut is followed if it points elsewhere, else the next version of the chain; one RT for
 *   each hop, and the whole record each time. If a buffer on the way has been recycled, the
 *   metadata server is asked (`mitsume_tool_pointer_chasing`).
 * - **update**: the new version is written to a free buffer (one RT), then linked behind the newest
 *   by a compare-and-swap on that (one RT). If the swap fails, the chain is walked as in a read,
 *   but by headers, and the swap tried again (`mitsume_tool_write`).
 * - **insert**: the record is written (one RT), and the metadata server told (one RT).
 * - Free buffers come from the metadata server, 16 at a time.
 * - **background**: one thread of each KN takes up to 16 updates, moves their shortcuts (one RT),
 *   and tells the metadata server (one RT), whose workers enter them in its tables and whose
 *   collectors recycle the buffers, 64 at a time, after a sleep of two RTs.
 *
 * Left out, all in Clover's favour: the barriers of its epochs, which come once in 254 reuses of a
 * buffer; the port of the metadata server; the cost of the compare-and-swap for the NIC over that
 * of a write; replication. Its caches forget what was not used for longest instead of what is
 * oldest, and the shortcut takes the newest version of a batch instead of the first.
 *
 * @module
 */
import { Fifo } from "../../kernel/fifo.ts";
import { PARKED, type Process, type Simulation, type Task } from "../../kernel/simulation.ts";
import { Workers } from "../../kernel/workers.ts";
import { COSTS } from "../../model/costs.ts";
import { type Fabric, Port } from "../../model/fabric.ts";
import { type Random, randomBelow } from "../../../workloads/random.ts";
import { OperationKind } from "../../workload/mix.ts";
import { noCounts, type Operation, type SystemCounts, type SystemUnderTest } from "../system.ts";
import { Chains } from "./chains.ts";
import { MetadataServer, type MetadataThreads } from "./metadata_server.ts";
import { ShortcutCache } from "./shortcut_cache.ts";

/** Constants of include/clover/mitsume_parameter.h. */
const BUFFERS_PER_REQUEST = 16;
const UPDATES_PER_BATCH = 16;
/**
 * Of a free list that is found empty, until it is asked again
 * (MITSUME_CLT_GET_ENTRY_RETRY_TIMEOUT).
 */
const RETRY_US = 10;
/**
 * A pointer, which is all there is in a header without replication, or in a shortcut; what a
 * compare-and-swap sends.
 */
const POINTER_BYTES = 8;
const REQUEST_BYTES = 64;

/** What a deployment of Clover consists of. */
export interface CloverOptions {
  readonly nodeCount: number;
  readonly keyCount: number;
  readonly keyCountMax: number;
  readonly valueBytes: number;
  readonly cacheEntries: number;
  readonly spareBuffers: number;
  readonly metadataThreads: MetadataThreads;
  readonly random: Random;
}

/** An update whose shortcut has not been moved yet. */
interface Update {
  readonly key: number;
  readonly version: number;
}

class CloverNode {
  readonly port: Port;
  readonly threads: Workers;
  readonly cache: ShortcutCache;
  readonly updates = new Fifo<Update>();
  freeBuffers = 0;
  /** The background thread, while it has nothing to do. */
  idle: Process | undefined;

  constructor(simulation: Simulation, number: number, cacheEntries: number) {
    this.port = new Port(simulation, `KN ${number} link`);
    this.threads = new Workers(simulation, "KN threads", COSTS.threadsPerNode.value);
    this.cache = new ShortcutCache(cacheEntries);
  }
}

/** Clover, with any number of KNs. */
export class Clover implements SystemUnderTest {
  readonly #simulation: Simulation;
  readonly #fabric: Fabric;
  readonly #options: CloverOptions;
  readonly #chains: Chains;
  readonly #metadata: MetadataServer;
  readonly #nodes: CloverNode[];
  readonly #recordBytes: number;
  #counts = noCounts();

  constructor(simulation: Simulation, fabric: Fabric, options: CloverOptions) {
    this.#simulation = simulation;
    this.#fabric = fabric;
    this.#options = options;
    this.#recordBytes = options.valueBytes + POINTER_BYTES;
    this.#chains = new Chains(options.keyCountMax, options.spareBuffers);
    this.#metadata = new MetadataServer(simulation, this.#chains, options.metadataThreads);
    this.#nodes = Array.from(
      { length: options.nodeCount },
      (_, number) => new CloverNode(simulation, number, options.cacheEntries),
    );
    for (const node of this.#nodes) simulation.start(this.#moveShortcuts(node));
  }

  get counts(): Readonly<SystemCounts> {
    return this.#counts;
  }

  get resources(): SystemUnderTest["resources"] {
    const { dpm } = this.#fabric;
    const threads = this.#nodes.map((node) => node.threads);
    return [dpm.incoming, dpm.outgoing, ...this.#metadata.resources, ...threads];
  }

  resetCounts(): void {
    this.#counts = noCounts();
    this.#fabric.dpm.reset();
    this.#metadata.reset();
    for (const { port, threads } of this.#nodes) {
      port.reset();
      threads.reset();
    }
  }

  *execute({ kind, key }: Operation): Process {
    const node = this.#nodes[randomBelow(this.#options.random, this.#nodes.length)];
    const isRead = kind === OperationKind.READ;
    const valueBytes = this.#options.valueBytes;
    yield* this.#fabric.fromClient(node.port, REQUEST_BYTES + (isRead ? 0 : valueBytes));
    yield* node.threads.take();
    yield this.#simulation.nowUs + COSTS.shortcutReadUs.value;
    if (isRead) yield* this.#read(node, key);
    else if (kind === OperationKind.UPDATE) yield* this.#update(node, key);
    else yield* this.#insert(node, key);
    node.threads.give();
    this.#counts.operations += 1;
    yield* this.#fabric.toClient(node.port, REQUEST_BYTES + (isRead ? valueBytes : 0));
  }

  *#read(node: CloverNode, key: number): Process {
    const cached = node.cache.find(key);
    this.#counts.reads += 1;
    if (cached >= 0) this.#counts.shortcutHits += 1;
    const version = cached >= 0 ? cached : yield* this.#ask(key);
    const newest = yield* this.#walk(node, key, version, this.#recordBytes);
    if (newest !== cached) node.cache.keep(key, newest);
  }

  *#update(node: CloverNode, key: number): Process {
    const cached = node.cache.find(key);
    let version = cached >= 0 ? cached : yield* this.#ask(key);
    yield* this.#allocate(node);
    yield* this.#write(node, this.#recordBytes, () => {});
    while (!(yield* this.#swap(node, key, version))) {
      version = yield* this.#walk(node, key, version, POINTER_BYTES);
    }
    node.cache.keep(key, version + 1);
    node.updates.push({ key, version });
    const { idle } = node;
    node.idle = undefined;
    if (idle !== undefined) this.#simulation.start(idle);
  }

  *#insert(node: CloverNode, key: number): Process {
    yield* this.#allocate(node);
    yield* this.#write(node, this.#recordBytes, () => {});
    this.#counts.roundTrips += 1;
    yield* this.#metadata.request();
    node.cache.keep(key, 0);
  }

  /** From a version to the newest; reads so many bytes of each on the way. */
  *#walk(node: CloverNode, key: number, from: number, bytes: number): Task<number> {
    const chains = this.#chains;
    let version = from;
    let seesShortcut = true;
    for (;;) {
      let isNewest = false;
      let isOverwritten = false;
      let shortcut = version;
      this.#counts.roundTrips += 1;
      yield* this.#fabric.read(node.port, bytes, () => {
        isOverwritten = chains.isOverwritten(key, version);
        isNewest = !isOverwritten && chains.isNewest(key, version);
        if (!seesShortcut) return;
        shortcut = chains.shortcutOf(key);
        this.#fabric.dpm.outgoing.serve(COSTS.readVerbUs.value);
      });
      if (isNewest) return version;
      if (shortcut !== version) version = shortcut;
      else if (isOverwritten) version = yield* this.#ask(key);
      else version += 1;
      seesShortcut = false;
    }
  }

  *#swap(node: CloverNode, key: number, version: number): Task<boolean> {
    let isSwapped = false;
    yield* this.#write(node, POINTER_BYTES, () => {
      const isThere = !this.#chains.isOverwritten(key, version);
      isSwapped = isThere && this.#chains.tryAppend(key, version);
    });
    return isSwapped;
  }

  *#write(node: CloverNode, bytes: number, atDpm: () => void): Process {
    this.#counts.roundTrips += 1;
    yield* this.#fabric.write(node.port, bytes, atDpm);
  }

  /** Asks the metadata server where a key's record is. */
  *#ask(key: number): Task<number> {
    this.#counts.roundTrips += 1;
    yield* this.#metadata.request();
    return this.#chains.knownOf(key);
  }

  *#allocate(node: CloverNode): Process {
    while (node.freeBuffers === 0) {
      this.#counts.roundTrips += 1;
      yield* this.#metadata.request();
      for (let i = 0; i < BUFFERS_PER_REQUEST && this.#chains.allocate(); i++) {
        node.freeBuffers += 1;
      }
      if (node.freeBuffers === 0) yield this.#simulation.nowUs + RETRY_US;
    }
    node.freeBuffers -= 1;
  }

  /** The background thread of a KN. */
  *#moveShortcuts(node: CloverNode): Process {
    const batch: Update[] = [];
    for (;;) {
      batch.length = 0;
      while (batch.length < UPDATES_PER_BATCH && node.updates.size > 0) {
        batch.push(node.updates.shift()!);
      }
      if (batch.length === 0) {
        node.idle = this.#simulation.current;
        yield PARKED;
        continue;
      }
      const bytes = new Set(batch.map(({ key }) => key)).size * POINTER_BYTES;
      yield* this.#fabric.write(node.port, bytes, () => {
        for (const { key, version } of batch) this.#chains.moveShortcut(key, version + 1);
      });
      yield* this.#metadata.collect(batch);
    }
  }
}
