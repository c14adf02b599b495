/**
 * The option `cluster`, and what does not go with it.
 *
 * @module
 */
import { CAPACITY_BYTES_MAX, CLUSTER_LEASE_MS_MAX, NODE_ID_COUNT } from "../../core/limits.ts";
import { describe, InvalidOptionError } from "../../core/errors.ts";
import {
  type ClusterTlsOptions,
  type NatsOptions,
  type ResolvedSecurity,
  securityOf,
} from "./cluster_security.ts";
import type { IndexOptions } from "../../cluster/index/index_keeper.ts";
import type { Bytes } from "../../core/units.ts";
import { bytesWithin, requireThat, wholeNumber } from "./option_rules.ts";

/** A cluster, and what this process is to be in it. */
export interface ClusterOptions {
  /**
   * Addresses of servers of NATS with JetStream, version 2.12 or newer, such as
   * `"nats://10.0.0.1:4222"`: one or more of them; the others are found. Users and passwords are in
   * `nats`.
   */
  servers: readonly string[];
  /**
   * Name of the cluster, by which the servers keep it apart: 1 to 64 letters, digits, `-` or `_`.
   */
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
  /**
   * Whether the node of this process gives some of its keys to others when it is asked for more
   * than they are.
   * @default true
   */
  balance?: boolean | undefined;
  /**
   * Whether the node of this process lends copies of keys that are read very often to the threads
   * that read them, which answer reads themselves then, for a tenth of a second at a time.
   * @default true
   */
  copies?: boolean | undefined;
  /**
   * Whether processes of the same user on this machine may reach the node of this process, and this
   * process theirs, by a UNIX socket in `/tmp/dinomo-nodes-<uid>`. With `tls` only if there is a
   * `secret`, too. On Windows, and where there is none, they use TCP.
   * @default true
   */
  near?: boolean | undefined;
  /**
   * Address of this machine at which its node takes requests. One that other machines reach needs
   * `tls` and `secret`.
   * @default "127.0.0.1"
   */
  host?: string | undefined;
  /** TCP port for that; 0 for any. @default 0 */
  port?: number | undefined;
  /**
   * Host, or host and port, at which other processes reach the node, such as
   * `"node1.example.com:7000"`, if that is not where it listens.
   * @default `host` and the port at which it listens
   */
  advertise?: string | undefined;
  /**
   * What all processes of the cluster know, and nobody else, at least 16 characters: who does not
   * know it gets no answer from nodes.
   * @default none
   */
  secret?: string | undefined;
  /**
   * Has connections between processes encrypted: all processes of a cluster, or none.
   * @default none
   */
  tls?: ClusterTlsOptions | undefined;
  /** How the servers of NATS know this process, and it them. @default they ask for nothing */
  nats?: NatsOptions | undefined;
}

/** The options of a cluster after validation. */
export interface ResolvedCluster extends ResolvedSecurity {
  readonly servers: readonly string[];
  readonly name: string;
  readonly node: boolean | number;
  readonly replicas: number;
  readonly leaseMs: number | undefined;
  readonly port: number;
  readonly cacheBytes: number;
  readonly balance: boolean;
  readonly copies: boolean;
  /** Whether it is to use UNIX sockets, and may. */
  readonly near: boolean;
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
  "balance",
  "copies",
  "near",
  "host",
  "port",
  "advertise",
  "secret",
  "tls",
  "nats",
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
/** One address, and nobody's name or password, which would be told with it. */
const SERVER = /^[^\s,@]+$/;
const LEASE_MS_MIN = 500;
const CACHE_DEFAULT = "64MiB";
const PORT_MAX = 65_535;

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
  const { name, leaseMs, node = true, port = 0 } = cluster;
  const { balance = true, copies = true, near = true } = cluster;
  const security = securityOf(cluster);
  const isName = typeof name === "string" && NAME.test(name);
  requireThat(isName, "cluster.name", "must be 1 to 64 letters, digits, - or _", name);
  requireThat(typeof balance === "boolean", "cluster.balance", "must be a boolean", balance);
  requireThat(typeof copies === "boolean", "cluster.copies", "must be a boolean", copies);
  requireThat(typeof near === "boolean", "cluster.near", "must be a boolean", near);
  return {
    servers,
    name,
    node: typeof node === "boolean"
      ? node
      : wholeNumber("cluster.node", node, 0, NODE_ID_COUNT - 1),
    replicas: replicasOf(cluster.replicas, servers),
    leaseMs: leaseMs === undefined
      ? undefined
      : wholeNumber("cluster.leaseMs", leaseMs, LEASE_MS_MIN, CLUSTER_LEASE_MS_MAX),
    cacheBytes: cacheBytesOf(cluster.cache),
    balance,
    copies,
    // No certificate is shown there: without a secret nothing would stand in for it.
    near: near && (security.tls === undefined || security.secret !== undefined),
    port: wholeNumber("cluster.port", port, 0, PORT_MAX),
    ...security,
  };
}

function serversOf(value: unknown): readonly string[] {
  const isList = Array.isArray(value) && value.length > 0 &&
    value.every((server) => typeof server === "string" && SERVER.test(server));
  requireThat(
    isList,
    "cluster.servers",
    "must be a list of addresses, without users and passwords, which cluster.nats has",
    value,
  );
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
