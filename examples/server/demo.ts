/**
 * Shows what the server does, with some hundred requests on the loopback interface.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";
import { LIMIT } from "./app.ts";
import type { Host } from "./host.ts";

/** Requests in all; those beyond the limit are refused. */
const REQUEST_COUNT = 300;
/** Requests with a session; enough for every thread to get some, however they are dealt out. */
const SESSION_REQUEST_COUNT = 60;
const CONCURRENT_REQUESTS = 10;
/** Longest time to wait for an answer, or for an event. */
const WAIT_MS_MAX = 10_000;

/** How a request was answered. */
interface Answer {
  readonly thread: number;
  readonly status: number;
  readonly body: string;
  readonly cookie: string | undefined;
}

/** Drives a server, and prints what has happened. */
export async function runDemo(host: Host): Promise<void> {
  const browser = new Browser(host);
  console.log(`${host.threads} threads, limit ${LIMIT} requests per minute`);

  const login = await browser.send("POST", "/login", "Ada");
  browser.cookie = login.cookie;
  const seen = await browser.sendMany(SESSION_REQUEST_COUNT, "GET", "/me");
  const isAda = ({ body }: Answer) => JSON.parse(body).name === "Ada";
  if (!seen.every(isAda)) throw new Error("a thread does not know the session");
  console.log(`thread ${login.thread} made a session, threads ${threadsOf(seen)} have served it`);

  const isPlaceFree = new Promise((resolve) =>
    host.store.addEventListener("clientlost", resolve, { once: true })
  );
  await host.crash(1 % host.threads);
  await Promise.race([isPlaceFree, delay(WAIT_MS_MAX, undefined, { ref: false })]);
  const again = await browser.sendMany(10, "GET", "/me");
  console.log(`after its crash: ${again.filter(isAda).length} of 10 requests find the session`);

  await browser.send("POST", "/logout");
  const after = await browser.sendMany(10, "GET", "/me");
  const refused = after.filter(({ status }) => status === 401).length;
  console.log(`after the logout: ${refused} of 10 requests are refused`);

  await browser.sendMany(REQUEST_COUNT - browser.answers.length, "GET", "/me");
  console.log("thread  answered  limited");
  const all = browser.answers;
  for (let thread = 0; thread < host.threads; thread++) {
    printRow(String(thread), all.filter((answer) => answer.thread === thread));
  }
  printRow("all", all);
}

/** Sends requests to all threads, and keeps the answers. */
class Browser {
  cookie: string | undefined;
  readonly answers: Answer[] = [];
  readonly #origins: readonly string[];

  constructor(host: Host) {
    this.#origins = host.origins;
  }

  /**
   * Sends a request by a connection of its own: a connection stays with the thread that has
   * accepted it.
   */
  async send(method: string, path: string, body?: string): Promise<Answer> {
    const origin = this.#origins[this.answers.length % this.#origins.length]!;
    const response = await fetch(new URL(path, origin), {
      method,
      headers: {
        connection: "close",
        ...(this.cookie === undefined ? {} : { cookie: this.cookie }),
      },
      ...(body === undefined ? {} : { body }),
      signal: AbortSignal.timeout(WAIT_MS_MAX),
    });
    const answer = {
      thread: Number(response.headers.get("x-thread")),
      status: response.status,
      body: await response.text(),
      cookie: response.headers.get("set-cookie")?.split(";")[0],
    };
    this.answers.push(answer);
    return answer;
  }

  /** Sends a request many times, some of them at once. */
  async sendMany(count: number, method: string, path: string): Promise<Answer[]> {
    let left = count;
    const answers: Answer[] = [];
    const senders = Array.from({ length: CONCURRENT_REQUESTS }, async () => {
      while (left-- > 0) answers.push(await this.send(method, path));
    });
    await Promise.all(senders);
    return answers;
  }
}

function threadsOf(answers: readonly Answer[]): string {
  return [...new Set(answers.map(({ thread }) => thread))].sort().join(", ");
}

function printRow(name: string, answers: readonly Answer[]): void {
  const limited = answers.filter(({ status }) => status === 429).length;
  const columns = [name.padEnd(6), String(answers.length - limited).padStart(8)];
  console.log([...columns, String(limited).padStart(7)].join("  "));
}
