/**
 * Every limit of the store in one place, with the reason for each. Relations between limits are
 * asserted at the bottom, so that changing one cannot silently break another.
 *
 * @module
 */
import { assert } from "./assert.ts";

/** Hash bits that select the slot; 4096 slots move between KNs in steps of 0.02 % of the keys. */
export const SLOT_BITS = 12;
/** Number of slots. */
export const SLOT_COUNT = 1 << SLOT_BITS;
/** Right shift that takes a 32-bit hash to its slot. */
export const SLOT_SHIFT = 32 - SLOT_BITS;

/**
 * Longest key in bytes: what URLs and file names need, while two of them fit the smallest segment,
 * and one a quarter of the smallest ring but for its header; keys are compared inline.
 */
export const KEY_BYTES_MAX = 2048;
/** Most bytes of a request beside key and value, and of what an increment asks for. */
export const REQUEST_HEADER_BYTES_MAX = 128;

/** Unit of a pool address in bytes; a u32 address then reaches 32 GiB. */
export const ADDRESS_UNIT_BYTES = 8;
/** Bytes of one region: the largest SharedArrayBuffer that every runtime accepts with a margin. */
export const REGION_BYTES = 2 ** 30;
/** Most regions of a pool: the reach of a u32 address. */
export const REGION_COUNT_MAX = 32;
/** Largest capacity of a pool in bytes. */
export const CAPACITY_BYTES_MAX = REGION_BYTES * REGION_COUNT_MAX;
/**
 * Bytes by which index and log grow at least: small beside a runtime, and few enough steps to a
 * full pool.
 */
export const GROWTH_BYTES = 2 ** 20;
/** Smallest capacity of a pool in bytes: sixteen of the smallest segments. */
export const CAPACITY_BYTES_MIN = 64 * 1024;

/**
 * Most bytes between two checkpoints: half of what the counters of written units can tell apart
 * before they begin again.
 */
export const CHECKPOINT_BYTES_MAX = 2 ** 31 * ADDRESS_UNIT_BYTES;

/** Smallest segment: room for the header and a record with the longest key. */
export const SEGMENT_BYTES_MIN = 4 * 1024;
/** Largest segment: one region, as a segment must not straddle two. */
export const SEGMENT_BYTES_MAX = REGION_BYTES;
/** Default segment, as in the reference implementation of DINOMO. */
export const SEGMENT_BYTES_DEFAULT = 8 * 1024 * 1024;
/** Fewest segments: one open per KN, one for the cleaner, and something to fill. */
export const SEGMENT_COUNT_MIN = 8;
/**
 * Most segments: each has 256 bytes of control words, and a sum over all of them takes a
 * microsecond per 1,000.
 */
export const SEGMENT_COUNT_MAX = 65_534;

/** Most KNs that run at one time; each has a fixed block of control words. */
export const NODE_COUNT_MAX = 64;
/** KN identities: the owner word has 10 bits for the owner. */
export const NODE_ID_COUNT = 1024;

/**
 * Most cleaners that KNs share: each may hold a segment open, and as many threads clean at one time
 * for want of a segment, beside a DPM processor.
 */
export const CLEANER_COUNT_MAX = 4;
/** Segments for each of them, so that what they hold open is no share of a pool that counts. */
export const SEGMENTS_PER_CLEANER = 64;

/** Most threads that use a store at one time, the one that opened it included. */
export const CLIENT_COUNT_MAX = 64;

/** Most threads that watch keys at one time: the bits of one word. */
export const WATCH_PLACE_COUNT = 32;
/** Most keys of one watch: each delivery is an array as long as that. */
export const WATCH_KEYS_MAX = 1024;
/** Most prefixes that one thread watches at one time: each change is compared with all of them. */
export const WATCHED_PREFIXES_MAX = 16;
/** Bytes of a prefix that changes are compared with before the watcher is told. */
export const COMPARED_PREFIX_BYTES_MAX = 32;
/** Bytes of the ring in which a thread is told what changes: 1,000 keys of 40 bytes. */
export const CHANGE_RING_BYTES = 64 * 1024;
/** Most changes that wait for one watch of a prefix, beside those in the ring. */
export const WAITING_CHANGES_MAX = 4096;
/** Most watches of one thread at one time: a few MiB of what each has to remember. */
export const WATCHES_MAX = 4096;

/** Default bytes of a request ring: holds 4,000 puts of 100 B, and stays in a core's L2 cache. */
export const RING_BYTES_DEFAULT = 512 * 1024;
/** Smallest request ring: half of it must hold a request with the longest key. */
export const RING_BYTES_MIN = 8 * 1024;
/** Largest request ring. */
export const RING_BYTES_MAX = 64 * 1024 * 1024;
/** Requests in flight per (client, KN): the entries of a completion ring. */
export const IN_FLIGHT_DEFAULT = 4096;

/**
 * The same for threads that attach: 64 of them have rings to 64 KNs, which take memory when they
 * are used.
 */
export const ATTACHED_RING_BYTES_MAX = 64 * 1024;
export const ATTACHED_IN_FLIGHT_MAX = 1024;

/** Requests that a KN takes from one ring before it looks at the next. */
export const BATCH_REQUESTS_MAX = 64;
/**
 * The same where they are written to a file together: one write, or one sync, is shared by more of
 * them.
 */
export const GROUP_REQUESTS_MAX = 256;
/** Records that one step of the cleaner looks at: bounds how long a step delays anything else. */
export const CLEANER_STEP_RECORDS = 128;
/** The same for a step of a merger, for the same reason. */
export const MERGE_STEP_RECORDS = 256;

/** Longest bounded `Atomics.wait` of an idle KN; it bumps its heartbeat at least this often. */
export const IDLE_WAIT_MS_MAX = 1000;
/**
 * For how long a step of a KN may make no progress until the KN counts as failed, unless it is in a
 * system call.
 */
export const STALL_MS_MAX = 1000;
/** The same in a system call: a disk may take its time. */
export const SYSTEM_CALL_MS_MAX = 30_000;
/** How long operations wait for slots that a failed KN does not let go, before they are refused. */
export const UNAVAILABLE_AFTER_MS = 2000;
/**
 * For how long a change of the KNs, or of a key's owners, may make no progress while the thread of
 * a failed KN is in the middle of a step: longer than it takes until the slots that this thread
 * holds are refused. While no such thread is there, a slow disk may be the reason, and {@linkcode
 * SYSTEM_CALL_MS_MAX} holds.
 */
export const RECONFIGURE_MS_MAX = 4000;
/** How long a KN has to stop before that counts as a failure. */
export const NODE_STOP_MS_MAX = 30_000;
/**
 * How long a thread has to come up before that counts as a failure: on a machine that is overloaded
 * it takes seconds.
 */
export const THREAD_START_MS_MAX = 30_000;
/**
 * How often a thread is started until that is given up where others can do without it: for 50
 * seconds.
 */
export const THREAD_STARTS_MAX = 11;
/** The same where no other thread can, and the caller that waits for it is to be told. */
export const THREAD_STARTS_URGENT_MAX = 4;
/**
 * After how long starting a thread is tried again for the first time; then after twice as long, and
 * so on.
 */
export const THREAD_RETRY_MS = 50;

/**
 * Bytes of operations that a client holds back (large values, slots on the move) before it blocks.
 */
export const HELD_BYTES_MAX = 16 * 1024 * 1024;

/**
 * Operations of a client that wait behind updates of their keys, before it executes updates at
 * once: a few MiB of promises.
 */
export const QUEUED_OPERATIONS_MAX = 16_384;
/**
 * How often an update starts over because its own `change` has changed the key: this often, it will
 * not end by itself.
 */
export const SELF_CHANGES_MAX = 100;
/**
 * Calls of a store within codecs, and of updates within updates, within each other: far below where
 * a stack ends.
 */
export const NESTED_CALLS_MAX = 32;

/**
 * Keys that are read at one moment: as long as they are looked at none of them may change, or all
 * KNs stand still, for about a millisecond.
 */
export const CONSISTENT_KEYS_MAX = 4096;

/**
 * Keys of one atomic commit, checked ones included: their slots are locked together, for a
 * microsecond or two each, and the versions of all of them are left in a ring.
 */
export const COMMIT_KEYS_MAX = 1024;

/**
 * Runs of a transaction that others disturb each time before it gives up: they are some
 * milliseconds apart in the end, so that is half a second or so.
 */
export const TRANSACTION_RUNS_MAX = 64;

/**
 * What a client cache charges for a decoded record beside its encoded bytes: the object that holds
 * it, and the value's own header.
 */
export const CLIENT_CACHE_RECORD_BYTES = 96;
/** Smallest client cache: a few small values. */
export const CLIENT_CACHE_BYTES_MIN = 4 * 1024;
/**
 * Largest client cache: decoded values are on the garbage-collected heap, which is smaller than
 * that on every runtime.
 */
export const CLIENT_CACHE_BYTES_MAX = 2 ** 34;

/**
 * Garbage, as estimated by client/garbage_meter.ts, after which a collection is asked for, and
 * bytes of shared buffers beside which that is needed: few enough for a process, and many enough
 * that asking costs nothing.
 */
export const GARBAGE_BYTES_MIN = 64 * 1024 * 1024;
/**
 * By how much the process may grow, beside the pool, between two full collections: so much, or a
 * share of the least that it has held. Strings are no part of what the runtime says its heap is.
 */
export const GROWTH_BYTES_MIN = 128 * 1024 * 1024;
/** See {@linkcode GROWTH_BYTES_MIN}. */
export const GROWTH_SHARE = 0.25;
/** Most garbage between two looks: a small integer on every runtime. */
export const GARBAGE_BYTES_MAX = 2 ** 30 - 1;
/** Garbage of an operation beside what it decodes: measured 150 to 270 bytes. */
export const OPERATION_GARBAGE_BYTES = 200;
/**
 * Bytes of a decoded value for each encoded one: strings take one to two, arrays of small numbers
 * three.
 */
export const DECODED_FACTOR = 2;

/** Largest expiry time accepted, in milliseconds since the epoch: 48 bits, the year 10889. */
export const EXPIRY_MS_MAX = 2 ** 48 - 1;
/** Record versions have 47 bits: at a million writes a second to one slot they last four years. */
export const VERSION_MAX = 2 ** 47 - 1;

/** Share of the log that live records may fill; the rest keeps cleaning cheap (at most 10x). */
export const LIVE_SHARE_MAX = 0.9;
/** Free segments that puts leave alone, so that deletes and then the cleaner always find one. */
export const PUT_SEGMENT_RESERVE = 2;
/** Free segments that deletes leave alone, so that the cleaner always finds one. */
export const DELETE_SEGMENT_RESERVE = 1;
/** Share of a segment that cleaning must gain; below it, copying is not worth its cost. */
export const CLEANING_GAIN_MIN = 0.03;
/**
 * The same in bytes: more than the headers that what is moved gets where it goes, or small segments
 * would be cleaned for ever.
 */
export const CLEANING_GAIN_BYTES_MIN = 192;

/**
 * Keys that a hot-key sketch counts: with 64 of them what a count may be too high by is 1/64 of all
 * operations at most.
 */
export const HOT_KEY_COUNT = 64;
/**
 * Bytes of a key that a sketch keeps, so that an entry is a line; a longer key is named by its
 * first bytes and its hash.
 */
export const HOT_KEY_BYTES_MAX = 128;

/**
 * Keys that several KNs may own at one time: a client that routes a request compares its hash with
 * those of all of them.
 */
export const CELL_COUNT = 64;
/**
 * Longest key in bytes that several KNs may own: its cell holds it, and a sketch names no longer
 * one.
 */
export const CELL_KEY_BYTES_MAX = HOT_KEY_BYTES_MAX;

/**
 * Levels of objects within objects in a stored value: the runtime with the least stack, Node,
 * decodes a nest of 1,900 sets, and 3,300 of objects.
 */
export const NESTING_MAX = 512;

/** Shared msgpack structures per pool: beyond them objects carry their own key names. */
export const STRUCTURES_MAX = 128;
/** Keys of one shared structure; wider objects are dictionaries, whose key sets rarely repeat. */
export const STRUCTURE_KEYS_MAX = 64;
/** Characters of all key names of one shared structure. */
export const STRUCTURE_CHARS_MAX = 512;

/** Requests of a connection to another process that are not answered: as many as a ring holds. */
export const REMOTE_REQUESTS_MAX = 4096;
/**
 * Bytes of requests of such a connection that are not answered, and bytes of answers that are not
 * taken, before it has to wait. One request or answer may be longer: see gateway/open_bytes.ts.
 */
export const REMOTE_BYTES_MAX = 1024 * 1024;
/**
 * Sessions of other processes that a pool's ledger has room for: those that are connected, and
 * those whose processes may come back after their host has ended.
 */
export const LEDGER_PLACES = 512;
/**
 * Numbers for sessions that are reserved at one time: a file is written for so many connections.
 */
export const SESSIONS_RESERVED = 256;
/**
 * Requests of one session: as no number comes twice, an old record is never taken for a new one.
 */
export const SESSION_REQUESTS_MAX: number = 2 ** 31 - 1;
/** How long a session is kept at least that has lost its connection, if its place is wanted. */
export const SESSION_KEPT_MS = 30_000;
/** Bytes of a page of keys, beside one value: it is made in less than a millisecond. */
export const PAGE_BYTES = 48 * 1024;
/**
 * Bytes of all values of a consistent read of another process: until they are sent, this process
 * has them in memory.
 */
export const MOMENT_BYTES_MAX = 64 * 2 ** 20;
/** Bytes of changes that wait for a watch of another process; beyond them it is told to resync. */
export const WAITING_CHANGES_BYTES_MAX = 256 * 1024;
/**
 * Calls of such a connection at a time: each watch of a thread is one, and there is as much room
 * for others.
 */
export const CALLS_MAX = 8192;
/** Bytes of what a call asks for: the keys of a consistent read, most of all. */
export const CALL_BYTES_MAX = 9 * 2 ** 20;
/** Bytes of items of a call that wait to be taken, beside one item: two pages of keys. */
export const CALL_CREDIT_BYTES = 128 * 1024;
/** The same of a watch: the numbers of a thousand keys, or some dozens of changes. */
export const WATCH_CREDIT_BYTES = 4 * 1024;
/** The same of all calls of a connection: half of it is enough for as many watches as may be. */
export const CALL_CREDITS_MAX = 32 * 2 ** 20;
/** Connections of other processes to an open store, one for each of their threads that uses it. */
export const GATEWAY_CONNECTIONS_MAX = 256;
/** Bytes of the first frame of such a connection: as many numbers as may be without an answer. */
export const HELLO_BYTES_MAX = 128 * 1024;
/** Bytes of the frame that answers it: what became of as many requests. */
export const WELCOME_BYTES_MAX = 512 * 1024;
/** How long either side of such a connection waits for the first frame of the other one. */
export const HELLO_MS_MAX = 10_000;
/**
 * How long operations and openers wait for a process that has the pool open, while it opens, or
 * after the one before has ended.
 */
export const HOST_WAIT_MS_MAX = 60_000;
/** How long a lease of a node of a cluster may be. */
export const CLUSTER_LEASE_MS_MAX = 60_000;
/** How long a store that is closed waits for its gateway to answer what it has begun. */
export const GATEWAY_CLOSE_MS_MAX = 5000;
/** How long a thread blocks for an answer of another process when nothing at all comes. */
export const BLOCKED_SILENCE_MS_MAX = 30_000;
/** Connections to the socket of an open store at one time: persons at terminals, and scripts. */
export const LIVE_CONNECTIONS_MAX = 16;
/** Bytes of a request on it: with 16 connections 16 MiB at most may be taken for rubbish. */
export const LIVE_REQUEST_BYTES_MAX = 2 ** 20;
/** Bytes of one answer: more than a person reads, and one of each connection at a time. */
export const LIVE_ANSWER_BYTES_MAX = 16 * 2 ** 20;
/** How long a connection may be silent that owes a request, or does not take its answer. */
export const LIVE_IDLE_MS_MAX = 60_000;
/** How long a command waits for an answer: the host's thread may be busy, but not for that long. */
export const LIVE_ANSWER_MS_MAX = 10_000;
/** How long a gateway waits for the figures of the host's thread before it does without them. */
export const LIVE_HOST_MS_MAX = 1_000;

assert(SLOT_COUNT === 4096, "slots are hash >>> 20");
assert(REGION_BYTES / ADDRESS_UNIT_BYTES * REGION_COUNT_MAX === 2 ** 32, "a u32 reaches the pool");
assert(
  SEGMENT_BYTES_MIN >= 64 + REQUEST_HEADER_BYTES_MAX + KEY_BYTES_MAX,
  "a segment holds a record with the longest key",
);
assert(
  RING_BYTES_MIN / 2 >= REQUEST_HEADER_BYTES_MAX + KEY_BYTES_MAX,
  "a ring holds a request with the longest key",
);
assert(NODE_COUNT_MAX <= NODE_ID_COUNT, "every running KN has an identity of its own");
assert(RECONFIGURE_MS_MAX > UNAVAILABLE_AFTER_MS, "slots are refused before a change is given up");
assert(CAPACITY_BYTES_MIN / SEGMENT_BYTES_MIN >= SEGMENT_COUNT_MIN, "the smallest pool is usable");
