/**
 * NATS JetStream as the log engine.
 *
 * Streams are kept in files, by as many servers as there are replicas. The name of the cluster is
 * in front of the names of its streams and subjects. What the engine leaves open (log_engine.ts) is
 * what JetStream leaves open: a publish that times out, and one that is sent again when a
 * connection is there again; direct reads, which any replica answers; conditions, which a cluster
 * checks before it proposes.
 *
 * The client packages are loaded when they are used. They are pure JavaScript.
 *
 * @module
 */
import type {
  Consumer,
  ConsumerMessages,
  JetStreamClient,
  JetStreamManager,
  StoredMsg,
} from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import type { NatsAccess } from "../../core/cluster_identity.ts";
import {
  monotonicMs,
  nextTurn,
  runNextTurn,
  sleep,
  startTimer,
  type Timer,
} from "../../platform/runtime.ts";
import { MESSAGE_BYTES_MAX, PLAIN_MESSAGE_BYTES_MAX } from "../messages/message_limits.ts";
import type {
  AppendOutcome,
  Expectation,
  Following,
  Leading,
  LogEngine,
  LogMessage,
  ReadOutcome,
  StreamExtent,
} from "./log_engine.ts";
import { connectionOptionsOf, NO_ACCESS } from "./nats_access.ts";
import { leadHere } from "./stream_leader.ts";

/** How JetStream is reached. */
export interface JetStreamOptions {
  /** Addresses of servers, as "nats://127.0.0.1:4222" or "127.0.0.1:4222". */
  readonly servers: readonly string[];
  /** Name of the cluster: letters, digits, `-` and `_`. */
  readonly name: string;
  /** How many servers keep each stream: 1, 3 or 5. */
  readonly replicas: number;
  /** What they are shown. */
  readonly nats?: NatsAccess;
  /** After so many milliseconds an append or a read is unknown. @default 1000 */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS_DEFAULT = 1000;
/**
 * The first connection is tried for so long: a machine on which all else begins, too, may take
 * longer to make one than is waited for when one was lost, and another server may be there.
 */
const FIRST_MS_MAX = 10_000;
/** It is waited for so long until the server of this connection leads a stream. */
const LEADING_MS_MAX = 500;
/** A server that was gone has caught up in so many milliseconds, or others lead the logs. */
const CAUGHT_UP_MS_MAX = 30_000;
/** Between two attempts to connect, and to follow. */
const RETRY_MS = 100;
/**
 * A consumer asks for messages so often at least, and notices in half of that when it gets none.
 */
const PULL_MS = 2000;
/** Messages are taken for so long before other things have their turn. */
const TURN_MS = 2;
/**
 * After so long without a message is asked whether there are some, which do not come: the one
 * server that keeps a consumer may be gone, stand still, or be far behind the others.
 */
const STALL_MS = 1000;
/**
 * Bytes of one stream that are on their way to a follower: room for two of the longest messages, as
 * a server answers nothing when the next one has no room in what was asked for.
 */
const PULL_BYTES_MIN = 4 * 1024 * 1024;
/** What a server counts as a part of a message that it sends, beside it. */
const PULLED_BYTES = 4096;
/** A message that takes longer than at this rate was not stored, or is not answered. */
const BYTES_PER_MS = 2048;
/** The server's number for a condition that is not met. */
const WRONG_LAST_SEQUENCE = 10071;

/** What servers of NATS keep. */
export interface ServedEngine extends LogEngine {
  /** Bytes that a message of a client may have, as the server says that it is connected to. */
  readonly payloadBytesMax: number;
}

/** Connects to the servers, and goes on trying when they are gone later. */
export async function connectJetStream(options: JetStreamOptions): Promise<ServedEngine> {
  const { timeoutMs = TIMEOUT_MS_DEFAULT } = options;
  const { jetstream, jetstreamManager } = await import("@nats-io/jetstream");
  const connection = await connectFirst({ ...options, timeoutMs });
  const manager = await jetstreamManager(connection, { timeout: timeoutMs, checkAPI: false });
  const longMs = timeoutMs + MESSAGE_BYTES_MAX / BYTES_PER_MS;
  const patient = await jetstreamManager(connection, { timeout: longMs, checkAPI: false });
  const client = jetstream(connection, { timeout: timeoutMs });
  return new JetStreamEngine(connection, client, { manager, patient }, options);
}

/** Connects; again when nobody has answered in time. */
async function connectFirst(
  { servers, nats = NO_ACCESS, timeoutMs }: JetStreamOptions & { readonly timeoutMs: number },
): Promise<NatsConnection> {
  const { connect } = await import("@nats-io/transport-node");
  const options = {
    ...await connectionOptionsOf(nats),
    servers: [...servers],
    maxReconnectAttempts: -1,
    reconnectTimeWait: RETRY_MS,
    reconnectJitter: 0,
    timeout: timeoutMs,
    pingInterval: PULL_MS,
  };
  const deadlineMs = monotonicMs() + FIRST_MS_MAX;
  for (;;) {
    try {
      return await connect(options);
    } catch (error) {
      if ((error as Error).name !== "TimeoutError" || monotonicMs() >= deadlineMs) throw error;
    }
  }
}

class JetStreamEngine implements ServedEngine {
  readonly #connection: NatsConnection;
  readonly #client: JetStreamClient;
  readonly #manager: JetStreamManager;
  /** Waits for long messages. */
  readonly #patient: JetStreamManager;
  readonly #options: JetStreamOptions;
  readonly #followings = new Set<StreamFollowing>();
  /** Streams that are led here if possible, as the servers call them, until a signal. */
  readonly #led = new Map<AbortSignal, string>();
  /** Without a connection nothing is sent: the client would keep it all, without a bound. */
  #isConnected = true;

  constructor(
    connection: NatsConnection,
    client: JetStreamClient,
    { manager, patient }: Record<"manager" | "patient", JetStreamManager>,
    options: JetStreamOptions,
  ) {
    this.#connection = connection;
    this.#client = client;
    this.#manager = manager;
    this.#patient = patient;
    this.#options = options;
    void this.#watch();
  }

  get payloadBytesMax(): number {
    return this.#connection.info!.max_payload;
  }

  createStream(stream: string, done: (isThere: boolean) => void): void {
    const { name, replicas } = this.#options;
    const config = {
      name: this.#nameOf(stream),
      subjects: [`${name}.${stream}.>`],
      num_replicas: replicas,
      allow_direct: true,
    };
    this.#manager.streams.add(config).then(() => done(true), () => done(false));
  }

  lead(stream: string, done: () => void): Leading {
    const name = this.#nameOf(stream);
    const end = new AbortController();
    this.#led.set(end.signal, name);
    void leadHere(this.#connection, name, LEADING_MS_MAX, end.signal).then(done);
    return {
      stop: () => {
        end.abort();
        this.#led.delete(end.signal);
      },
    };
  }

  append(
    stream: string,
    subject: string,
    body: Uint8Array,
    expectation: Expectation | undefined,
    done: (outcome: AppendOutcome) => void,
  ): void {
    if (!this.#isConnected) return runNextTurn(() => done({ status: "unknown" }));
    const { timeoutMs = TIMEOUT_MS_DEFAULT } = this.#options;
    const common = { retries: 0, timeout: timeoutMs + body.length / BYTES_PER_MS };
    const options = expectation === undefined ? common : {
      ...common,
      expect: {
        lastSubjectSequence: expectation.sequence,
        ...(expectation.subject === subject ? {} : {
          lastSubjectSequenceSubject: this.#subjectOf(stream, expectation.subject),
        }),
      },
    };
    this.#client.publish(this.#subjectOf(stream, subject), body, options).then(
      ({ seq }) => done({ status: "stored", sequence: seq }),
      (cause) => {
        const isRefused = (cause as { code?: unknown }).code === WRONG_LAST_SEQUENCE;
        done(isRefused ? { status: "refused" } : { status: "unknown", cause });
      },
    );
  }

  get(
    stream: string,
    sequence: number,
    done: (outcome: ReadOutcome) => void,
    bytes = 0,
  ): void {
    const isLong = bytes > PLAIN_MESSAGE_BYTES_MAX;
    this.#read(stream, { seq: sequence }, done, isLong ? this.#patient : this.#manager);
  }

  last(stream: string, subject: string, done: (outcome: ReadOutcome) => void): void {
    this.#read(stream, { last_by_subj: this.#subjectOf(stream, subject) }, done);
  }

  follow(stream: string, from: number, take: (message: LogMessage) => void): Following {
    const subjectAt = this.#subjectOf(stream, "").length;
    const following = new StreamFollowing(
      this.#client,
      this.#nameOf(stream),
      (done) => this.extent(stream, done),
      subjectAt,
      from,
      take,
      pullBytesFor(this.payloadBytesMax),
    );
    this.#followings.add(following);
    return {
      stop: () => {
        following.stop();
        this.#followings.delete(following);
      },
    };
  }

  purge(stream: string, upTo: number, done: (isDone: boolean) => void): void {
    // The server removes what is before the sequence that it is given.
    this.#manager.streams.purge(this.#nameOf(stream), { seq: upTo + 1 })
      .then(({ success }) => done(success), () => done(false));
  }

  extent(stream: string, done: (extent: StreamExtent | undefined) => void): void {
    this.#manager.streams.info(this.#nameOf(stream)).then(
      // A stream in which nothing was stored yet begins at 0, for the server.
      ({ state }) =>
        done({ first: Math.max(1, state.first_seq), last: state.last_seq, bytes: state.bytes }),
      () => done(undefined),
    );
  }

  async close(): Promise<void> {
    for (const following of this.#followings) following.stop();
    await this.#connection.close();
  }

  async #watch(): Promise<void> {
    for await (const { type } of this.#connection.status()) {
      if (type === "disconnect") this.#isConnected = false;
      if (type !== "reconnect") continue;
      this.#isConnected = true;
      for (const [signal, stream] of this.#led) {
        void leadHere(this.#connection, stream, CAUGHT_UP_MS_MAX, signal);
      }
    }
  }

  #read(
    stream: string,
    query: { seq: number } | { last_by_subj: string },
    done: (outcome: ReadOutcome) => void,
    { direct }: JetStreamManager = this.#manager,
  ): void {
    const subjectAt = this.#subjectOf(stream, "").length;
    const found = (message: StoredMsg | null): ReadOutcome => {
      if (message === null) return { status: "absent" };
      const { seq, subject, data } = message;
      return {
        status: "found",
        message: { sequence: seq, subject: subject.slice(subjectAt), body: data.slice() },
      };
    };
    direct.getMessage(this.#nameOf(stream), query).then(
      (message) => done(found(message)),
      (cause) => done({ status: "unknown", cause }),
    );
  }

  #nameOf(stream: string): string {
    return `${this.#options.name}-${stream}`;
  }

  #subjectOf(stream: string, subject: string): string {
    return `${this.#options.name}.${stream}.${subject}`;
  }
}

function pullBytesFor(payloadBytes: number): number {
  const longest = Math.min(payloadBytes, MESSAGE_BYTES_MAX) + PULLED_BYTES;
  return Math.max(PULL_BYTES_MIN, 2 * longest);
}

/**
 * Follows one stream, by one ordered consumer after the other. Each is kept by one server, which
 * another one has to take the place of when nothing comes from it any more.
 */
class StreamFollowing implements Following {
  readonly #client: JetStreamClient;
  readonly #stream: string;
  readonly #extent: (done: (extent: StreamExtent | undefined) => void) => void;
  /** Where in a subject of the server that of the engine begins. */
  readonly #subjectAt: number;
  readonly #take: (message: LogMessage) => void;
  readonly #pullBytes: number;
  readonly #end = new AbortController();
  #next: number;
  /** Ends the consumer that there is. */
  #stopConsumer = () => {};
  #timer: Timer | undefined;

  constructor(
    client: JetStreamClient,
    stream: string,
    extent: (done: (extent: StreamExtent | undefined) => void) => void,
    subjectAt: number,
    from: number,
    take: (message: LogMessage) => void,
    pullBytes: number,
  ) {
    this.#client = client;
    this.#stream = stream;
    this.#extent = extent;
    this.#subjectAt = subjectAt;
    this.#next = from;
    this.#take = take;
    this.#pullBytes = pullBytes;
    void this.#run();
    this.#lookLater(from);
  }

  stop(): void {
    this.#end.abort();
    this.#timer?.stop();
    this.#stopConsumer();
  }

  /** Looks a little later whether something has come since, or should have. */
  #lookLater(next: number): void {
    this.#timer = startTimer(
      () => {
        if (this.#next !== next) return this.#lookLater(this.#next);
        this.#extent((extent) => {
          if (this.#end.signal.aborted) return;
          const isStalled = this.#next === next && extent !== undefined && extent.last >= next;
          if (isStalled) this.#stopConsumer();
          this.#lookLater(this.#next);
        });
      },
      STALL_MS,
      { keepsAlive: false },
    );
  }

  async #run(): Promise<void> {
    const { signal } = this.#end;
    while (!signal.aborted) {
      try {
        const consumer = await this.#client.consumers.get(this.#stream, {
          deliver_policy: "by_start_sequence",
          opt_start_seq: this.#next,
        });
        await this.#consume(consumer);
      } catch {
        // The server is not there, or has no such stream: it may be soon.
      }
      if (!signal.aborted) await sleep(RETRY_MS, { keepsAlive: false, signal });
    }
  }

  /**
   * Passes on messages until one is missing, or the consumer ends or is silent. Before the first
   * message of a consumer none is missing: what was there was purged.
   */
  async #consume(consumer: Consumer): Promise<void> {
    const messages = await consumer.consume({
      max_bytes: this.#pullBytes,
      expires: PULL_MS,
      idle_heartbeat: PULL_MS / 2,
    });
    this.#stopConsumer = () => messages.stop();
    if (this.#end.signal.aborted) return messages.stop();
    void this.#stopWhenStalled(messages);
    let isFirst = true;
    let takenMs = 0;
    try {
      for await (const { seq, subject, data } of messages) {
        if (this.#end.signal.aborted || (seq > this.#next && !isFirst)) return;
        isFirst = false;
        if (seq < this.#next) continue;
        this.#next = seq + 1;
        const beganMs = monotonicMs();
        this.#take({ sequence: seq, subject: subject.slice(this.#subjectAt), body: data.slice() });
        takenMs += monotonicMs() - beganMs;
        if (takenMs < TURN_MS) continue;
        takenMs = 0;
        await nextTurn();
      }
    } finally {
      this.#stopConsumer = () => {};
      messages.stop();
    }
  }

  /**
   * Ends what a consumer sends when it has missed heartbeats: the server that had it may be gone.
   * The client makes another one by itself, and for ever waits in vain if its stream has no leader
   * then.
   *
   * The same when the next message had no room in what was asked for, and nothing comes after that:
   * the client asks again only when it has missed heartbeats.
   */
  async #stopWhenStalled(messages: ConsumerMessages): Promise<void> {
    for await (const { type } of messages.status()) {
      if (type === "heartbeats_missed") messages.stop();
      if (type !== "exceeded_limits") continue;
      const next = this.#next;
      startTimer(() => this.#next === next && messages.stop(), RETRY_MS, { keepsAlive: false });
    }
  }
}
