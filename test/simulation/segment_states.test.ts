/**
 * Segments change hands: agents allocate, fill, seal, clean and free segments, and snapshots hold
 * freed ones back, each interrupted at its atomic accesses by the others, for as long as it takes
 * to fill a segment again.
 *
 * @module
 */
import { test } from "uvu";
import { NO_SEGMENT, type PoolAddress, type SegmentId } from "../../lib/core/brands.ts";
import { GATE_DEFER_FREE } from "../../lib/pool/control_layout.ts";
import { SEGMENT_LIVE_BYTES } from "../../lib/pool/segment_layout.ts";
import { SEGMENT_HEADER_BYTES } from "../../lib/log/record_layout.ts";
import { geometryOf } from "../../lib/pool/geometry.ts";
import { Pool } from "../../lib/pool/pool.ts";
import { DeferFree, SegmentState } from "../../lib/pool/segment_state.ts";
import { SegmentTable } from "../../lib/pool/segment_table.ts";
import { reopenLargest } from "../../lib/pool/segment_tails.ts";
import { Random } from "../support/random.ts";
import { withAtomicHooks } from "../support/sim_atomics.ts";
import { HASH_KEY } from "../support/sim_keys.ts";
import { require } from "../support/sim_model.ts";
import { checkPool } from "../support/sim_pool_check.ts";
import { forEachSeed } from "../support/sim_seeds.ts";

const SEED_COUNT = 200;
const STEP_COUNT = 400;
const SEGMENT_COUNT = 8;
const AGENT_COUNT = 3;
/** Records of one size; a segment holds three. */
const RECORD_BYTES = 1024;
const RECORDS_PER_SEGMENT = 3;
const INTERRUPT_SHARE = 0.03;
const INTERRUPT_STEPS_MAX = 40;

interface Agent {
  readonly number: number;
  isActive: boolean;
  /** The open segment, and records in it. */
  open: SegmentId;
  count: number;
  /** The segment claimed for cleaning. */
  victim: SegmentId;
}

class SegmentWorld {
  readonly #pool: Pool;
  readonly #segments: SegmentTable;
  readonly #random: Random;
  readonly #live: PoolAddress[] = [];
  readonly #agents: readonly Agent[];
  #depth = 0;

  constructor(seed: number) {
    this.#random = new Random(seed);
    this.#pool = Pool.create(geometryOf(SEGMENT_COUNT * 4096, 4096), HASH_KEY);
    this.#segments = new SegmentTable(this.#pool);
    this.#agents = Array.from({ length: AGENT_COUNT }, (_, number) => {
      return { number, isActive: false, open: NO_SEGMENT, count: 0, victim: NO_SEGMENT };
    });
  }

  run(): void {
    withAtomicHooks({ onAccess: () => this.#mayInterrupt() }, () => {
      for (let i = 0; i < STEP_COUNT; i++) {
        this.#step();
        this.#check();
      }
    });
  }

  #mayInterrupt(): void {
    if (this.#depth === 0 || this.#depth === AGENT_COUNT) return;
    if (this.#random.next() >= INTERRUPT_SHARE) return;
    const count = this.#random.below(INTERRUPT_STEPS_MAX);
    for (let i = 0; i < count; i++) this.#step();
  }

  #step(): void {
    const agent = this.#random.pick(this.#agents);
    if (agent.isActive) return;
    agent.isActive = true;
    this.#depth += 1;
    const choice = this.#random.next();
    if (choice < 0.45) this.#append(agent);
    else if (choice < 0.86) this.#drop();
    else if (choice < 0.94) this.#clean(agent);
    else if (choice < 0.97) this.#leave(agent);
    else this.#holdBack();
    this.#depth -= 1;
    agent.isActive = false;
  }

  #append(agent: Agent): void {
    if (agent.open === NO_SEGMENT || agent.count === RECORDS_PER_SEGMENT) {
      const next = this.#segments.allocate(agent.number, 0);
      if (next === NO_SEGMENT) return this.#reopen(agent);
      this.#leave(agent);
      agent.open = next;
      agent.count = 0;
    }
    const start = this.#pool.segmentAddress(agent.open) + 8 + (agent.count * RECORD_BYTES) / 8;
    agent.count += 1;
    this.#segments.addLive(start as PoolAddress, RECORD_BYTES);
    this.#live.push(start as PoolAddress);
  }

  /** Goes on in a segment that was sealed before it was full. */
  #reopen(agent: Agent): void {
    const segment = reopenLargest(this.#pool, this.#segments, agent.number, RECORD_BYTES);
    if (segment === NO_SEGMENT) return;
    this.#leave(agent);
    agent.open = segment;
    agent.count = Math.floor(this.#segments.usedBytes(segment) / RECORD_BYTES);
  }

  /** Seals the open segment, full or not. */
  #leave(agent: Agent): void {
    const { open, count } = agent;
    if (open === NO_SEGMENT) return;
    agent.open = NO_SEGMENT;
    this.#segments.publishUsed(open, SEGMENT_HEADER_BYTES + count * RECORD_BYTES);
    this.#segments.seal(open);
  }

  #drop(): void {
    if (this.#live.length === 0) return;
    const [dead] = this.#live.splice(this.#random.below(this.#live.length), 1);
    this.#segments.subtractLive(dead!, RECORD_BYTES);
  }

  /** Claims a segment for cleaning, or gives it back: what is in it stays. */
  #clean(agent: Agent): void {
    const { victim } = agent;
    if (victim !== NO_SEGMENT) {
      agent.victim = NO_SEGMENT;
      this.#segments.seal(victim);
      return;
    }
    const segment = this.#random.below(SEGMENT_COUNT) as SegmentId;
    if (this.#segments.claimForCleaning(segment)) agent.victim = segment;
  }

  /** Begins or ends what a snapshot does; it begins while nobody is in the middle of a step. */
  #holdBack(): void {
    const { control } = this.#pool;
    if (control[GATE_DEFER_FREE] === DeferFree.NO) {
      if (this.#depth === 1) Atomics.store(control, GATE_DEFER_FREE, DeferFree.YES);
    } else if (control[GATE_DEFER_FREE] === DeferFree.YES) {
      Atomics.store(control, GATE_DEFER_FREE, DeferFree.RELEASING);
      this.#segments.releasePending();
      Atomics.store(control, GATE_DEFER_FREE, DeferFree.NO);
    }
  }

  #check(): void {
    for (let id = 0; id < SEGMENT_COUNT; id++) {
      const segment = id as SegmentId;
      const isInUse = (address: PoolAddress) => this.#pool.segmentOf(address) === segment;
      const bytes = this.#live.filter(isInUse).length * RECORD_BYTES;
      const state = this.#segments.state(segment);
      require(
        bytes === 0 || state !== SegmentState.FREE,
        `I10: segment ${id} was freed, and holds ${bytes} live bytes`,
      );
      const live = this.#pool.control[this.#pool.segmentAt(segment) + SEGMENT_LIVE_BYTES];
      require(live === bytes, `segment ${id} counts ${live} live bytes, and holds ${bytes}`);
    }
  }

  /** Takes everything away, and checks that every segment comes back. */
  finish(): void {
    if (this.#pool.control[GATE_DEFER_FREE] !== DeferFree.NO) this.#holdBack();
    for (const agent of this.#agents) {
      for (const segment of [agent.open, agent.victim]) {
        if (segment !== NO_SEGMENT) this.#segments.seal(segment);
      }
    }
    while (this.#live.length > 0) this.#drop();
    require(this.#segments.freeCount === SEGMENT_COUNT, "every segment is free in the end");
    checkPool(this.#pool, []);
  }
}

test("a segment is freed once, when nothing in it is live", () => {
  forEachSeed(SEED_COUNT, (seed) => {
    const world = new SegmentWorld(seed);
    world.run();
    world.finish();
  });
});

/** What one thread does at an access of another one. */
function atAccess(access: number, act: () => void, body: () => void): void {
  let count = 0;
  withAtomicHooks({ onAccess: () => count++ === access && act() }, body);
}

test("who is about to free a segment is overtaken by one that has chosen it to go on in", () => {
  let overtakenCount = 0;
  for (let access = 0, isDone = false; !isDone; access++) {
    const pool = Pool.create(geometryOf(SEGMENT_COUNT * 4096, 4096), HASH_KEY);
    const segments = new SegmentTable(pool);
    const segment = segments.allocate(0, 0);
    const record = (pool.segmentAddress(segment) + 8) as PoolAddress;
    segments.addLive(record, RECORD_BYTES);
    segments.publishUsed(segment, SEGMENT_HEADER_BYTES + RECORD_BYTES);
    segments.seal(segment);
    isDone = true;
    let isReopened = false;
    // The other one has seen live bytes in it, and now does the rest of `reopenLargest`.
    const goOn = () => {
      isDone = false;
      isReopened = segments.claimForCleaning(segment);
      if (!isReopened) return;
      segments.reopen(segment, 1);
      segments.addLive(record, RECORD_BYTES);
      segments.publishUsed(segment, SEGMENT_HEADER_BYTES + 2 * RECORD_BYTES);
      segments.seal(segment);
    };
    atAccess(access, goOn, () => segments.subtractLive(record, RECORD_BYTES));
    if (!isReopened) continue;
    overtakenCount += 1;
    const state = segments.state(segment);
    require(state === SegmentState.SEALED, `access ${access}: what is live is in state ${state}`);
    require(segments.liveBytes(segment) === RECORD_BYTES, `access ${access}: live bytes`);
  }
  require(overtakenCount >= 4, `overtaken at ${overtakenCount} accesses`);
});

test.run();
