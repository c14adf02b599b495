/**
 * Layout of the control words: everything shared that is neither log nor index. Offsets only, in
 * words of 4 bytes; no other file holds a numeric offset into this buffer.
 *
 * ```text
 *   word 0                HEADER          32 words, constant after creation
 *                         GATE            32 words, written by the M-node
 *                         SPINNERS        32 words
 *                         DURABILITY      5 lines: level, failure, checkpoints | pending | written | synced | figures
 *                         FREE SEGMENTS   1 line: count, segments opened
 *                         INDEX SPACE     1 line: lock, bump, free overflow buckets
 *                         EVICTION        1 line: segments opened for puts
 *                         CLIENTS         1 line: epoch; 1 line per client; 1 more for its counters
 *                         OWNER TABLE     4096 words, written by the M-node
 *                         GENERATIONS     1 word per segment, with those that there may be
 *                         FREE BITS       1 bit per segment
 *                         AGENT BLOCKS    64 KNs, 3 other roles, 64 mergers, 4 cleaners, 10 lines each
 *                         SLOTS           4096 descriptors of 2 lines
 *                         SEGMENTS        1 entry of 2 lines per segment: see segment_layout.ts
 *                         CELLS           1 line, 64 hashes, 64 cells of 3 lines: see cell_layout.ts
 * ```
 *
 * A line is 128 bytes: two cache lines, because the adjacent-line prefetcher fetches pairs. Words
 * that different threads write are in different lines.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import {
  CELL_COUNT,
  CLEANER_COUNT_MAX,
  CLIENT_COUNT_MAX,
  NODE_COUNT_MAX,
  SLOT_COUNT,
} from "../core/limits.ts";
import { CELL_WORDS, CELLS_FIRST } from "./cell_layout.ts";
import { LINE_WORDS } from "./lines.ts";
import { SEGMENT_WORDS } from "./segment_layout.ts";

/** HEADER. Written by the creator before any other thread starts; read by all. */
export const HEADER = 0;
/** "DNMO", little-endian. */
export const HEADER_MAGIC = HEADER + 0;
/**
 * Version of this layout; threads of one process always agree, checkpoints are compared against it.
 */
export const HEADER_LAYOUT_VERSION = HEADER + 1;
/** Low and high half of the pool's random hash key. */
export const HEADER_HASH_KEY_0 = HEADER + 2;
export const HEADER_HASH_KEY_1 = HEADER + 3;
/**
 * Types of the keys, one of `KEY_TYPE_NUMBERS` in core/key_types.ts. Written before any other
 * thread sees the pool, and constant from then on.
 */
export const HEADER_KEY_TYPES = HEADER + 4;
/**
 * 1 if the store was opened to be read only. Written before any other thread sees the pool, and
 * constant from then on.
 */
export const HEADER_IS_READ_ONLY = HEADER + 5;

export const CONTROL_MAGIC = 0x4f4d4e44;
export const CONTROL_LAYOUT_VERSION = 6;

/**
 * GATE. 0, or the lease of the agent that pauses the pool, which names it. Swapped by that agent,
 * and by the M-node when that one has failed; read by every agent before it starts a step; see
 * gate.ts.
 */
export const GATE_PAUSED = HEADER + LINE_WORDS;
/** Whether freed segments become free-pending, not free: one of DeferFree in segment_state.ts. */
export const GATE_DEFER_FREE = GATE_PAUSED + 1;
/** KNs that run: each may hold an open segment. */
export const GATE_NODE_COUNT = GATE_PAUSED + 2;
/** Processors of the machine, for idle strategies. Constant after creation. */
export const GATE_PROCESSOR_COUNT = GATE_PAUSED + 3;

/** Number of the next pause. Counted by the agent that wants to pause. */
export const GATE_PAUSE_COUNT = GATE_PAUSED + 4;
/**
 * Grows with every change of the node directory (routing/node_directory.ts): clients compare it
 * with what they have seen.
 */
export const NODES_EPOCH = GATE_PAUSED + 5;
/** Whether the store can be used: one of StoreState in routing/client_registry.ts. */
export const STORE_STATE = GATE_PAUSED + 6;

/** 1 if a repair of the books is to release something; set by any thread, taken by the M-node. */
export const REPAIR_WANTED = GATE_PAUSED + 7;
/**
 * Where the pool is thought to be, one of Placement in placement.ts. Constant after creation, like
 * the words after it.
 */
export const PLACEMENT = GATE_PAUSED + 8;
/** In the far placement: bytes that each KN may have logged and not merged. */
export const BACKLOG_BYTES_MAX = GATE_PAUSED + 9;
/**
 * What happens when the pool is full, one of WhenFull in when_full.ts; and most keys of a pool that
 * evicts, 0 if only its bytes are bounded. Constant after creation.
 */
export const WHEN_FULL = GATE_PAUSED + 12;
export const ENTRIES_MAX = GATE_PAUSED + 13;
/**
 * Segments that the pool has: its capacity, up to those for which there is address space. And those
 * that it is to have, as many or more. The second is raised by the host, the first by the agent
 * that has the checkpoint lock; neither ever falls. See segment_growth.ts.
 */
export const SEGMENT_LIMIT = GATE_PAUSED + 14;
export const SEGMENT_LIMIT_WANTED = GATE_PAUSED + 15;
/**
 * Keys in the index beside those that agents have added, and 1 while the sum is not to be used.
 * Written by the M-node; see index/key_count.ts.
 */
export const KEY_COUNT_BASE = GATE_PAUSED + 10;
export const KEY_COUNT_IS_DOUBTFUL = GATE_PAUSED + 11;

/**
 * SPINNERS: the KNs that spin at the moment, one bit for each agent. A KN sets and clears its own;
 * the M-node clears that of one that has died. See node/idle_strategy.ts.
 */
export const SPINNERS = GATE_PAUSED + LINE_WORDS;
export const SPINNERS_WORDS = Math.ceil(NODE_COUNT_MAX / 32);

/**
 * DURABILITY. The level, one of DurabilityLevel in durability.ts, is constant after creation; a
 * failure is stored by the thread that meets it, and never taken back.
 */
export const DURABILITY_LEVEL = SPINNERS + LINE_WORDS;
export const DURABILITY_FAILURE = DURABILITY_LEVEL + 1;
/**
 * 0, or 1 + the agent that writes a checkpoint, a snapshot or a backup. Swapped; see
 * persistence/checkpointer.ts.
 */
export const CHECKPOINT_LOCK = DURABILITY_LEVEL + 2;
/** Number of the newest checkpoint, and of the image that it belongs to. Written under the lock. */
export const CHECKPOINT_NUMBER_WORD = DURABILITY_LEVEL + 3;
export const IMAGE_NUMBER_WORD = DURABILITY_LEVEL + 4;
/** UNITS WRITTEN when the newest checkpoint was captured. Written under the lock. */
export const CHECKPOINT_UNITS = DURABILITY_LEVEL + 5;
/** Freed segments that wait for a checkpoint. Counted by the threads that free and release them. */
export const FREE_PENDING_COUNT = DURABILITY_LEVEL + LINE_WORDS;
/**
 * Units of 8 bytes written to the image, and how many of them are known to be synced; both wrap as
 * u32.
 */
export const UNITS_WRITTEN = FREE_PENDING_COUNT + LINE_WORDS;
export const UNITS_SYNCED = UNITS_WRITTEN + LINE_WORDS;
/**
 * When the image was synced last, and what syncing has cost, as float64: see
 * persistence/log_file.ts.
 */
export const SYNC_FIGURES = UNITS_SYNCED + LINE_WORDS;

/** Free segments not yet promised to a taker: see free_segments.ts. */
export const FREE_SEGMENT_COUNT = SYNC_FIGURES + LINE_WORDS;
/**
 * Segments that have been taken since the pool was created or opened, as u32: the clock by which
 * segments age. Counted by the agents that take them.
 */
export const SEGMENTS_OPENED = FREE_SEGMENT_COUNT + 1;

/**
 * INDEX SPACE lock: 0 or agent + 1. Guards FREE and FREE_COUNT; only tried, see
 * index/index_space.ts.
 */
export const INDEX_SPACE_LOCK = FREE_SEGMENT_COUNT + LINE_WORDS;
/** Next bucket never handed out. Advanced by compare-and-swap. */
export const INDEX_SPACE_NEXT = INDEX_SPACE_LOCK + 1;
/** First bucket of the list of returned overflow buckets, linked through their first words. */
export const INDEX_SPACE_FREE = INDEX_SPACE_LOCK + 2;
/** Length of that list. */
export const INDEX_SPACE_FREE_COUNT = INDEX_SPACE_LOCK + 3;

/**
 * In a pool that evicts: segments that were opened for puts, which is the clock of its ghosts.
 * Counted by the agents that open them.
 */
export const PUT_SEGMENTS_OPENED = INDEX_SPACE_LOCK + LINE_WORDS;

/**
 * Grows when a client comes or goes: KNs compare it with what they have seen. Counted by the client
 * that comes or goes, and by the M-node for one that has died.
 */
export const CLIENTS_EPOCH = PUT_SEGMENTS_OPENED + LINE_WORDS;
/**
 * CLIENT BLOCKS, a line for each: STATE, one of ClientState in routing/client_registry.ts, swapped
 * by the thread that takes or frees the place;
 */
export const CLIENT_BLOCKS = CLIENTS_EPOCH + LINE_WORDS;
export const CLIENT_STATE = 0;
/** how often the place was freed, which tells its clients from each other; */
export const CLIENT_LIFE = 1;
/**
 * the client's thread as the operating system numbers it, 0 if that is not known, and when it was
 * started.
 */
export const CLIENT_THREAD = 2;
export const CLIENT_THREAD_START = 3;

/**
 * CLIENT COUNTERS, a line for each client, as float64: what the clients of a place have done, and
 * what that was when the present one came. Written by the client, read by stats(); see
 * operation_counters.ts.
 */
export const CLIENT_COUNTERS = CLIENT_BLOCKS + CLIENT_COUNT_MAX * LINE_WORDS;

/** OWNER TABLE: one owner word per slot. Published by the M-node, loaded by clients to route. */
export const OWNER_TABLE = CLIENT_COUNTERS + CLIENT_COUNT_MAX * LINE_WORDS;

/**
 * GENERATIONS: how often each segment was reused. Bumped by the thread that frees the segment,
 * before it can be allocated again; loaded by readers around every read of a record. Rarely
 * written, so packed.
 */
export const GENERATIONS = OWNER_TABLE + SLOT_COUNT;

/**
 * An agent is a role in the pool, and names the holder of a lock: KNs come first, then the DPM
 * processors that clean, then the host.
 */
export const AGENT_DPM = NODE_COUNT_MAX;
export const AGENT_HOST = NODE_COUNT_MAX + 1;
/**
 * The copier: the thread that copies slots for a checkpoint or a backup, and holds CHECKPOINT_LOCK.
 */
export const AGENT_COPIER = NODE_COUNT_MAX + 2;
/**
 * In the far placement, the merger of the log of a KN: the KN of agent block i has the merger of
 * block AGENT_MERGERS + i. Several threads may merge one log, one at a time: the one in the
 * EXECUTOR word of the merger's block.
 */
export const AGENT_MERGERS = NODE_COUNT_MAX + 3;
/**
 * The cleaners that KNs share: the first SharedCleaners.count of these blocks are used. The thread
 * that cleans as one of them, one at a time, is in the EXECUTOR word of its block
 * (dpm/shared_cleaners.ts).
 */
export const AGENT_CLEANERS = AGENT_MERGERS + NODE_COUNT_MAX;
export const AGENT_COUNT = AGENT_CLEANERS + CLEANER_COUNT_MAX;
/** A client that pauses the pool to read many keys at one moment. It has no block of words. */
export const AGENT_READER = AGENT_COUNT;

/** AGENT BLOCK, line 0: what the agent says. Written by the agent. */
export const AGENT_GATE_STATE = 0;
export const AGENT_HEARTBEAT = 1;
export const AGENT_LIFE_STATE = 2;
/**
 * The agent's own thread as the operating system numbers it, 0 if that is not known, and when it
 * was started.
 */
export const AGENT_THREAD = 3;
export const AGENT_THREAD_START = 4;
/** Line 1: SLEEPING. The agent stores 1 before it waits; the thread that wakes it swaps it to 0. */
export const AGENT_SLEEPING = LINE_WORDS;
/**
 * Line 2: what the M-node wants, written by it, and 1 when a client wants the KN to have a thread.
 */
export const AGENT_STOP_WANTED = 2 * LINE_WORDS;
export const AGENT_THREAD_WANTED = AGENT_STOP_WANTED + 1;
/**
 * Lines 3 and on: counters, as float64. Written by the agent, read by stats(); never by the
 * protocol.
 */
export const AGENT_COUNTERS = 3 * LINE_WORDS;
/**
 * Line 4: EXECUTOR, one of Executor in executor.ts: the thread that executes requests for the KN,
 * its own, or a client's that helps. Swapped by the thread that begins or ends a step, and by the
 * M-node, which fences the KN. The words after it are written by the executor; the first of them
 * are what it leaves to the next one.
 */
export const AGENT_EXECUTOR = 4 * LINE_WORDS;
/** Open segment of the KN's log, as segment + 1, and the next unit of 8 bytes in it. */
export const AGENT_LOG_SEGMENT = AGENT_EXECUTOR + 1;
export const AGENT_LOG_NEXT = AGENT_EXECUTOR + 2;
/** The same for the log in which large values are staged. */
export const AGENT_STAGING_SEGMENT = AGENT_EXECUTOR + 3;
export const AGENT_STAGING_NEXT = AGENT_EXECUTOR + 4;
/**
 * For the M-node, which tidies up after an executor that has died (recovery/step_recovery.ts): how
 * many steps have begun; where the newest reservation of the log begins, and the frame that it is
 * in; how far a commit group is, one of GroupState in request_group.ts; the segment that is being
 * cleaned, as segment + 1, stored before it is claimed; 1 during a call of the operating system
 * that may take long; of a merger, the segment of the record that it has replaced or removed last,
 * as segment + 1, stored before it does that.
 */
export const AGENT_STEPS = AGENT_EXECUTOR + 5;
export const AGENT_LOG_LAST = AGENT_EXECUTOR + 6;
export const AGENT_LOG_FRAME = AGENT_EXECUTOR + 7;
export const AGENT_GROUP_STATE = AGENT_EXECUTOR + 8;
export const AGENT_VICTIM = AGENT_EXECUTOR + 9;
export const AGENT_IN_SYSTEM_CALL = AGENT_EXECUTOR + 10;
export const AGENT_REPLACED_SEGMENT = AGENT_EXECUTOR + 11;
/**
 * Far placement: keys that the KN may append beside those that are logged, for all KNs that promise
 * some; see far_budget.ts.
 */
export const AGENT_PROMISED_KEYS = AGENT_EXECUTOR + 12;
/**
 * Of a cleaner that KNs share: the next record of its VICTIM, as a unit of 8 bytes; left by one
 * executor to the next.
 */
export const AGENT_VICTIM_NEXT = AGENT_EXECUTOR + 13;
/**
 * Of a cleaner, in a pool that evicts: what becomes of the records of its victim; see
 * dpm/eviction.ts.
 */
export const AGENT_EVICTION = AGENT_EXECUTOR + 14;
/**
 * How far the agent's atomic commit, or set of commits, is (commit_state.ts), loaded by readers of
 * pending records; the address of its first record, 0 if there is none, and the one behind its
 * last.
 */
export const AGENT_COMMIT_STATE = AGENT_EXECUTOR + 15;
export const AGENT_COMMIT_FIRST = AGENT_EXECUTOR + 16;
export const AGENT_COMMIT_END = AGENT_EXECUTOR + 17;
/**
 * Line 5: which KN has the block, as identity + 1, and one of NodeState in
 * routing/node_directory.ts. Written by the M-node.
 */
export const AGENT_NODE = 5 * LINE_WORDS;
export const AGENT_NODE_STATE = AGENT_NODE + 1;
/**
 * How many KNs have had the block: tells the one that has it from those before it. Counted by the
 * M-node.
 */
export const AGENT_TENANCY = AGENT_NODE + 2;
/**
 * Line 6, far placement: where the KN's log ends, as the address behind its last record; 0 before
 * there is one. Stored by the KN when a group is logged, before any of it is answered.
 */
export const AGENT_LOGGED_END = 6 * LINE_WORDS;
/**
 * Keys that the agent has added to the index less those that it has removed, under all holders of
 * the block. Written by the executor within a step; see index/key_count.ts.
 */
export const AGENT_KEYS_ADDED = AGENT_LOGGED_END + 1;
/**
 * Line 7 and on, far placement: what its verbs have counted, as float64; see verbs.ts. Written by
 * the agent.
 */
export const AGENT_VERB_COUNTERS = 7 * LINE_WORDS;
export const AGENT_BLOCK_WORDS = 10 * LINE_WORDS;

/**
 * SLOT, line 0: where the slot's table is. Written under the slot's lock, loaded by every reader.
 * META is (sequence << 5) | log2 of the number of buckets; EXTENTS are bucket numbers, see index/.
 */
export const SLOT_META = 0;
export const SLOT_EXTENTS = 1;
export const SLOT_EXTENT_COUNT = 21;
/** Line 1: LOCK, the owner word with its holder; the next ones change only under the lock. */
export const SLOT_LOCK = LINE_WORDS;
/** Version of the slot's newest record: low 32 bits, high 16 bits. */
export const SLOT_VERSION_LOW = SLOT_LOCK + 1;
export const SLOT_VERSION_HIGH = SLOT_LOCK + 2;
/** Keys in the table, and how many of them can expire. */
export const SLOT_RECORD_COUNT = SLOT_LOCK + 3;
export const SLOT_EXPIRING_COUNT = SLOT_LOCK + 4;
/** Overflow buckets in the table's chains. */
export const SLOT_OVERFLOW_COUNT = SLOT_LOCK + 5;
/** A bit for each place that watches keys of the slot, set and cleared by it: watch_layout.ts. */
export const SLOT_WATCHERS = SLOT_LOCK + 6;
export const SLOT_WORDS = 2 * LINE_WORDS;

/** Index of an agent's block. */
export function agentOffset(segmentCount: number, agent: number): number {
  return agentsStart(segmentCount) + agent * AGENT_BLOCK_WORDS;
}

/** Words of the whole buffer. */
export function controlWords(segmentCount: number): number {
  return cellsStart(segmentCount) + CELLS_FIRST + CELL_COUNT * CELL_WORDS;
}

/**
 * Index of FREE BITS: segment & 31 of word segment >>> 5 is set if the segment is free and no
 * thread has taken it. Set and cleared atomically, bit by bit, by the thread that frees or takes a
 * segment (free_segments.ts).
 */
export function freeBitsStart(segmentCount: number): number {
  return Math.ceil((GENERATIONS + segmentCount) / LINE_WORDS) * LINE_WORDS;
}

function agentsStart(segmentCount: number): number {
  const end = freeBitsStart(segmentCount) + Math.ceil(segmentCount / 32);
  return Math.ceil(end / LINE_WORDS) * LINE_WORDS;
}

/** Index of the first slot descriptor. */
export function slotsStart(segmentCount: number): number {
  return agentsStart(segmentCount) + AGENT_COUNT * AGENT_BLOCK_WORDS;
}

/** Index of the first segment entry. */
export function segmentsStart(segmentCount: number): number {
  return slotsStart(segmentCount) + SLOT_COUNT * SLOT_WORDS;
}

/** Index of CELLS. */
export function cellsStart(segmentCount: number): number {
  return segmentsStart(segmentCount) + segmentCount * SEGMENT_WORDS;
}

assert(
  SLOT_EXTENTS + SLOT_EXTENT_COUNT <= SLOT_LOCK,
  "readers' and owners' words are in two lines",
);
assert(SPINNERS_WORDS <= LINE_WORDS, "the spinners' bits are in one line");
assert(OWNER_TABLE % LINE_WORDS === 0, "the owner table starts a line");
assert(AGENT_COMMIT_END < AGENT_NODE, "an executor's words are in one line");
assert(AGENT_TENANCY < AGENT_LOGGED_END, "an agent block holds its words");
assert(AGENT_VERB_COUNTERS % 2 === 0, "counters are aligned for float64");
assert(SYNC_FIGURES % 2 === 0, "figures are aligned for float64");
assert(AGENT_COUNTERS % 2 === 0, "counters are aligned for float64");
assert(SLOT_WATCHERS < SLOT_WORDS, "a slot descriptor holds its words");
