/**
 * Dinomo in virtual time: the real KNs over one real pool, the real assignment of slots, and threads, links and DPM processors that are
 * modelled. Each KN's log is merged by one DPM processor at a time, in order.
 *
 * @module
 */
import type { NodeId, Slot } from "../../../../lib/core/brands.ts";
import { MERGE_STEP_RECORDS, SLOT_COUNT } from "../../../../lib/core/limits.ts";
import { geometryOf } from "../../../../lib/pool/geometry.ts";
import { defaultBacklogBytes, placeFar } from "../../../../lib/pool/placement.ts";
import { Pool } from "../../../../lib/pool/pool.ts";
import { Status } from "../../../../lib/rings/ring_layout.ts";
import { initialiseOwner, loadOwner, ownerOf } from "../../../../lib/routing/ownership.ts";
import { assignSlots } from "../../../../lib/routing/virtual_node_ring.ts";
import { PARKED, type Process, type Simulation } from "../../kernel/simulation.ts";
import { Station } from "../../kernel/station.ts";
import { COSTS } from "../../model/costs.ts";
import type { Fabric } from "../../model/fabric.ts";
import { OperationKind } from "../../workload/mix.ts";
import { noCounts, type Operation, type Resource, type SystemCounts, type SystemUnderTest } from "../system.ts";
import { type CacheOfNode, RealNode, type StepMeter } from "./real_node.ts";
import { KeyNumbers, recordBytesOf } from "./request_sender.ts";
import { VirtualNode } from "./virtual_node.ts";

const REQUEST_BYTES = 64;
/** Any two words: the experiments are the same in every run. */
const HASH_KEY = [0x64696e6f, 0x6d6f2121] as const;
const SEGMENT_BYTES = 1 << 20;
/** A client's time in milliseconds; nothing expires. */
const clock = () => 0;

/** What a deployment of Dinomo consists of. */
export interface DinomoOptions {
  readonly name: string;
  readonly nodeCount: number;
  readonly keyCount: number;
  readonly valueBytes: number;
  /** Records that will be written beside the first of each key, at most: there is room for all of them, and nothing is cleaned. */
  readonly writeCountMax: number;
  readonly cache: CacheOfNode;
}

/** A KN, and the process that merges its log. */
interface Member {
  readonly node: VirtualNode;
  /** The merging process, while there is nothing to merge. */
  idleMerger: Process | undefined;
}

/** Dinomo. */
export class Dinomo implements SystemUnderTest {
  readonly name: string;
  readonly pool: Pool;
  readonly #simulation: Simulation;
  readonly #fabric: Fabric;
  readonly #options: DinomoOptions;
  readonly #keys: KeyNumbers;
  readonly #members = new Map<NodeId, Member>();
  readonly #dpmProcessors: Station;
  #counts = noCounts();

  constructor(simulation: Simulation, fabric: Fabric, options: DinomoOptions) {
    this.#simulation = simulation;
    this.#fabric = fabric;
    this.#options = options;
    this.name = options.name;
    this.#dpmProcessors = new Station(simulation, "DPM processors", COSTS.dpmProcessors.value);
    const { keyCount, writeCountMax, valueBytes, nodeCount } = options;
    const recordCount = keyCount + writeCountMax;
    const bytes = recordCount * recordBytesOf(valueBytes) + (4 * nodeCount + 16) * SEGMENT_BYTES;
    this.pool = Pool.create(geometryOf(bytes * 1.25, SEGMENT_BYTES), HASH_KEY);
    placeFar(this.pool, defaultBacklogBytes(bytes, SEGMENT_BYTES));
    this.#keys = new KeyNumbers(this.pool);
    const nodes = Array.from({ length: nodeCount }, (_, number) => this.#addMember(number));
    const owners = assignSlots(nodes);
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      initialiseOwner(this.pool, slot as Slot, owners[slot]);
    }
    this.#load();
  }

  get counts(): Readonly<SystemCounts> {
    return this.#counts;
  }

  get resources(): Resource[] {
    const { dpm } = this.#fabric;
    const threads = [...this.#members.values()].flatMap(({ node }) => node.threads);
    const sum = threads.reduce((total, { utilization }) => total + utilization, 0);
    const all = { name: "KN threads", utilization: sum / threads.length };
    return [dpm.incoming, dpm.outgoing, this.#dpmProcessors, all, ...threads];
  }

  resetCounts(): void {
    this.#counts = noCounts();
    this.#fabric.dpm.reset();
    this.#dpmProcessors.reset();
    for (const { node } of this.#members.values()) node.reset();
  }

  *execute(operation: Operation): Process {
    const isRead = operation.kind === OperationKind.READ;
    const { valueBytes } = this.#options;
    const slot = this.#keys.encode(operation.key);
    for (;;) {
      const { node } = this.#members.get(ownerOf(loadOwner(this.pool, slot)))!;
      yield* this.#fabric.fromClient(node.port, REQUEST_BYTES + (isRead ? 0 : valueBytes));
      const status = yield* node.execute(operation, slot);
      yield* this.#fabric.toClient(node.port, REQUEST_BYTES + (isRead ? valueBytes : 0));
      if (status !== Status.MOVED) return;
    }
  }

  #addMember(number: number): NodeId {
    const nodeId = number as NodeId;
    const { valueBytes, cache } = this.#options;
    const { pool } = this;
    const keys = this.#keys;
    const real = new RealNode({ pool, keys, nodeId, agent: number, valueBytes, cache, clock });
    const onStep = (meter: StepMeter) => this.#noteStep(member, meter);
    const node = new VirtualNode(this.#simulation, this.#fabric, real, onStep);
    const member: Member = { node, idleMerger: undefined };
    this.#members.set(nodeId, member);
    this.#simulation.start(this.#merge(member));
    return nodeId;
  }

  /** Writes the first record of every key, before time begins. */
  #load(): void {
    for (let key = 0; key < this.#options.keyCount; key++) {
      const slot = this.#keys.encode(key);
      const { real } = this.#members.get(ownerOf(loadOwner(this.pool, slot)))!.node;
      real.send({ kind: OperationKind.INSERT, key });
      real.step(() => {});
      if (real.unmergedCount >= MERGE_STEP_RECORDS) real.merger.doWork();
    }
    for (const { node: { real } } of this.#members.values()) {
      while (real.merger.hasWork) real.merger.doWork();
    }
  }

  #noteStep(member: Member, meter: StepMeter): void {
    const counts = this.#counts;
    counts.operations += meter.gets + meter.puts;
    counts.roundTrips += meter.roundTrips;
    counts.reads += meter.gets;
    counts.valueHits += meter.valueHits + meter.logHits;
    counts.shortcutHits += meter.shortcutHits;
    const { idleMerger } = member;
    if (idleMerger === undefined || member.node.real.unmergedCount === 0) return;
    member.idleMerger = undefined;
    this.#simulation.start(idleMerger);
  }

  /** Merges the log of one KN as DPM processors become free for it. */
  *#merge(member: Member): Process {
    const { real } = member.node;
    for (;;) {
      const count = Math.min(real.unmergedCount, MERGE_STEP_RECORDS);
      if (count === 0) {
        member.idleMerger = this.#simulation.current;
        yield PARKED;
        continue;
      }
      yield this.#dpmProcessors.serve(count * COSTS.mergeUs.value);
      real.merger.doWork();
      member.node.noteMerge();
    }
  }
}
