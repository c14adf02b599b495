/**
 * Servers of NATS for a test: on loopback, with directories of their own, ended by their process
 * ids.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { natsServer } from "../../../scripts/nats_server.ts";
import { freePorts } from "../free_ports.ts";
import { temporaryPath } from "../temporary.ts";

const START_MS_MAX = 20_000;

/** One server. */
export interface TestServer {
  readonly pid: number;
  /** Of clients. */
  readonly url: string;
  readonly child: ChildProcess;
  readonly folder: string;
  /** With which it is started, without its port. */
  readonly args: readonly string[];
}

/** What is not as usual. */
export interface ServerOptions {
  /** What stands in the file of their configuration. */
  readonly config?: string;
  /** They do not tell clients of each other: all connections go where the client is told. */
  readonly isHidden?: boolean;
}

/** Some servers, one alone or three that replicate. */
export class NatsServers {
  readonly servers: TestServer[] = [];

  /**
   * Starts one server, or three that are a cluster.
   *
   * @throws {NoNatsServerError} when there is no program
   */
  static async start(
    count: 1 | 3,
    { config, isHidden = false }: ServerOptions = {},
  ): Promise<NatsServers> {
    const servers = new NatsServers();
    const ports = await freePorts(2 * count);
    const routePorts = ports.splice(count);
    const routes = routePorts.map((port) => `nats://127.0.0.1:${port}`).join(",");
    try {
      for (const [i, port] of ports.entries()) {
        const folder = temporaryPath("nats");
        mkdirSync(folder, { recursive: true });
        const args = ["-js", "-a", "127.0.0.1", "-sd", folder];
        args.push("--ports_file_dir", folder, "--server_name", `server-${i}`);
        if (count > 1) {
          args.push("--cluster_name", "test", "--cluster", `nats://127.0.0.1:${routePorts[i]}`);
          args.push("--routes", routes);
          if (isHidden) args.push("--no_advertise");
        }
        if (config !== undefined) {
          writeFileSync(join(folder, "nats.conf"), config);
          args.push("-c", join(folder, "nats.conf"));
        }
        args.push("--log", join(folder, "log"));
        servers.servers.push(await startServer(folder, args, String(port)));
      }
    } catch (error) {
      await servers.stop();
      throw error;
    }
    return servers;
  }

  /** Addresses of all. */
  get urls(): string[] {
    return this.servers.map(({ url }) => url);
  }

  /** Whether one has neither ended nor been killed since it was started last. */
  isRunning(index: number): boolean {
    const { child } = this.servers[index]!;
    return !child.killed && !hasEnded(child);
  }

  /** Kills one, without a chance to do anything. */
  kill(index: number): void {
    this.servers[index]!.child.kill("SIGKILL");
  }

  /** Starts one again that was killed, at the same port and with its files. */
  async restart(index: number): Promise<void> {
    const { child, folder, args, url } = this.servers[index]!;
    if (!hasEnded(child)) await once(child, "exit");
    for (const name of readdirSync(folder)) if (name.endsWith(".ports")) rmSync(join(folder, name));
    this.servers[index] = await startServer(folder, args, new URL(url).port);
  }

  /** Ends those that still run. */
  async stop(): Promise<void> {
    for (const { child } of this.servers) {
      if (hasEnded(child)) continue;
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    }
  }
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

async function startServer(
  folder: string,
  args: readonly string[],
  port: string,
): Promise<TestServer> {
  const child = spawn(natsServer(), [...args, "-p", port], { stdio: "ignore" });
  endWithThisProcess(child);
  return { child, pid: child.pid!, url: await urlOf(folder, child), folder, args };
}

/**
 * Has a shell end a server when this process has ended, which may have no time for that itself: the
 * shell reads from a pipe until nobody can write into it any more.
 */
function endWithThisProcess(server: ChildProcess): void {
  const script = 'read -r _; kill -9 "$1"';
  const watcher = spawn("sh", ["-c", script, "sh", String(server.pid)], {
    stdio: ["pipe", "ignore", "ignore"],
  });
  server.once("exit", () => watcher.kill("SIGKILL"));
}

/** Waits for the file in which a server says its ports. */
async function urlOf(folder: string, child: ChildProcess): Promise<string> {
  for (let waitedMs = 0; waitedMs < START_MS_MAX; waitedMs += 20) {
    const file = readdirSync(folder).find((name) => name.endsWith(".ports"));
    const text = file === undefined ? "" : readFileSync(join(folder, file), "utf8");
    if (text.endsWith("}")) return (JSON.parse(text) as { nats: string[] }).nats[0]!;
    if (child.exitCode !== null || !existsSync(folder)) break;
    await setTimeout(20);
  }
  const log = join(folder, "log");
  const said = existsSync(log) ? readFileSync(log, "utf8").slice(-1000) : "";
  throw new Error(`a nats-server did not start: exit code ${child.exitCode}\n${said}`);
}
