/**
 * A process that answers frames on lines, as the gateway does, from a thread that may be busy.
 *
 * The body of a frame is JSON: `bytes` to answer with, or `sleepMs` for which nothing is read.
 *
 * @module
 */
import { createServer } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { FifoWriter } from "../../../lib/gateway/fifo_writer.ts";
import { GatewayLine } from "../../../lib/gateway/gateway_line.ts";
import { RequestFrame } from "../../../lib/gateway/request_frames.ts";
import { sleepSync } from "../../../lib/platform/sleep_sync.ts";
import { encodeFrame } from "../../../lib/wire/frame.ts";
import { say } from "../child.ts";

const { directory, bodyBytesMax } = JSON.parse(process.argv[2]!) as {
  directory: string;
  bodyBytesMax: number;
};

const server = createServer((socket) => {
  const line: GatewayLine = new GatewayLine({
    bodyBytesMax,
    write: (bytes) => socket.write(bytes),
    openFifo: (name) => new FifoWriter(directory, name),
    onFrame: ({ kind, body }) => {
      const end = body.indexOf(0);
      const { bytes, sleepMs } = JSON.parse(new TextDecoder().decode(body.subarray(0, end)));
      if (sleepMs !== undefined) sleepSync(sleepMs);
      else {
        const answer = new Uint8Array(bytes).fill(bytes % 251);
        line.send(encodeFrame(kind === RequestFrame.CALL ? RequestFrame.ITEM : kind + 1, answer));
      }
    },
    onDrain: () => {},
  });
  socket.on("data", (bytes) => {
    try {
      line.receive(bytes);
    } catch {
      socket.destroy();
    }
  });
  socket.on("drain", () => line.drain());
  socket.on("close", () => line.close());
  socket.on("error", () => {});
});
server.listen(join(directory, "socket"), () => say("listening"));
