/**
 * Where processes of one machine reach a node: a UNIX socket, beside the TCP port that all others
 * use.
 *
 * Nobody is told of it. Its name is made of the cluster and of the node's address, and it is in a
 * directory that only its user may enter: so who finds one there, and gets an answer, is on the
 * machine of the node, and is the same user. In another container or on another machine there is
 * none of that name, or nobody listens, and TCP is used. A directory of that name that belongs to
 * another user, or that others may enter, is as good as none.
 *
 * A process that is killed leaves a name behind, by which nobody answers. The next node of its user
 * removes it.
 *
 * Windows has none, and neither has Deno where it may not use the directory.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { type BigIntStats, chmodSync, lstatSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { isGranted } from "../../platform/deno_permissions.ts";
import { process } from "../../platform/process.ts";
import type { NodePlace } from "./node_address.ts";

/** Not that of `TMPDIR`, which need not be the same in two processes. */
const FOLDER = "/tmp/dinomo-nodes-";
/** Characters of a name. */
const NAME_CHARS = 32;
/** How many names are looked at that killed processes may have left. */
const LEFT_MAX = 256;
const OTHERS_MODE = 0o077;

/** Where a node may have a socket. */
export interface NearPlace {
  readonly folder: string;
  readonly path: string;
}

/**
 * Where the node at an address of a cluster may have a socket; undefined if it can have none.
 *
 * @param folder for tests
 */
export function nearPlaceOf(
  hashKey: readonly number[],
  { host, port }: Pick<NodePlace, "host" | "port">,
  folder: string | undefined = ownFolder(),
): NearPlace | undefined {
  if (folder === undefined) return undefined;
  const name = createHash("sha256").update(`${hashKey.join(" ")} ${host} ${port}`).digest("hex");
  const path = join(folder, name.slice(0, NAME_CHARS));
  return mayConnect(path) ? { folder, path } : undefined;
}

/** Whether there is a socket, in a directory that only this process's user may enter. */
export function isNear({ folder, path }: NearPlace): boolean {
  return isOwn(folder) && fileAt(path) !== undefined;
}

/** A socket on which a node listens. */
export interface NearListener {
  /** Takes no more connections, and removes it; called while the node's port is its own. */
  close(): void;
}

/** Listens; undefined if that cannot be done: then all use TCP. */
export async function listenNear(
  { folder, path }: NearPlace,
  onSocket: (socket: Socket) => void,
): Promise<NearListener | undefined> {
  const server = createServer(onSocket);
  try {
    mkdirSync(folder, { mode: 0o700, recursive: true });
    if (!isOwn(folder)) return undefined;
    // Who was at this address before has ended: the port is this process's.
    rmSync(path, { force: true });
    await listening(server, path);
    chmodSync(path, 0o600);
    void removeLeft(folder, readdirSync(folder).sort().slice(0, LEFT_MAX), path);
  } catch {
    server.close();
    return undefined;
  }
  const close = () => {
    server.close();
    remove(path);
  };
  return { close };
}

function listening(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    // Stays: that a connection could not be taken must not end the process.
    server.on("error", reject);
    server.listen(path, resolve);
  });
}

/** The directory of this process's user; undefined where there can be none. */
function ownFolder(): string | undefined {
  if (!isGranted({ name: "sys", kind: "uid" })) return undefined;
  const user = process.getuid?.();
  if (user === undefined) return undefined;
  const path = FOLDER + user;
  const isUsable = isGranted({ name: "read", path }) && isGranted({ name: "write", path });
  return isUsable ? path : undefined;
}

function mayConnect(path: string): boolean {
  return isGranted({ name: "net", host: `unix:${path}` });
}

function isOwn(folder: string): boolean {
  const info = infoOf(folder);
  return info !== undefined && info.isDirectory() && Number(info.uid) === process.getuid?.() &&
    (Number(info.mode) & OTHERS_MODE) === 0;
}

/**
 * Which file a socket is; undefined if there is none. The number of one that is gone is used again.
 */
function fileAt(path: string): string | undefined {
  const info = infoOf(path);
  return info?.isSocket() ? `${info.ino} ${info.ctimeNs}` : undefined;
}

/** What is at a path, itself and not what it links to; undefined if there is nothing to be seen. */
function infoOf(path: string): BigIntStats | undefined {
  try {
    return lstatSync(path, { bigint: true });
  } catch {
    return undefined;
  }
}

/** Removes a name, if that can be done: one that stays costs an attempt to connect. */
function remove(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // Another node may remove it.
  }
}

/** Removes the names of processes that have been killed. */
async function removeLeft(folder: string, names: readonly string[], own: string): Promise<void> {
  for (const name of names) {
    const path = join(folder, name);
    if (path === own || !mayConnect(path)) continue;
    const file = fileAt(path);
    if (file === undefined || await hasListener(path)) continue;
    // Not one that has taken its place.
    if (fileAt(path) === file) remove(path);
  }
}

function hasListener(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.on("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", ({ code }: Error & { code?: string }) => resolve(code !== "ECONNREFUSED"));
  });
}
