/**
 * The socket of a pool: an abstract UNIX socket of Linux, on which at most one thread of the
 * machine listens. The kernel frees it when the process ends, however it does. Only those connect
 * that want to know whether there is one, and are sent away.
 *
 * Three things about the runtimes:
 *
 * - They do not agree on names. Node 20 fills them up with NUL bytes to all 108, and Bun takes 107
 *   at most, with the NUL in front. So the name is as long as possible: Node and Deno then have the
 *   same, Bun has one of its own.
 * - To load `node:net` takes Bun 3 ms, and `Bun.listen` has the same names.
 * - `node:net` of Deno 2.9 lets every process that is started inherit what it listens on, which
 *   would keep the pool locked as long as that lives. `Deno.listen` does not.
 *
 * Deno listens on a name only if it may read and write any file of the directory where the process
 * is. Where it may not, an exclusive `flock` of the pool's directory does the same: the kernel
 * gives it to one open file at a time, and takes it back when the process ends.
 *
 * @module
 */
import { builtin } from "../platform/builtin.ts";
import { process } from "../platform/process.ts";
import { isGranted } from "../platform/deno_permissions.ts";

/** A socket that this thread has, and no other thread on this runtime. */
export interface PoolSocket {
  readonly name: string;
  /** Lets others have it. */
  close(): Promise<void>;
}

/** The part of `Deno` that is used here. */
interface DenoNamespace {
  openSync(path: string): DenoFile;
  listen(options: { transport: "unix"; path: string }): DenoListener;
}

interface DenoFile {
  tryLockSync(isExclusive: boolean): boolean;
  close(): void;
}

interface DenoListener extends AsyncIterable<{ close(): void }> {
  close(): void;
  ref(): void;
  unref(): void;
}

/** The part of `Bun` that is used here. */
interface BunNamespace {
  listen(options: { unix: string; socket: BunSocketHandler }): BunListener;
}

interface BunSocketHandler {
  open(connection: { end(): void }): void;
  data(): void;
  error(): void;
}

interface BunListener {
  stop(closesConnections: boolean): void;
  unref(): void;
}

/** Bytes of a name after the NUL in front: as many as the runtime takes, see above. */
const NAME_BYTES = process.versions["bun"] === undefined ? 107 : 106;

/**
 * The name to listen on for a directory; the boot id need not be in it, as no socket outlives a
 * boot.
 */
export function socketName(device: bigint, inode: bigint): string {
  return `dinomo-${device}-${inode}-`.padEnd(NAME_BYTES, "-");
}

/**
 * Listens, without keeping the process alive.
 *
 * @param directory the pool's
 * @returns the socket, or why there is none: "unavailable" if that does not depend on what others
 *   do
 */
export async function listen(
  name: string,
  directory: string,
): Promise<PoolSocket | "in use" | "unavailable"> {
  const { Bun: bun, Deno: deno } = globalThis as { Bun?: BunNamespace; Deno?: DenoNamespace };
  try {
    if (bun !== undefined) return listenOnBun(bun, name);
    if (deno === undefined) return await listenOnNode(name);
    return mayUse(name) ? listenOnDeno(deno, name) : lockOnDeno(deno, name, directory);
  } catch (error) {
    return (error as { code?: unknown }).code === "EADDRINUSE" ? "in use" : "unavailable";
  }
}

/**
 * Whether a thread has a socket, or what stands in its place, which nobody else can have.
 *
 * @param shown the name of it that its lock file has
 * @param directory the pool's
 * @returns undefined if that cannot be found out: the thread is on another runtime, perhaps
 */
export async function isTaken(
  shown: string | null,
  name: string,
  directory: string,
): Promise<boolean | undefined> {
  const deno = (globalThis as { Deno?: DenoNamespace }).Deno;
  if (shown === name && mayUse(name)) return await answers(name);
  if (shown !== flockName(name) || deno === undefined) return undefined;
  const file = deno.openSync(directory);
  try {
    return !file.tryLockSync(false);
  } finally {
    file.close();
  }
}

/** Whether Deno lets this process use a socket; on other runtimes it may. */
function mayUse(name: string): boolean {
  return isGranted({ name: "read", path: name }) && isGranted({ name: "write", path: name });
}

/** Whether a thread listens; undefined if that cannot be said. */
function answers(name: string): Promise<boolean | undefined> {
  return new Promise((resolve) => {
    const connection = builtin("node:net").connect({ path: `\0${name}` });
    connection.on("connect", () => {
      connection.destroy();
      resolve(true);
    });
    connection.on("error", (error) => {
      resolve((error as { code?: unknown }).code === "ECONNREFUSED" ? false : undefined);
    });
  });
}

function listenOnBun(bun: BunNamespace, name: string): PoolSocket {
  const listener = bun.listen({
    unix: `\0${name}`,
    socket: { open: (connection) => connection.end(), data: () => {}, error: () => {} },
  });
  listener.unref();
  return { name, close: () => Promise.resolve(listener.stop(true)) };
}

function listenOnNode(name: string): Promise<PoolSocket> {
  return new Promise((resolve, reject) => {
    const server = builtin("node:net").createServer((connection) => {
      connection.on("error", () => {});
      connection.destroy();
    });
    // Stays: that a stranger's connection could not be accepted must not end the process.
    server.on("error", reject);
    // Exclusive: in a cluster, not by the primary for all of its workers.
    server.listen({ path: `\0${name}`, exclusive: true }, () => {
      server.unref();
      resolve({
        name,
        close: () =>
          new Promise((closed) => {
            server.ref();
            server.close(() => closed());
          }),
      });
    });
  });
}

/** What a lock file says of a directory that is locked instead. */
function flockName(name: string): string {
  return `flock:${name}`;
}

function lockOnDeno(deno: DenoNamespace, name: string, directory: string): PoolSocket | "in use" {
  const file = deno.openSync(directory);
  if (file.tryLockSync(true)) {
    return { name: flockName(name), close: () => Promise.resolve(file.close()) };
  }
  file.close();
  return "in use";
}

function listenOnDeno(deno: DenoNamespace, name: string): PoolSocket {
  const listener = deno.listen({ transport: "unix", path: `\0${name}` });
  listener.unref();
  const ended = sendAway(listener);
  return {
    name,
    close() {
      // The process must not end before the promise does.
      listener.ref();
      listener.close();
      // The name is free when `sendAway` waits for no connection any more.
      return ended;
    },
  };
}

async function sendAway(listener: DenoListener): Promise<void> {
  try {
    for await (const connection of listener) connection.close();
  } catch {
    // Without it, strangers wait until the pool is closed.
  }
}
