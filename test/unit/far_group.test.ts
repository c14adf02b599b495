/**
 * What the requests of one step of a far KN see of each other, and what becomes of them when the
 * step cannot be logged.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { NO_VALUE, requestLength } from "../../lib/client/request_draft.ts";
import { RequestWriter } from "../../lib/client/request_writer.ts";
import type { NodeId, Slot } from "../../lib/core/brands.ts";
import { KeyEncoder } from "../../lib/core/key_encoder.ts";
import { SLOT_COUNT, SLOT_SHIFT } from "../../lib/core/limits.ts";
import { packMeta, RecordKind } from "../../lib/log/record_layout.ts";
import { FarNode } from "../../lib/far/node/far_node.ts";
import { LogFile } from "../../lib/persistence/log_file.ts";
import { geometryOf } from "../../lib/pool/geometry.ts";
import { placeFar } from "../../lib/pool/placement.ts";
import { Pool } from "../../lib/pool/pool.ts";
import { VerbCounter } from "../../lib/pool/verbs.ts";
import { RequestConsumer } from "../../lib/rings/request_consumer.ts";
import { RequestProducer } from "../../lib/rings/request_producer.ts";
import { ResponseReader } from "../../lib/rings/response_ring.ts";
import {
  COMPLETION_ADDRESS,
  COMPLETION_STATUS,
  COMPLETION_VERSION_LOW,
  Condition,
  createRing,
  Operation,
  packOperation,
  REQUEST_OWNER_WORD,
  Status,
  statusOf,
} from "../../lib/rings/ring_layout.ts";
import { initialiseOwner, loadOwner } from "../../lib/routing/ownership.ts";
import { MemoryDisk, systemError } from "../support/memory_disk.ts";

const NODE = 0 as NodeId;
const IMAGE = "/pool/image";
const CLIENT_COUNT = 2;

const clock = () => 1000;

/** One client's end of its ring to the KN. */
class Client {
  readonly ring = createRing(1 << 14, 64, 1 << 14);
  readonly #pool: Pool;
  readonly #keys: KeyEncoder;
  readonly #producer = new RequestProducer(this.ring);
  readonly #bytes: Uint8Array;
  readonly #responses = new ResponseReader(this.ring);
  readonly #writer: RequestWriter;

  constructor(pool: Pool, clientId: number) {
    this.#pool = pool;
    this.#keys = new KeyEncoder(...pool.hashKey);
    this.#writer = new RequestWriter(clientId);
    const { buffer, byteOffset, byteLength } = this.#producer.words;
    this.#bytes = new Uint8Array(buffer, byteOffset, byteLength);
  }

  put(key: string, value: string): void {
    this.#send(Operation.PUT, key, value);
  }

  get(key: string): void {
    this.#send(Operation.GET, key);
  }

  delete(key: string): void {
    this.#send(Operation.DELETE, key);
  }

  /**
   * What has been answered since the last time: values that were read, and the names of all other
   * statuses.
   */
  answers(): string[] {
    const answers: string[] = [];
    const producer = this.#producer;
    const { words } = producer;
    while (producer.hasCompletion()) {
      const at = producer.completionAt();
      const status = statusOf(words[at + COMPLETION_STATUS]);
      answers.push(status === Status.FOUND ? this.#take(at) : nameOf(status));
      producer.settle();
    }
    return answers;
  }

  #take(at: number): string {
    const { words } = this.#producer;
    const { bytes } = this.#responses.take(
      words[at + COMPLETION_ADDRESS],
      words[at + COMPLETION_VERSION_LOW],
    );
    return new TextDecoder().decode(bytes);
  }

  #send(operation: number, key: string, value?: string): void {
    const slot = (this.#keys.encode(key) >>> SLOT_SHIFT) as Slot;
    const bytes = new TextEncoder().encode(value);
    const kind = operation === Operation.DELETE ? RecordKind.DELETE : RecordKind.PUT;
    const draft = {
      operation: packOperation(operation, Condition.NONE),
      meta: packMeta(this.#keys.byteLength, kind, 0),
      key: this.#keys,
      value: value === undefined ? NO_VALUE : { bytes, start: 0, end: bytes.length },
      expiresAtMs: Infinity,
      expectedVersion: 0,
    };
    const at = this.#producer.claim(requestLength(draft));
    this.#writer.write(draft, this.#producer.words, this.#bytes, at);
    this.#producer.words[at + REQUEST_OWNER_WORD] = loadOwner(this.#pool, slot);
    this.#producer.publish();
  }
}

function nameOf(status: number): string {
  return Object.entries(Status).find(([, value]) => value === status)![0];
}

/** A KN with all slots, and its clients. */
class Fixture {
  readonly disk = new MemoryDisk();
  readonly node: FarNode;
  readonly clients: readonly Client[];

  constructor({ hasFile }: { hasFile: boolean }) {
    const pool = Pool.create(geometryOf(1 << 20, 1 << 16), [1, 2]);
    placeFar(pool, 1 << 18);
    for (let slot = 0; slot < SLOT_COUNT; slot++) initialiseOwner(pool, slot as Slot, NODE);
    this.disk.replaceFile(IMAGE, new Uint8Array(0));
    this.clients = Array.from({ length: CLIENT_COUNT }, (_, i) => new Client(pool, i));
    const consumers = this.clients.map(({ ring }) => new RequestConsumer(ring));
    const file = hasFile ? new LogFile(pool, this.disk, IMAGE, clock) : undefined;
    this.node = new FarNode({ pool, nodeId: NODE, agent: NODE, consumers, clock, file });
  }

  /** Lets the KN do one step; returns what every client has been answered. */
  step(): string[][] {
    this.node.doWork();
    return this.clients.map((client) => client.answers());
  }

  get writes(): number {
    return this.node.verbs.get(VerbCounter.WRITES);
  }
}

test("reads find what the same step has written before them, of any client", () => {
  const f = new Fixture({ hasFile: false });
  const [a, b] = f.clients;
  a!.get("k");
  a!.put("k", "one");
  a!.get("k");
  a!.put("k", "two");
  b!.get("k");
  b!.get("other");
  b!.delete("k");
  b!.get("k");
  assert.equal(f.step(), [["UNMET", "OK", "one", "OK"], ["two", "UNMET", "OK", "UNMET"]]);
  assert.is(f.writes, 1, "all of it is logged by one write");
});

test("such reads are counted as found in the log", () => {
  const f = new Fixture({ hasFile: false });
  const [a] = f.clients;
  a!.put("k", "one");
  a!.get("k");
  f.step();
  assert.is(f.node.verbs.get(VerbCounter.LOG_HITS), 1);
  assert.is(f.node.verbs.get(VerbCounter.GETS), 1);
});

test("where the log is written to a file, reads of what a step changes wait until that is written", () => {
  const f = new Fixture({ hasFile: true });
  const [a, b] = f.clients;
  a!.put("k", "one");
  a!.get("k");
  b!.get("k");
  assert.equal(f.step(), [["OK"], []]);
  assert.equal(f.step(), [["one"], ["one"]]);
});

test("no read returns what could not be written", () => {
  const f = new Fixture({ hasFile: true });
  const [a, b] = f.clients;
  a!.put("k", "one");
  assert.equal(f.step(), [["OK"], []]);
  f.disk.beforeCall = (call) => {
    if (call === "write") throw systemError("EIO", call);
  };
  a!.put("k", "two");
  a!.get("k");
  b!.get("k");
  assert.equal(f.step(), [["NOT_DURABLE"], []]);
  assert.equal(f.step(), [["one"], ["one"]]);
});

test.run();
