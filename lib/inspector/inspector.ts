/**
 * Serves the inspector: one page on loopback, and what it asks for.
 *
 * | request                     | answer                                                        |
 * | --------------------------- | ------------------------------------------------------------- |
 * | `GET /`                     | the page; all that follows needs the token                     |
 * | `GET /sample`               | an `InspectedSample`, or an `InspectedCluster`                 |
 * | `GET /keys?prefix=&limit=`  | `{ keys, isMore }`: keys as text                               |
 * | `GET /value?key=`           | `{ text, version, expiresAt }`, or 404                         |
 * | `POST /scale?nodes=`        | the new number of KNs; 403 unless the inspector is writable    |
 *
 * **Who may look.** It listens on 127.0.0.1 only. The token is in the part of the address that a
 * browser does not send (`#token`); the page sends it in a header, which another site's page cannot
 * do without asking first, and is not answered. A name that was made to point at 127.0.0.1 is
 * refused by the `host` header. The page loads nothing from elsewhere, as its policy says.
 *
 * @module
 */
import { timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { inspect } from "node:util";
import { isDinomoError } from "../core/any_error.ts";
import type { Key } from "../core/key_encoder.ts";
import { keyOfText, textOfKey } from "../core/key_text.ts";
import { controlsOf, Store } from "../store/store.ts";
import { assertStore, type StoreRule } from "../store/store_nature.ts";
import { sampleOf } from "./inspected_sample.ts";
import { INSPECTOR_PAGE, PAGE_POLICY } from "./inspector_page.ts";
import {
  type InspectorOptions,
  inspectorOptionsOf,
  type ResolvedInspectorOptions,
} from "./inspector_options.ts";

const LOOPBACK = "127.0.0.1";
/** Keys that one request may ask for. */
const KEYS_MAX = 1_000;
/** Characters of a value that are shown. */
const TEXT_MAX = 100_000;
/** How long looking for keys may take: without order, each key of the store is looked at. */
const SEARCH_MS_MAX = 5_000;

/** A store itself, whose figures and keys it asks for inside the library. */
const INSPECTED_STORE: StoreRule = {
  isMet: (value) => value instanceof Store,
  text: "what open has returned",
};

/** What a request is answered with. */
interface Answer {
  readonly status: number;
  readonly body: unknown;
}

const NOT_FOUND: Answer = { status: 404, body: { error: "there is no such thing" } };

/** An inspector that is served. */
export class Inspector {
  /** The address to open in a browser, with the token. */
  readonly url: string;
  readonly #server: Server;
  #closed: Promise<void> | undefined;

  /** Used by {@linkcode serveInspector}. */
  constructor(server: Server, url: string) {
    this.#server = server;
    this.url = url;
  }

  /** Ends the server. The store stays open. A second call returns the same promise. */
  close(): Promise<void> {
    this.#closed ??= new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
    return this.#closed;
  }

  /** Ends the server at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/**
 * Serves a page that shows a store: who owns which part of the keys, operations per second,
 * latencies, how full it is, and keys with their values; of a cluster all of its nodes. It does not
 * keep the process alive.
 *
 * @param store a store of this thread; with `processes` its pool may be in another process
 * @throws {InvalidArgumentError} when `store` is no store; a namespace is none
 * @throws {InvalidOptionError} when an option is not what it must be
 * @throws {UnavailableError} when the pool is in another process, which does not answer
 * @throws {Error} with the system's code, such as `EADDRINUSE`, when the port cannot be had
 *
 * @example
 * ```ts
 * import { open } from "dinomo";
 * import { serveInspector } from "dinomo/inspector";
 *
 * await using store = await open({ capacity: "64MiB", statistics: true });
 * await using inspector = await serveInspector(store);
 * console.log("open", inspector.url);
 * ```
 */
export async function serveInspector<V, K extends Key>(
  store: Store<V, K>,
  options?: InspectorOptions,
): Promise<Inspector> {
  assertStore(store, INSPECTED_STORE);
  const resolved = inspectorOptionsOf(options);
  const { isOpen, readPicture } = controlsOf(store);
  if (isOpen()) await readPicture();
  const server = createServer((request, response) => {
    void respond(store, resolved, request, response);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(resolved.port, LOOPBACK, () => {
      server.off("error", reject);
      resolve();
    });
  });
  // A connection that cannot be accepted, for want of descriptors, is lost to the browser only.
  server.on("error", () => {});
  server.unref();
  const { port } = server.address() as AddressInfo;
  return new Inspector(server, `http://${LOOPBACK}:${port}/#${resolved.token}`);
}

async function respond<V, K extends Key>(
  store: Store<V, K>,
  options: ResolvedInspectorOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  response.setHeader("cache-control", "no-store");
  response.setHeader("x-content-type-options", "nosniff");
  response.setHeader("referrer-policy", "no-referrer");
  if (!isLocal(request)) return send(response, { status: 403, body: { error: "wrong host" } });
  const url = urlOf(request);
  if (url === undefined) return send(response, NOT_FOUND);
  if (request.method === "GET" && url.pathname === "/") {
    response.setHeader("content-type", "text/html; charset=utf-8");
    response.setHeader("content-security-policy", PAGE_POLICY);
    response.end(INSPECTOR_PAGE);
    return;
  }
  if (!isAllowed(request, options.token)) {
    return send(response, { status: 401, body: { error: "the token is missing, or wrong" } });
  }
  try {
    send(response, await answer(store, options, request.method ?? "", url));
  } catch (error) {
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    send(response, { status: isDinomoError(error) ? 400 : 500, body: { error: text } });
  }
}

async function answer<V, K extends Key>(
  store: Store<V, K>,
  { writable }: ResolvedInspectorOptions,
  method: string,
  { pathname, searchParams }: URL,
): Promise<Answer> {
  switch (`${method} ${pathname}`) {
    case "GET /sample": {
      const sample = await sampleOf(store);
      if (sample === undefined) return { status: 410, body: { error: "the store is closed" } };
      // A cluster has the nodes whose processes have opened it.
      return { status: 200, body: { ...sample, writable: writable && !("cluster" in sample) } };
    }
    case "GET /keys":
      return { status: 200, body: await keysOf(store, searchParams) };
    case "GET /value":
      return await valueOf(store, keyFrom(store, searchParams.get("key") ?? ""));
    case "POST /scale": {
      if (!writable) return { status: 403, body: { error: "the inspector is read-only" } };
      await store.scale(Number(searchParams.get("nodes")));
      return { status: 200, body: { nodes: (await store.readStats()).nodes.length } };
    }
    default:
      return NOT_FOUND;
  }
}

async function keysOf<V, K extends Key>(
  store: Store<V, K>,
  parameters: URLSearchParams,
): Promise<{ keys: string[]; isMore: boolean }> {
  const asked = Number(parameters.get("limit") ?? 100);
  const limit = Math.min(KEYS_MAX, Math.max(1, Number.isInteger(asked) ? asked : 1));
  const prefix = parameters.get("prefix") ?? "";
  const keys: string[] = [];
  const signal = AbortSignal.timeout(SEARCH_MS_MAX);
  const found = store.keys({ prefix: keyFrom(store, prefix), limit: limit + 1, signal });
  const types = controlsOf(store).keyTypes();
  for await (const key of found) keys.push(textOfKey(key, types));
  return { keys: keys.slice(0, limit), isMore: keys.length > limit };
}

async function valueOf<V, K extends Key>(store: Store<V, K>, key: K): Promise<Answer> {
  const entry = await store.getEntry(key);
  if (entry === undefined) return NOT_FOUND;
  const text = inspect(entry.value, { depth: 8, maxArrayLength: 200, maxStringLength: 10_000 });
  const { version, expiresAt } = entry;
  return { status: 200, body: { text: text.slice(0, TEXT_MAX), version, expiresAt } };
}

/** The key that is meant, as the page shows it. */
function keyFrom<V, K extends Key>(store: Store<V, K>, text: string): K {
  return keyOfText(text, controlsOf(store).keyTypes()) as K;
}

/** What is asked for; undefined if that is no path: anybody on the machine can send anything. */
function urlOf({ url = "/" }: IncomingMessage): URL | undefined {
  const address = `http://${LOOPBACK}${url}`;
  return url.startsWith("/") && URL.canParse(address) ? new URL(address) : undefined;
}

/** Whether a request was made for an address of loopback, by whatever name. */
function isLocal({ headers: { host } }: IncomingMessage): boolean {
  return /^(?:127\.0\.0\.1|localhost)(?::\d+)?$/.test(host ?? "");
}

function isAllowed({ headers: { authorization } }: IncomingMessage, token: string): boolean {
  const given = new TextEncoder().encode(authorization ?? "");
  const wanted = new TextEncoder().encode(`Bearer ${token}`);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

function send(response: ServerResponse, { status, body }: Answer): void {
  response.statusCode = status;
  response.setHeader("content-type", "application/json; charset=utf-8");
  response.end(JSON.stringify(body));
}
