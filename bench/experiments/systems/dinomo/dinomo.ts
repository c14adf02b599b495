/**
 * Dinomo in virtual time: the real KNs over one real pool, the real assignment and moves of slots;
 * threads, links and DPM processors are modelled. Each KN's log is merged by one DPM processor at a
 * time, in order.
 *
 * A change of the set of KNs moves slots in groups: each is taken from its owner, then DPM
 * processors merge what that one has logged, then each is given to its new owner. To swap a slot's
 * word costs the M-node one round trip, and one slot comes after the other.
 *
 * @module
 */
import type { NodeId, OwnerWord, PoolAddress, Slot } from "../../../../lib/core/brands.ts";
import { MERGE_STEP_RECORDS, NODE_COUNT_MAX, SLOT_COUNT } from "../../../../lib/core/limits.ts";
import { isMergedUpTo, loggedEnd } from "../../../../lib/far/log/log_merger.ts";
import { FarMoves } from "../../../../lib/far/mnode/far_moves.ts";
import { geometryOf } from "../../../../lib/pool/geometry.ts";
import { defaultBacklogBytes, placeFar } from "../../../../lib/pool/placement.ts";
import { Pool } from "../../../../lib/pool/pool.ts";
import { Status } from "../../../../lib/rings/ring_layout.ts";
import { chooseOwner, isCellWord } from "../../../../lib/routing/cells.ts";
import { NodeState, setNode } from "../../../../lib/routing/node_directory.ts";
import { initialiseOwner, loadOwner, ownerOf } from "../../../../lib/routing/ownership.ts";
import { assignSlots } from "../../../../lib/routing/virtual_node_ring.ts";
import { PARKED, type Process, type Simulation } from "../../kernel/simulation.ts";
import { Station } from "../../kernel/station.ts";
import { COSTS } from "../../model/costs.ts";
import type { Fabric } from "../../model/fabric.ts";
import { OperationKind } from "../../workload/mix.ts";
import {
  type ElasticSystem,
  noCounts,
  type Operation,
  type Resource,
  type SystemCounts,
} from "../system.ts";
import { CellLocks } from "./cell_locks.ts";
import { KeySharing, type SharingPolicy } from "./key_sharing.ts";
import { type CacheOfNode, RealNode, type StepMeter } from "./real_node.ts";
import { KeyNumbers, recordBytesOf } from "./request_sender.ts";
import { FAILED, VirtualNode } from "./virtual_node.ts";

const REQUEST_BYTES = 64;
/** Any two words: the experiments are the same in every run. */
const HASH_KEY = [0x64696e6f, 0x6d6f2121] as const;
const SEGMENT_BYTES = 1 << 20;
/** Segments that a KN may have begun and not filled. */
const SEGMENTS_PER_NODE = 4;
/** Slots that are taken before the first of them is given: each waits for the others. */
const MOVES_PER_GROUP = 16;
/** The records' time in milliseconds; nothing expires. */
const clock = () => 0;

/** What a deployment of Dinomo consists of. */
export interface DinomoOptions {
  readonly nodeCount: number;
  readonly keyCount: number;
  readonly valueBytes: number;
  /**
   * Records that will be written beside the first of each key, at most: there is room for all of
   * them, and nothing is cleaned.
   */
  readonly writeCountMax: number;
  readonly cache: CacheOfNode;
  /** Which keys are in this pool. @default all */
  readonly holds?: (key: number) => boolean;
  /** When keys are shared by several KNs. @default never */
  readonly sharing?: SharingPolicy;
}

/** A KN, and the process that merges its log. */
interface Member {
  readonly node: VirtualNode;
  /** The merging process, while there is nothing to merge. */
  idleMerger: Process | undefined;
}

/** Dinomo. */
export class Dinomo implements ElasticSystem {
  readonly #simulation: Simulation;
  readonly #fabric: Fabric;
  readonly #options: DinomoOptions;
  readonly #pool: Pool;
  readonly #keys: KeyNumbers;
  readonly #moves: FarMoves;
  readonly #cells = new CellLocks();
  readonly #sharing: KeySharing | undefined;
  /** Every KN that there has been, by identity, which is the number of its agent block, too. */
  readonly #members: Member[] = [];
  /** KNs that slots are assigned to. */
  #active: NodeId[] = [];
  /** By slot: clients that wait until it has an owner. */
  readonly #held = new Map<Slot, Process[]>();
  readonly #dpmProcessors: Station;
  #counts = noCounts();
  /** Counts requests of keys that several KNs own, each of which goes to another owner. */
  #choice = 0;

  constructor(
    simulation: Simulation,
    fabric: Fabric,
    options: DinomoOptions,
    dpmProcessors = makeDpmProcessors(simulation),
  ) {
    this.#simulation = simulation;
    this.#fabric = fabric;
    this.#options = options;
    this.#dpmProcessors = dpmProcessors;
    const { keyCount, writeCountMax, valueBytes, nodeCount } = options;
    const segments = SEGMENTS_PER_NODE * NODE_COUNT_MAX;
    const bytes = (keyCount + writeCountMax) * recordBytesOf(valueBytes) + segments * SEGMENT_BYTES;
    // A segment is not filled to its end, and puts are admitted up to a share of all bytes.
    this.#pool = Pool.create(geometryOf(bytes * 1.25, SEGMENT_BYTES), HASH_KEY);
    placeFar(this.#pool, defaultBacklogBytes(bytes, SEGMENT_BYTES));
    this.#keys = new KeyNumbers(this.#pool);
    this.#moves = new FarMoves({ pool: this.#pool, agentOf: (node) => node, clock });
    for (let i = 0; i < nodeCount; i++) this.#addMember();
    const owners = assignSlots(this.#active);
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      initialiseOwner(this.#pool, slot as Slot, owners[slot]);
    }
    this.#load();
    this.#sharing = options.sharing && this.#shareKeys(options.sharing, owners);
  }

  get counts(): Readonly<SystemCounts> {
    return this.#counts;
  }

  get resources(): Resource[] {
    const { dpm } = this.#fabric;
    const nodes = this.nodeUtilizations;
    const mean = nodes.reduce((sum, utilization) => sum + utilization, 0) / nodes.length;
    const all = { name: "KN threads", utilization: mean, isWaiting: true };
    return [dpm.incoming, dpm.outgoing, this.#dpmProcessors, all, ...this.#threads];
  }

  /** The share of its time that each KN's threads are busy. */
  get nodeUtilizations(): number[] {
    return this.#active.map((node) => {
      const { threads } = this.#members[node].node;
      return threads.reduce((sum, { utilization }) => sum + utilization, 0) / threads.length;
    });
  }

  /** The same of each thread. */
  get threadUtilizations(): number[] {
    return this.#threads.map(({ utilization }) => utilization);
  }

  resetCounts(): void {
    this.#counts = noCounts();
    this.#fabric.dpm.reset();
    this.#dpmProcessors.reset();
    for (const { node } of this.#members) node.reset();
  }

  *execute(operation: Operation): Process {
    const beganUs = this.#simulation.nowUs;
    const { kind, key } = operation;
    const isRead = kind === OperationKind.READ;
    const { valueBytes } = this.#options;
    for (;;) {
      const slot = this.#keys.encode(key);
      const route = this.#keys.route(key);
      const member = this.#memberOf(route);
      if (member === undefined) {
        yield* this.#hold(slot);
        continue;
      }
      const { node } = member;
      yield* this.#fabric.fromClient(node.port, REQUEST_BYTES + (isRead ? 0 : valueBytes));
      // Whoever has failed meanwhile, and lost the slot, would never say so.
      if (node.hasFailed && this.#memberOf(this.#keys.route(key)) !== member) continue;
      const status = yield* node.execute(operation, slot, isCellWord(route));
      if (status === FAILED) continue;
      yield* this.#fabric.toClient(node.port, REQUEST_BYTES + (isRead ? valueBytes : 0));
      if (status !== Status.MOVED) break;
    }
    this.#sharing?.count(key, isRead, this.#simulation.nowUs - beganUs);
  }

  *addNodes(count: number): Process {
    for (let i = 0; i < count; i++) this.#addMember();
    yield* this.#rebalance();
  }

  *removeNodes(count: number): Process {
    this.#active = this.#active.slice(0, -count);
    yield* this.#rebalance();
  }

  *failNode(detectionUs: number): Process {
    const failed = this.#active.pop()!;
    const member = this.#members[failed];
    member.node.fail();
    // What it has logged is merged, also by the step that it did not end.
    this.#wakeMerger(member);
    yield this.#simulation.nowUs + detectionUs;
    yield* this.#rebalance();
  }

  /**
   * What it takes to move slots that have been taken, beside merging; nothing here, as there is
   * nothing to copy.
   */
  protected *copy(_slots: readonly Slot[], _to: readonly NodeId[]): Process {}

  /** The link of a KN, its clients' and the DPM's. */
  protected portOf(node: NodeId): VirtualNode["port"] {
    return this.#members[node].node.port;
  }

  /** Threads of the DPM. */
  protected get dpmProcessors(): Station {
    return this.#dpmProcessors;
  }

  /** By key: how many KNs own those that several own. */
  get keyOwners(): ReadonlyMap<number, number> {
    return this.#sharing?.owners ?? new Map();
  }

  /** The KN that a request is sent to by a route; undefined while nobody owns the slot. */
  #memberOf(route: OwnerWord): Member | undefined {
    const node = isCellWord(route)
      ? chooseOwner(this.#pool, route, this.#choice++)
      : ownerOf(route);
    return this.#members[node];
  }

  #shareKeys(policy: SharingPolicy, owners: readonly NodeId[]): KeySharing {
    const simulation = this.#simulation;
    let seenUs = simulation.nowUs;
    const seenBusyUs: number[] = [];
    const sharing = new KeySharing({
      simulation,
      pool: this.#pool,
      keys: this.#keys,
      moves: this.#moves,
      policy,
      nodes: () => this.#active,
      assignedTo: (slot) => owners[slot]!,
      occupancies: () => {
        const elapsedUs = simulation.nowUs - seenUs;
        seenUs = simulation.nowUs;
        return this.#active.map((node) => {
          const { threads } = this.#members[node].node;
          const busyUs = threads.reduce((sum, thread) => sum + thread.busyUs, 0);
          const before = seenBusyUs[node] ?? 0;
          seenBusyUs[node] = busyUs;
          return { node, occupancy: (busyUs - before) / elapsedUs / threads.length };
        });
      },
    });
    simulation.start(sharing.run());
    return sharing;
  }

  get #threads() {
    return this.#active.flatMap((node) => this.#members[node].node.threads);
  }

  #addMember(): void {
    const nodeId = this.#members.length as NodeId;
    const { valueBytes, cache } = this.#options;
    const pool = this.#pool;
    const keys = this.#keys;
    const real = new RealNode({ pool, keys, nodeId, agent: nodeId, valueBytes, cache, clock });
    const onStep = (meter: StepMeter) => this.#noteStep(member, meter);
    setNode(pool, nodeId, nodeId, NodeState.ACTIVE);
    const node = new VirtualNode(this.#simulation, this.#fabric, this.#cells, real, onStep);
    const member: Member = { node, idleMerger: undefined };
    this.#members.push(member);
    this.#active.push(nodeId);
    this.#simulation.start(this.#merge(member));
  }

  /** Writes the first record of every key, before time begins. */
  #load(): void {
    const { keyCount, holds = () => true } = this.#options;
    for (let key = 0; key < keyCount; key++) {
      if (!holds(key)) continue;
      const slot = this.#keys.encode(key);
      const { real } = this.#members[ownerOf(loadOwner(this.#pool, slot))].node;
      real.send({ kind: OperationKind.INSERT, key });
      real.step(() => {});
      if (real.unmergedCount >= MERGE_STEP_RECORDS) real.merge();
    }
    for (const { node: { real } } of this.#members) {
      while (real.unmergedCount > 0) real.merge();
    }
  }

  #noteStep(member: Member, meter: StepMeter): void {
    const counts = this.#counts;
    counts.operations += meter.gets + meter.puts;
    counts.roundTrips += meter.roundTrips;
    counts.writeRoundTrips += meter.writes;
    counts.reads += meter.gets;
    counts.valueHits += meter.valueHits + meter.logHits;
    counts.shortcutHits += meter.shortcutHits;
    this.#wakeMerger(member);
  }

  #wakeMerger(member: Member): void {
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
      real.merge();
      member.node.noteMerge();
    }
  }

  /** Moves the slots to whom they are assigned. */
  *#rebalance(): Process {
    const owners = assignSlots(this.#active);
    const moving: Slot[] = [];
    owners.forEach((owner, slot) => {
      if (ownerOf(loadOwner(this.#pool, slot as Slot)) !== owner) moving.push(slot as Slot);
    });
    while (moving.length > 0) {
      const group = moving.splice(0, MOVES_PER_GROUP);
      yield* this.#move(group, group.map((slot) => owners[slot]));
    }
  }

  *#move(slots: readonly Slot[], to: readonly NodeId[]): Process {
    const ends = new Map<NodeId, PoolAddress>();
    for (const slot of slots) {
      const from = ownerOf(loadOwner(this.#pool, slot));
      yield this.#simulation.nowUs + COSTS.roundTripUs.value;
      if (!this.#moves.take(slot)) throw new Error(`slot ${slot} is locked, and nobody executes`);
      ends.set(from, loggedEnd(this.#pool, from));
    }
    for (const [from, end] of ends) {
      while (!isMergedUpTo(this.#pool, from, end)) yield* this.#members[from].node.nextMerge();
    }
    yield* this.copy(slots, to);
    // Whoever gives slots away merges all that their last owners have logged by then.
    for (const from of ends.keys()) {
      const { real } = this.#members[from].node;
      yield this.#dpmProcessors.serve(real.unmergedCount * COSTS.mergeUs.value);
    }
    for (const [i, slot] of slots.entries()) {
      yield this.#simulation.nowUs + COSTS.roundTripUs.value;
      if (!this.#moves.give(slot, to[i])) throw new Error(`slot ${slot} cannot be given away`);
      for (const client of this.#held.get(slot) ?? []) this.#simulation.start(client);
      this.#held.delete(slot);
      for (const { node } of this.#members) if (node.hasFailed) node.sendBack(slot);
    }
  }

  /** Waits until a slot has an owner. */
  *#hold(slot: Slot): Process {
    const held = this.#held.get(slot) ?? [];
    held.push(this.#simulation.current);
    this.#held.set(slot, held);
    yield PARKED;
  }
}

/** The threads of the DPM. */
export function makeDpmProcessors(simulation: Simulation): Station {
  return new Station(simulation, "DPM processors", COSTS.dpmProcessors.value);
}
