/**
 * An agent dies before and after every atomic access of everything that changes the table of
 * segments. After a repair, every segment is accounted for, its generation has grown once in each
 * life, and all of them can be allocated.
 *
 * @module
 */
import { test } from "uvu";
import { NO_SEGMENT, type PoolAddress, type SegmentId } from "../../lib/core/brands.ts";
import {
  FREE_PENDING_COUNT,
  FREE_SEGMENT_COUNT,
  GATE_DEFER_FREE,
} from "../../lib/pool/control_layout.ts";
import { geometryOf } from "../../lib/pool/geometry.ts";
import { Pool } from "../../lib/pool/pool.ts";
import { DeferFree, SegmentState } from "../../lib/pool/segment_state.ts";
import { repairSegments, SegmentTable } from "../../lib/pool/segment_table.ts";
import { SHARE_COUNT, SHARE_FIRST } from "../support/campaign.ts";
import { dieAt, dieAtEveryMoment } from "../support/sim_death.ts";
import { HASH_KEY } from "../support/sim_keys.ts";
import { interruptAt } from "../support/sim_duel.ts";
import { require } from "../support/sim_model.ts";

const { FREE, OPEN, SEALED, CLEANING, FREE_PENDING } = SegmentState;
const SEGMENT_COUNT = 10;
const [DEAD, ALIVE] = [1, 2];
const LIVE_BYTES = 1024;
/** Moments of a repair at which somebody dies in it: every so many, up to so many. */
const REPAIR_MOMENT_STEP = 5;
const REPAIR_MOMENTS_MAX = 70;

/** Segments by what they are when the agent begins what it dies in. */
const IDS = {
  open: 0,
  emptyOpen: 1,
  sealed: 2,
  cleaning: 3,
  emptyCleaning: 4,
  pending: 5,
  staging: 6,
  reused: 7,
} as const;

type Name = keyof typeof IDS;

/** A pool with a segment in every state. */
class SegmentWorld {
  readonly pool: Pool = Pool.create(geometryOf(SEGMENT_COUNT * 4096, 4096), HASH_KEY);
  readonly segments: SegmentTable = new SegmentTable(this.pool);
  readonly generations: readonly number[];

  constructor(deferFree: number) {
    const { segments, pool } = this;
    for (const name of Object.keys(IDS) as Name[]) {
      const id = segments.allocate(DEAD, 0, name === "staging");
      require(id === IDS[name], `${name} is ${id}`);
      if (!["emptyOpen", "emptyCleaning", "reused"].includes(name)) this.addLive(id);
    }
    // It has had a life already, of a generation that others have not.
    segments.seal(this.id("reused"));
    require(segments.allocate(DEAD, 0) === IDS.reused, "the segment freed last is used first");
    this.addLive(this.id("reused"));
    for (const name of ["sealed", "cleaning", "pending", "staging", "reused"] as const) {
      segments.seal(this.id(name));
    }
    this.addLive(this.id("emptyCleaning"));
    segments.seal(this.id("emptyCleaning"));
    for (const name of ["cleaning", "emptyCleaning"] as const) {
      segments.claimForCleaning(this.id(name));
    }
    this.subtractLive(this.id("emptyCleaning"));
    Atomics.store(pool.control, GATE_DEFER_FREE, DeferFree.YES);
    this.subtractLive(this.id("pending"));
    require(segments.state(this.id("pending")) === FREE_PENDING, "it waits");
    Atomics.store(pool.control, GATE_DEFER_FREE, deferFree);
    this.generations = this.#ids().map((segment) => pool.loadGeneration(segment));
  }

  id(name: Name): SegmentId {
    return IDS[name] as number as SegmentId;
  }

  addLive(segment: SegmentId): void {
    this.segments.addLive(this.#address(segment), LIVE_BYTES);
  }

  subtractLive(segment: SegmentId): void {
    this.segments.subtractLive(this.#address(segment), LIVE_BYTES);
  }

  /**
   * What must hold after a repair: the counts are those of the states, and nothing waits that need
   * not.
   */
  check(): void {
    const { segments } = this;
    const { control } = this.pool;
    const count = (state: number) =>
      this.#ids().filter((segment) => segments.state(segment) === state).length;
    require(control[FREE_SEGMENT_COUNT] === count(FREE), "free segments are counted");
    require(control[FREE_PENDING_COUNT] === count(FREE_PENDING), "those that wait are counted");
    const isDeferred = control[GATE_DEFER_FREE] === DeferFree.YES;
    require(isDeferred || count(FREE_PENDING) === 0, "nothing waits");
    for (const segment of this.#ids()) {
      const isEmpty = segments.state(segment) === SEALED && segments.liveBytes(segment) === 0;
      require(!isEmpty, `segment ${segment} is freed`);
      const isWaiting = segments.state(segment) === FREE_PENDING;
      const grown = this.pool.loadGeneration(segment) - this.generations[segment]!;
      require(!isWaiting || grown === 0, `segment ${segment} is in the generation that it had`);
    }
  }

  /**
   * Ends all lives; every segment must have grown by one for each life in this world, and be there
   * to be allocated.
   */
  finish(): void {
    const { segments, pool } = this;
    Atomics.store(pool.control, GATE_DEFER_FREE, DeferFree.NO);
    segments.releasePending();
    const isNewlyOpen = (segment: SegmentId) =>
      segment > IDS.reused && !segments.isStaging(segment);
    const allocated = segments.openSegmentsOf(DEAD).filter(isNewlyOpen);
    for (const segment of this.#ids()) {
      const state = segments.state(segment);
      if (state === OPEN || state === CLEANING) segments.seal(segment);
      if (segments.liveBytes(segment) > 0) this.subtractLive(segment);
    }
    this.check();
    require(segments.freeCount === SEGMENT_COUNT, "every segment is free in the end");
    for (const segment of this.#ids()) {
      const isCounted = segment <= IDS.reused && segment !== IDS.staging;
      const lives = isCounted || allocated.includes(segment) ? 1 : 0;
      const grown = pool.loadGeneration(segment) - this.generations[segment]!;
      require(grown === lives, `the generation of segment ${segment} has grown by ${grown}`);
    }
    const ids = new Set(this.#ids().map(() => segments.allocate(ALIVE, 0)));
    require(ids.size === SEGMENT_COUNT && !ids.has(NO_SEGMENT), "each can be allocated");
    require(segments.allocate(ALIVE, 0) === NO_SEGMENT, "and only once");
  }

  #ids(): SegmentId[] {
    return Array.from({ length: SEGMENT_COUNT }, (_, i) => i as SegmentId);
  }

  #address(segment: SegmentId): PoolAddress {
    return (this.pool.segmentAddress(segment) + 8) as PoolAddress;
  }
}

const OPERATIONS: Readonly<Record<string, (world: SegmentWorld) => void>> = {
  "allocate": ({ segments }) => segments.allocate(DEAD, 0),
  "allocate for staged values": ({ segments }) => segments.allocate(DEAD, 0, true),
  "seal": (world) => world.segments.seal(world.id("open")),
  "seal an empty segment": (world) => world.segments.seal(world.id("emptyOpen")),
  "claim": (world) => world.segments.claimForCleaning(world.id("sealed")),
  "end cleaning": (world) => world.segments.seal(world.id("cleaning")),
  "end cleaning of an emptied segment": (world) => world.segments.seal(world.id("emptyCleaning")),
  "take the last live bytes": (world) => world.subtractLive(world.id("sealed")),
  "take the last live bytes again": (world) => world.subtractLive(world.id("reused")),
  "take the last staged bytes": (world) => world.subtractLive(world.id("staging")),
  "release": ({ segments }) => segments.releasePending(),
};

for (const [name, operation] of Object.entries(OPERATIONS)) {
  test(`${name}: whoever dies in it leaves what a repair puts right`, () => {
    for (const deferFree of Object.values(DeferFree)) {
      const step = REPAIR_MOMENT_STEP * SHARE_COUNT;
      const first = REPAIR_MOMENT_STEP * SHARE_FIRST;
      for (let repairAt = first; repairAt < REPAIR_MOMENTS_MAX; repairAt += step) {
        const deaths = dieAtEveryMoment((die) => {
          const world = new SegmentWorld(deferFree);
          die(() => operation(world));
          dieAt(repairAt, () => repairSegments(world.pool));
          repairSegments(world.pool);
          world.check();
          world.finish();
        });
        require(deaths > 1, `${name} died ${deaths} times`);
      }
    }
  });
}

test("a segment that somebody is just opening is not taken for one that a dead thread had open", () => {
  for (let at = 0, isOver = false; !isOver; at++) {
    const world = new SegmentWorld(DeferFree.NO);
    const { segments } = world;
    // The next to be opened is one that was the dead thread's last.
    const last = segments.allocate(DEAD, 0);
    segments.seal(last);
    require(segments.state(last) === FREE, "there was nothing in it");
    let open: SegmentId[] = [];
    isOver = !interruptAt(
      at,
      () => open = segments.openSegmentsOf(DEAD),
      () => require(segments.allocate(ALIVE, 0) === last, "it is opened again"),
    );
    require(!open.includes(last), `it was seen at access ${at}`);
  }
});

/**
 * Releases what waits, and uses and frees it again; returns how often, so that it ends in another
 * life.
 */
function reuse(world: SegmentWorld, lifeCount: number): number {
  const { segments, pool } = world;
  for (let life = 0; life < lifeCount; life++) {
    segments.releasePending();
    Atomics.store(pool.control, GATE_DEFER_FREE, DeferFree.YES);
    const segment = segments.allocate(ALIVE, 0);
    // The one that is overtaken has it, and has not put it into the list yet.
    if (segment !== IDS.pending) return life;
    segments.seal(segment);
  }
  segments.releasePending();
  return lifeCount;
}

test("two that release the same segment bump its generation once, however many lives lie between", () => {
  for (const lifeCount of [0, 1, 2]) {
    for (let at = 0, isOver = false; !isOver; at++) {
      const world = new SegmentWorld(DeferFree.NO);
      const segment = world.id("pending");
      let reuses = 0;
      isOver = !interruptAt(
        at,
        () => world.segments.releasePending([segment]),
        () => reuses = reuse(world, lifeCount),
      );
      world.segments.releasePending();
      require(world.segments.state(segment) === FREE, "it is free");
      const grown = world.pool.loadGeneration(segment) - world.generations[segment]!;
      require(grown === 1 + reuses, `released at ${at}: the generation has grown by ${grown}`);
    }
  }
});

test.run();
