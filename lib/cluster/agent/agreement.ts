/**
 * What all openers of a cluster have alike: the first one proposes its settings, which count.
 *
 * @module
 */
import { InvalidOptionError } from "../../core/errors.ts";
import type { KeyTypes } from "../../core/key_types.ts";
import { monotonicMs, sleep } from "../../platform/runtime.ts";
import { messageBytesIn, type Settings, STREAM_FORMAT } from "../control/command.ts";
import { CONTROL_STREAM } from "../control/control_log.ts";
import type { AppendOutcome, LogEngine } from "../engine/log_engine.ts";
import {
  messageBytesFor,
  payloadBytesFor,
  PLAIN_MESSAGE_BYTES_MAX,
} from "../messages/message_limits.ts";
import { settingsProof } from "../network/cluster_handshake.ts";

/** What an opener wants. */
export interface WantedSettings {
  readonly keys: KeyTypes;
  readonly codec: string;
  readonly replicas: number;
  /** Undefined: what the cluster has. */
  readonly leaseMs: number | undefined;
  readonly secret: string | undefined;
}

/** The lease of a cluster whose first opener has not said another one. */
export const LEASE_MS_DEFAULT = 3000;
/** Pause between two proposals. */
const PROPOSE_MS = 100;

/**
 * What an opener proposes, as the first one, on servers that take so many bytes.
 *
 * @throws {InvalidOptionError} when these are too few
 */
export function settingsFor(
  wanted: WantedSettings,
  payloadBytes: number,
): Settings & { readonly kind: "settings" } {
  assertTaken(payloadBytes, PLAIN_MESSAGE_BYTES_MAX, "any cluster");
  const { keys, codec, replicas, leaseMs = LEASE_MS_DEFAULT, secret } = wanted;
  const [key0, key1] = crypto.getRandomValues(new Int32Array(2));
  const hashKey = [key0!, key1!] as const;
  const proof = settingsProof(secret, hashKey);
  const messageBytes = messageBytesFor(payloadBytes);
  const common = { hashKey, keys, codec, replicas, leaseMs, proof };
  return { kind: "settings", ...common, format: STREAM_FORMAT, messageBytes };
}

/** Appends to the control stream until that is known to be stored: Infinity if not in time. */
export async function propose(
  engine: LogEngine,
  proposal: Uint8Array,
  timeoutMs: number,
): Promise<number> {
  const deadlineMs = monotonicMs() + timeoutMs;
  while (monotonicMs() < deadlineMs) {
    // It may be there already, with as many replicas as others have wanted.
    await new Promise<void>((resolve) => engine.createStream(CONTROL_STREAM, () => resolve()));
    const outcome = await new Promise<AppendOutcome>((resolve) => {
      engine.append(CONTROL_STREAM, "settings", proposal, undefined, resolve);
    });
    if (outcome.status === "stored") return outcome.sequence;
    await sleep(PROPOSE_MS, { keepsAlive: false });
  }
  return Infinity;
}

/**
 * Compares what an opener wants, and its servers take, with what the cluster has.
 *
 * @throws {InvalidOptionError} when they differ
 */
export function assertAgreed(
  settings: Settings,
  wanted: WantedSettings,
  payloadBytes: number,
): void {
  const { format = 1 } = settings;
  const messageBytes = messageBytesIn(settings);
  if (messageBytes === undefined) {
    throw new InvalidOptionError(
      `cluster.name must be of a cluster whose streams have format ${STREAM_FORMAT}, as this ` +
        `release writes, got one of format ${format}, which another release has made`,
    );
  }
  for (const name of ["keys", "codec", "replicas", "leaseMs"] as const) {
    const [wants, has] = [wanted[name], settings[name]];
    if (wants === undefined || wants === has) continue;
    const option = name === "keys" || name === "codec" ? name : `cluster.${name}`;
    throw new InvalidOptionError(
      `${option} must be what the cluster was made with, ${JSON.stringify(has)}, got ${
        JSON.stringify(wants)
      }`,
    );
  }
  if (settingsProof(wanted.secret, settings.hashKey) !== settings.proof) {
    throw new InvalidOptionError("cluster.secret must be the one that the cluster was made with");
  }
  assertTaken(payloadBytes, messageBytes, "this cluster, by the servers it was made on,");
}

/** @throws {InvalidOptionError} when servers take no messages of so many bytes */
function assertTaken(payloadBytes: number, messageBytes: number, cluster: string): void {
  const needed = payloadBytesFor(messageBytes);
  if (payloadBytes >= needed) return;
  throw new InvalidOptionError(
    `cluster.servers must take messages as long as ${cluster} has them, ${needed} bytes, got ` +
      `servers of NATS with max_payload ${payloadBytes}: raise max_payload on all of them`,
  );
}
