/**
 * A node rehearses what it will have to do first, before it joins.
 *
 * A runtime compiles each function when it is called first. So a node that has just been started
 * took 25 ms of processor time on Bun, and 17 on Deno, to take over its first slots, to write what
 * is asked of them and to answer it, and 4 for the next ones: time in which requests wait. Behind a
 * rehearsal the first ones take 9 to 10. (Medians of a busy machine.)
 *
 * It plays that through on a stage (stage.ts): a node that joins, gets slots, and is asked, by the
 * frames that threads send. Nothing of the cluster is in it, neither streams nor clocks nor keys,
 * and nothing is left of it but code that is compiled.
 *
 * @module
 */
import {
  draftDerived,
  draftOfKey,
  draftPut,
  type RequestDraft,
} from "../../client/request_draft.ts";
import { RequestWriter } from "../../client/request_writer.ts";
import { NumberForm } from "../../codec/stored_numbers.ts";
import { KEY_TYPE_NUMBERS } from "../../core/key_types.ts";
import { KeyEncoder } from "../../core/key_encoder.ts";
import { SLOT_SHIFT } from "../../core/limits.ts";
import { RECORD_REQUEST_POSITION } from "../../log/record_layout.ts";
import { DerivationWords, KEEP_EXPIRY } from "../../rings/derivation_words.ts";
import { Condition, Operation, REQUEST_RECORD } from "../../rings/ring_layout.ts";
import { WIRE_HEADER_BYTES } from "../../wire/frame.ts";
import { encodeRouted, type RoutedRequest } from "../network/cluster_frames.ts";
import { NodeSession } from "../network/node_session.ts";
import { ClusterNode } from "../node/cluster_node.ts";
import { COPIES } from "../node/key_meter.ts";
import { BALANCE } from "../node/load_plan.ts";
import { makeShared, ringBytesFor } from "../shared/shared_layout.ts";
import { SharedValues } from "../shared/shared_values.ts";
import { NodeExecutor } from "./node_executor.ts";
import { Stage, StageEngine } from "./stage.ts";

const HASH_KEY = [1, 2] as const;
const TIMES = { leaseMs: 3000, marginMs: 300 };
const CACHE_BYTES = 512 * 1024;
const KEYS = Array.from({ length: 16 }, (_, i) => `key ${i}`);
const VALUE = { bytes: new Uint8Array(100), start: 0, end: 100 };

/**
 * Plays it.
 *
 * @returns how many requests the node has answered
 */
export function rehearse(): number {
  const stage = new Stage();
  const node = new ClusterNode({
    engine: new StageEngine(stage),
    clock: stage,
    soon: (task) => void stage.after(0, task),
    times: TIMES,
    node: 0,
    hashKey: HASH_KEY,
    nameLife: () => "its only life",
    balance: BALANCE,
    copies: COPIES,
    shared: new SharedValues(makeShared(ringBytesFor(CACHE_BYTES))),
    index: { cacheBytes: CACHE_BYTES },
  });
  node.start();
  stage.play(() => node.servedSince(0) > 0);
  const answered = ask(stage, node);
  node.stop();
  return answered;
}

/** Adds to, puts and gets keys, by frames; returns how many requests were answered. */
function ask(stage: Stage, node: ClusterNode): number {
  let answered = 0;
  const executor = new NodeExecutor(node);
  const connection = new NodeSession({
    session: 1,
    executor: {
      isCrowded: false,
      clockMs: () => executor.clockMs(),
      execute: (words, facts, done) =>
        executor.execute(words, facts, (answer) => {
          answered += 1;
          done(answer);
        }),
    },
    rules: { hashKey: HASH_KEY, keyTypes: KEY_TYPE_NUMBERS.string },
    isOwn: false,
    write: () => true,
  });
  let asked = 0;
  for (const draft of [draftAdd, draftValue, draftGet]) {
    const requests = requestsTo(node, draft, asked);
    asked += requests.length;
    const from = { confirmed: 0, returned: 0, welcomeMs: 0, recalled: 0 };
    connection.receive(encodeRouted({ ...from, requests }).slice(WIRE_HEADER_BYTES));
    stage.play(() => answered === asked);
  }
  return answered;
}

/** A request for each key. */
function requestsTo(
  node: ClusterNode,
  draft: (key: KeyEncoder) => RequestDraft,
  number: number,
): RoutedRequest[] {
  const writer = new RequestWriter(0);
  const key = new KeyEncoder(...HASH_KEY);
  const requests: RoutedRequest[] = [];
  for (const name of KEYS) {
    const slot = key.encode(name) >>> SLOT_SHIFT;
    const words = writer.copy(draft(key));
    words[REQUEST_RECORD + RECORD_REQUEST_POSITION] = number + requests.length + 1;
    requests.push({ assignedAt: node.routeOf(slot).routedBy, ageMs: 0, copiedReads: 0, words });
  }
  return requests;
}

function draftAdd(key: KeyEncoder): RequestDraft {
  const asked = new DerivationWords();
  asked.askToAdd(NumberForm.MSGPACK, 1, -Infinity, Infinity, KEEP_EXPIRY, Infinity);
  return draftDerived(Operation.ADD, key, asked, false);
}

function draftValue(key: KeyEncoder): RequestDraft {
  return draftPut(key, VALUE, Infinity, Condition.NONE, 0, false);
}

function draftGet(key: KeyEncoder): RequestDraft {
  return draftOfKey(Operation.GET, key);
}
