/**
 * The process of a remote session: answers its requests, one after the other, until input ends.
 *
 * @module
 */
import process from "node:process";
import { createInterface } from "node:readline";
import { PeerSession } from "./peer_session.ts";
import { type Answer, ANSWER_PREFIX, type Request } from "./remote_session.ts";

const [peerId, parentDir, seed] = process.argv.slice(2);

function send(answer: Answer): void {
  process.stdout.write(ANSWER_PREFIX + JSON.stringify(answer) + "\n");
}

function perform(session: PeerSession, request: Request): Promise<unknown> {
  switch (request.method) {
    case "open":
      return session.open(request.dataset);
    case "run":
      return session.run(request.workloadId, request.durationMs);
    case "close":
      return session.close();
  }
}

/** Sends the result, or the error's message, and says whether it went well. */
async function respond(action: () => Promise<unknown>): Promise<boolean> {
  try {
    send({ result: await action() ?? null });
    return true;
  } catch (error) {
    send({ error: error instanceof Error ? error.message : String(error) });
    return false;
  }
}

let session: PeerSession | undefined;
const started = await respond(async () => {
  session = await PeerSession.start(peerId, parentDir, Number(seed));
  return session.peer;
});
if (started && session !== undefined) {
  for await (const line of createInterface({ input: process.stdin })) {
    const request: Request = JSON.parse(line);
    await respond(() => perform(session!, request));
  }
  await session.end();
}
// Some packages keep a process alive after everything is closed.
process.exit(0);
