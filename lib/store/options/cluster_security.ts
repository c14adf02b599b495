/**
 * What keeps a cluster from strangers: the options `tls`, `secret` and `nats` of the option
 * `cluster`.
 *
 * @module
 */
import type { NatsAccess, TlsIdentity } from "../../core/cluster_identity.ts";
import { InvalidOptionError } from "../../core/errors.ts";
import { isLoopback } from "../../platform/loopback.ts";
import { requireThat } from "./option_rules.ts";

/**
 * Encrypted connections between the processes of a cluster. Each has a certificate, node or not,
 * and shows it to the others. All of it is PEM text, not paths.
 */
export interface ClusterTlsOptions {
  /**
   * The process's certificate, with those between it and the authority behind it. That of a node
   * has to be for the host at which others reach it, see `host` and `advertise`.
   */
  cert: string;
  /** Its private key. */
  key: string;
  /** Certificates of the authorities that have signed those of the others: one, or a list. */
  ca: string | readonly string[];
  /** With which the key is encrypted. @default none */
  passphrase?: string | undefined;
}

/** How servers of NATS know a process, and it them. */
export interface NatsOptions {
  /** Name of a user of theirs; with `password`. */
  user?: string | undefined;
  /** Password of the user. */
  password?: string | undefined;
  /** A token, in the place of user and password. */
  token?: string | undefined;
  /**
   * Content of a file of credentials (`.creds`: a JWT and a seed), in the place of user and
   * password.
   */
  credentials?: string | undefined;
  /**
   * Has connections to them encrypted: PEM text of their authority, and, if they ask for them, of a
   * certificate and its key. `true`: of an authority that the runtime knows.
   */
  tls?: true | {
    ca?: string | undefined;
    cert?: string | undefined;
    key?: string | undefined;
  } | undefined;
}

const SECRET_CHARS_MIN = 16;
const TLS_NAMES: readonly string[] = ["cert", "key", "ca", "passphrase"];
const NATS_NAMES: readonly string[] = ["user", "password", "token", "credentials", "tls"];
const NATS_TLS_NAMES: readonly string[] = ["ca", "cert", "key"];
/** A name or an address of version 4, or one of version 6 in brackets; perhaps with a port. */
const ADVERTISED = /^(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]{1,253})(?::([0-9]{1,5}))?$/;
const ANY_HOST = /^(?:0\.0\.0\.0|::)$/;
const PORT_MAX = 65_535;

/** What a process shows others, after validation. */
export interface ResolvedSecurity {
  readonly host: string;
  readonly advertise: string | undefined;
  readonly secret: string | undefined;
  readonly tls: TlsIdentity | undefined;
  readonly nats: NatsAccess;
}

/** What of the option `cluster` is looked at here. */
export interface SecurityOptions {
  host?: string | undefined;
  advertise?: string | undefined;
  secret?: string | undefined;
  tls?: ClusterTlsOptions | undefined;
  nats?: NatsOptions | undefined;
}

/**
 * Checks it.
 *
 * @throws {InvalidOptionError} when something is wrong, or missing where others may be on the way
 */
export function securityOf(cluster: SecurityOptions): ResolvedSecurity {
  const { host = "127.0.0.1", advertise } = cluster;
  const isHost = typeof host === "string" && host !== "";
  requireThat(isHost, "cluster.host", "must be an address of this machine", host);
  const secret = secretOf(cluster.secret);
  const tls = tlsOf(cluster.tls);
  const reached = advertise === undefined ? host : hostAdvertised(advertise);
  if (ANY_HOST.test(reached)) {
    throw new InvalidOptionError(
      `cluster.advertise must say at which host others reach this process, as cluster.host is ${host}`,
    );
  }
  const isLocal = isLoopback(host) && isLoopback(reached);
  if (!isLocal && (tls === undefined || secret === undefined)) {
    throw new InvalidOptionError(
      "cluster.tls and cluster.secret must both be given where other machines reach this process: " +
        `its address is ${isLoopback(host) ? reached : host}, not a loopback one`,
    );
  }
  return { host, advertise, secret, tls, nats: natsOf(cluster.nats) };
}

function hostAdvertised(advertise: unknown): string {
  const port = typeof advertise === "string" ? ADVERTISED.exec(advertise) : null;
  const isPlace = port !== null && Number(port[1] ?? 1) > 0 && Number(port[1] ?? 1) <= PORT_MAX;
  requireThat(isPlace, "cluster.advertise", 'must be as "host" or "host:port"', advertise);
  return (advertise as string).replace(/:[0-9]+$/, "").replace(/^\[|\]$/g, "");
}

function secretOf(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value === "string" && value.length >= SECRET_CHARS_MIN) return value;
  // It is not told, not even in part.
  const got = typeof value === "string" ? `${value.length}` : "what is no string";
  throw new InvalidOptionError(
    `cluster.secret must have at least ${SECRET_CHARS_MIN} characters, got ${got}`,
  );
}

function tlsOf(value: ClusterTlsOptions | undefined): TlsIdentity | undefined {
  if (value === undefined) return undefined;
  assertNames("cluster.tls", value, TLS_NAMES);
  const { cert, key, ca, passphrase } = value;
  const authorities = Array.isArray(ca) ? ca : [ca];
  assertText("cluster.tls", { cert, key, ca: authorities[0] });
  for (const one of authorities) assertText("cluster.tls", { ca: one });
  if (passphrase !== undefined) assertText("cluster.tls", { passphrase });
  return { cert, key, ca: authorities.join("\n"), passphrase };
}

function natsOf(value: NatsOptions = {}): NatsAccess {
  assertNames("cluster.nats", value, NATS_NAMES);
  const { user, password, token, credentials, tls } = value;
  const ways = [user, token, credentials].filter((way) => way !== undefined);
  if (ways.length > 1 || (user === undefined) !== (password === undefined)) {
    throw new InvalidOptionError(
      "cluster.nats must have user and password, or token, or credentials, or none of them",
    );
  }
  for (const [name, text] of Object.entries({ user, password, token, credentials })) {
    if (text !== undefined) assertText("cluster.nats", { [name]: text });
  }
  return { user, password, token, credentials, tls: natsTlsOf(tls) };
}

function natsTlsOf(value: NatsOptions["tls"]): NatsAccess["tls"] {
  if (value === undefined) return undefined;
  const { ca, cert, key } = value === true ? {} as Exclude<typeof value, true> : value;
  if (value !== true) assertNames("cluster.nats.tls", value, NATS_TLS_NAMES);
  for (const [name, text] of Object.entries({ ca, cert, key })) {
    if (text !== undefined) assertText("cluster.nats.tls", { [name]: text });
  }
  if ((cert === undefined) !== (key === undefined)) {
    throw new InvalidOptionError("cluster.nats.tls must have cert and key, or none of both");
  }
  return { ca, cert, key };
}

/** What it says is not told: it may be a key. */
function assertText(option: string, values: object): void {
  for (const [name, value] of Object.entries(values)) {
    if (typeof value === "string" && value !== "") continue;
    throw new InvalidOptionError(`${option}.${name} must be text, and not empty`);
  }
}

function assertNames(option: string, value: unknown, names: readonly string[]): void {
  const isObject = typeof value === "object" && value !== null;
  requireThat(isObject, option, "must be an object", value);
  for (const name of Object.keys(value as object)) {
    if (names.includes(name)) continue;
    throw new InvalidOptionError(
      `${option} must have options among ${names.join(", ")}, got ${JSON.stringify(name)}`,
    );
  }
}
