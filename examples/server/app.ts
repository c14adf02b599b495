/**
 * The application: sessions, and a limit on the requests of each client. It is the same in every
 * thread and on every runtime.
 *
 * All that it remembers is in the store, so any thread can answer any request.
 *
 * @module
 */
import type { Store } from "dinomo";

/** Who is logged in. */
export interface Session {
  readonly name: string;
  /** The thread that has made the session. */
  readonly madeBy: number;
}

/** How many requests a client has made since its window has begun. */
export interface RequestCount {
  readonly count: number;
  readonly endsAtMs: number;
}

/** What the store holds: `session:<id>` and `requests:<address>`. */
export type Stored = Session | RequestCount;

/** Answers a request from an address. */
export type Handler = (request: Request, address: string) => Promise<Response>;

/** For how long a session lasts. */
const SESSION_MS = 30 * 60_000;
/** Requests that a client may make in a window, which begins with the first of them. */
export const LIMIT = 200;
const WINDOW_MS = 60_000;

/** Makes the handler of one thread. Every response names the thread, in the header `x-thread`. */
export function makeHandler(store: Store<Stored>, thread: number): Handler {
  async function login(request: Request): Promise<Response> {
    const name = (await request.text()).trim();
    if (name === "" || name.length > 100) return text(400, "the body must be a name");
    const id = crypto.randomUUID();
    await store.put(`session:${id}`, { name, madeBy: thread }, { ttl: SESSION_MS });
    const cookie = `session=${id}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${SESSION_MS / 1000}`;
    return text(200, `hello ${name}`, { "set-cookie": cookie });
  }

  async function logout(request: Request): Promise<Response> {
    const key = sessionKey(request);
    const hasEnded = key !== undefined && await store.delete(key);
    return hasEnded ? text(200, "bye") : text(401, "log in first");
  }

  function whoAmI(request: Request): Response {
    const key = sessionKey(request);
    const session = key === undefined ? undefined : store.getSync(key) as Session | undefined;
    return session === undefined ? text(401, "log in first") : Response.json(session);
  }

  function route(request: Request): Promise<Response> | Response {
    switch (`${request.method} ${new URL(request.url).pathname}`) {
      case "POST /login":
        return login(request);
      case "POST /logout":
        return logout(request);
      case "GET /me":
        return whoAmI(request);
      default:
        return text(404, "POST /login, GET /me, POST /logout");
    }
  }

  return async (request, address) => {
    const { count, endsAtMs } = await countRequest(store, address, Date.now());
    const seconds = Math.max(1, Math.ceil((endsAtMs - Date.now()) / 1000));
    const response = count > LIMIT
      ? text(429, "too many requests", { "retry-after": String(seconds) })
      : await route(request);
    response.headers.set("x-thread", String(thread));
    return response;
  };
}

/** Counts a request of a client; atomic, also when several threads do it at once. */
async function countRequest(
  store: Store<Stored>,
  address: string,
  nowMs: number,
): Promise<RequestCount> {
  const next = await store.update(`requests:${address}`, (old) => {
    const current = old as RequestCount | undefined;
    return current === undefined || current.endsAtMs <= nowMs
      ? { count: 1, endsAtMs: nowMs + WINDOW_MS }
      : { count: current.count + 1, endsAtMs: current.endsAtMs };
    // Clients that do not come back are forgotten.
  }, { ttl: WINDOW_MS });
  return next as RequestCount;
}

/** Key of the session that a request's cookie names; undefined without one. */
function sessionKey(request: Request): string | undefined {
  const id = /(?:^|; *)session=([0-9a-f-]{36})(?:;|$)/.exec(request.headers.get("cookie") ?? "");
  return id === null ? undefined : `session:${id[1]}`;
}

function text(status: number, body: string, headers: Record<string, string> = {}): Response {
  return new Response(`${body}\n`, { status, headers });
}
