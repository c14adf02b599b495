/**
 * The option `cluster`, and what does not go with it.
 *
 * @module
 */
import { CAPACITY_BYTES_MAX, NODE_ID_COUNT } from "../core/limits.ts";
import { describe, InvalidOptionError } from "../core/errors.ts";
import type { IndexOptions } from "../cluster/index/index_keeper.ts";
import type { Bytes } from "../core/units.ts";
import { bytesWithin, requireThat, wholeNumber } from "./option_rules.ts";

/** A cluster, and what this process is to be in it. */
export interface ClusterOptions {
  /**
   * Addresses of servers of NATS with JetStream, version 2.12 or newer, such as
   * `"nats://10.0.0.1:4222"`: one or more of them; the others are found.
   */
  servers: readonly string[];
  /** Name of the cluster, by which the servers keep it apart: 1 to 64 letters, digits, `-` or `_`. */
  name: string;
  /**
   * Whether this process is a node, which owns a part of the keys and answers for them; false: it
   * asks the nodes that there are. A number, 0 to 1023, has it be the node with that number, which
   * no other process may be at that time.
   * @default true
   */
  node?: boolean | number | undefined;
  /**
   * How many servers keep what is stored: 1, 3 or 5. What is acknowledged is on a majority of them.
   * The same for all processes of a cluster.
   * @default 3; 1 if `servers` names one
   */
  replicas?: number | undefined;
  /**
   * After how many milliseconds without a sign of life a node's keys are given to others, 500 to
   * 60000. The same for all processes of a cluster.
   * @default what the cluster was made with, 3000 for a new one
   */
  leaseMs?: number | undefined;
  /**
   * Bytes of values and addresses that the node of this process keeps in memory, 0 to 32 GiB; what
   * is in neither is read from the servers.
   * @default "64MiB"
   */
  cache?: Bytes | undefined;
  /** Address of this machine at which its node takes requests. @default "127.0.0.1" */
  host?: string | undefined;
  /** TCP port for that; 0 for any. @default 0 */
  port?: number | undefined;
  /**
   * What all processes of the cluster know, and nobody else, at least 16 characters: who does not
   * know it gets no answer from nodes.
   * @default none
   */
  secret?: string | undefined;
}

/** The options of a cluster after validation. */
export interface ResolvedCluster {
  readonly servers: readonly string[];
  readonly name: string;
  readonly node: boolean | number;
  readonly replicas: number;
  readonly leaseMs: number | undefined;
  readonly cacheBytes: number;
  readonly host: string;
  readonly port: number;
  readonly secret: string | undefined;
  /** For tests: when the node writes its index and cleans. */
  readonly index?: Partial<IndexOptions>;
}

/** Names of the options of a cluster. */
const NAMES: readonly string[] = [
  "servers",
  "name",
  "node",
  "replicas",
  "leaseMs",
  "cache",
  "host",
  "port",
  "secret",
] satisfies (keyof ClusterOptions)[];
/** Options that a store of a cluster has, beside that one. */
const BESIDE: readonly string[] = [
  "cluster",
  "keys",
  "codec",
  "keepAlive",
  "workers",
];
const NAME = /^[A-Za-z0-9_-]{1,64}$/;
const LEASE_MS_MIN = 500;
const LEASE_MS_MAX = 60_000;
const CACHE_DEFAULT = "64MiB";
const SECRET_CHARS_MIN = 16;
const PORT_MAX = 65_535;
/** Addresses that no other machine reaches. */
const LOOPBACK = /^(?:127(?:\.[0-9]{1,3}){3}|::1|localhost)$/;

/**
 * Checks the option `cluster`; undefined without it.
 *
 * @throws {InvalidOptionError} when it is given, and cannot be
 */
export function clusterOf(
  options: { readonly cluster?: ClusterOptions | undefined },
): ResolvedCluster | undefined {
  const { cluster } = options;
  if (cluster === undefined) return undefined;
  const isObject = typeof cluster === "object" && cluster !== null;
  requireThat(isObject, "cluster", "must be an object", cluster);
  for (const name of Object.keys(cluster)) {
    if (NAMES.includes(name)) continue;
    throw new InvalidOptionError(
      `cluster must have options among ${NAMES.join(", ")}, got ${describe(name)}`,
    );
  }
  for (const [name, value] of Object.entries(options)) {
    const isBeside = value === undefined || BESIDE.includes(name);
    requireThat(isBeside, name, "must be left out with cluster", value);
  }
  const servers = serversOf(cluster.servers);
  const { name, leaseMs, node = true, port = 0, secret } = cluster;
  const isName = typeof name === "string" && NAME.test(name);
  requireThat(isName, "cluster.name", "must be 1 to 64 letters, digits, - or _", name);
  return {
    servers,
    name,
    node: typeof node === "boolean"
      ? node
      : wholeNumber("cluster.node", node, 0, NODE_ID_COUNT - 1),
    replicas: replicasOf(cluster.replicas, servers),
    leaseMs: leaseMs === undefined
      ? undefined
      : wholeNumber("cluster.leaseMs", leaseMs, LEASE_MS_MIN, LEASE_MS_MAX),
    cacheBytes: cacheBytesOf(cluster.cache),
    host: hostOf(cluster.host),
    port: wholeNumber("cluster.port", port, 0, PORT_MAX),
    secret: secretOf(secret),
  };
}

function serversOf(value: unknown): readonly string[] {
  const isList = Array.isArray(value) && value.length > 0 &&
    value.every((server) => typeof server === "string" && server !== "");
  requireThat(isList, "cluster.servers", "must be a list of addresses", value);
  return [...value as string[]];
}

function replicasOf(value: number | undefined, servers: readonly string[]): number {
  const replicas = value ?? (servers.length === 1 ? 1 : 3);
  const isOdd = replicas === 1 || replicas === 3 || replicas === 5;
  requireThat(isOdd, "cluster.replicas", "must be 1, 3 or 5", value);
  return replicas;
}

function cacheBytesOf(cache: Bytes = CACHE_DEFAULT): number {
  return cache === 0 ? 0 : bytesWithin("cluster.cache", cache, 1, CAPACITY_BYTES_MAX);
}

/** Connections are not encrypted, so nobody else may be on their way. */
function hostOf(value: unknown = "127.0.0.1"): string {
  const isLoopback = typeof value === "string" && LOOPBACK.test(value);
  requireThat(
    isLoopback,
    "cluster.host",
    "must be a loopback address, as connections between nodes are not encrypted yet",
    value,
  );
  return value as string;
}

function secretOf(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  const isLong = typeof value === "string" && value.length >= SECRET_CHARS_MIN;
  // It is not told, not even in part.
  requireThat(
    isLong,
    "cluster.secret",
    `must have at least ${SECRET_CHARS_MIN} characters`,
    "another one",
  );
  return value as string;
}
