/**
 * Lines between processes: each frame comes once, in order, by socket and FIFO; a thread that
 * blocks has sent what it has issued, and does not block for ever.
 *
 * @module
 */
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { UnavailableError } from "../../mod.ts";
import { monotonicMs } from "../../lib/platform/runtime.ts";
import { AnswerFifo, removeFifos } from "../../lib/gateway/answer_fifo.ts";
import { FifoWriter } from "../../lib/gateway/fifo_writer.ts";
import { GatewayLine } from "../../lib/gateway/gateway_line.ts";
import { encodeFifo, encodeLine, LineFrame, Way } from "../../lib/gateway/line_frames.ts";
import { KEPT_BYTES_MAX, LongFrames } from "../../lib/gateway/long_frames.ts";
import { PacedWriter, PIECE_BYTES, WINDOW_BYTES } from "../../lib/gateway/paced_writer.ts";
import { RemoteLine } from "../../lib/gateway/remote_line.ts";
import { RequestFrame } from "../../lib/gateway/request_frames.ts";
import {
  encodeFrame,
  type Frame,
  FrameError,
  FrameReader,
  WIRE_HEADER_BYTES,
} from "../../lib/wire/frame.ts";
import { CAMPAIGN_FACTOR } from "../support/campaign.ts";
import { Child } from "../support/child.ts";
import { LinePair } from "../support/line_pair.ts";
import { seeded } from "../support/random.ts";

const BODY_BYTES_MAX = 8 * 1024 * 1024;
const SILENCE_MS = 20_000;
const STEPS = 3000 * Math.max(1, CAMPAIGN_FACTOR);

test(
  "each frame comes once, in order, however the way changes",
  seeded((random) => {
    const pair = new LinePair(random);
    for (let step = 0; step < STEPS; step++) {
      const kind = random.below(10);
      if (kind <= 3) {
        pair.request(random.below(20) === 0 ? random.below(200_000) : random.below(300));
      } else if (kind === 4) pair.block();
      else if (kind === 5) pair.line.listen();
      else pair.turn();
    }
    pair.line.listen();
    while (pair.turn());
    assert.ok(pair.sentCount > STEPS / 10);
    assert.equal(pair.received, Array.from({ length: pair.sentCount }, (_, i) => i));
    assert.equal(pair.answered, Array.from({ length: pair.sentCount }, (_, i) => i));
    assert.ok(pair.keptBytesMax < 1_000_000, `${pair.keptBytesMax} bytes kept`);
    assert.ok(pair.answerMemoryCount < pair.sentCount, "memory is used again");
  }),
);

test(
  "no more is written than the kernel takes, and the rest when it has been received",
  seeded((random) => {
    const written: Uint8Array[] = [];
    let receivedBytes = 0;
    let sentBytes = 0;
    let came = 0;
    let drainCount = 0;
    let waitCount = 0;
    const frames = new FrameReader(PIECE_BYTES);
    const writer = new PacedWriter((bytes) => {
      written.push(bytes);
      const openBytes = written.reduce((sum, { length }) => sum + length + 1024, 0);
      assert.ok(openBytes <= WINDOW_BYTES, `${openBytes} bytes are on their way`);
    }, () => void (drainCount += 1));
    const large = encodeFrame(0, new Uint8Array(2 ** 21));
    const receive = () => {
      const [{ kind, body }] = frames.read(written[0]!) as [Frame];
      came += kind === LineFrame.PART ? body.length : written[0]!.length;
      receivedBytes += written.shift()!.length;
      writer.noteReceived(receivedBytes % 2 ** 32);
    };
    for (let i = 0; i < 2000; i++) {
      const body = random.below(random.pick([50, 100_000]));
      const frame = i % 100 === 0 ? large : encodeFrame(0, new Uint8Array(body));
      if (!writer.write(frame)) waitCount += 1;
      sentBytes += frame.length;
      while (written.length > random.below(40)) receive();
    }
    while (written.length > 0) receive();
    assert.is(came, sentBytes);
    assert.ok(drainCount > 0 && drainCount <= waitCount);
    assert.throws(() => writer.noteReceived((receivedBytes + 1) % 2 ** 32), /than was sent/);
  }),
);

/** A host in another process, and a line to it. */
class Host implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), "dinomo-line-"));
  readonly child = new Child("line_host", {
    directory: this.directory,
    bodyBytesMax: BODY_BYTES_MAX,
  });
  socket!: Socket;
  line!: RemoteLine;
  /** What has come: kinds and numbers of bytes. */
  readonly came: [number, number][] = [];
  heldBytesMax = 0;

  static async start(silenceMs = SILENCE_MS): Promise<Host> {
    const host = new Host();
    await host.child.message(0);
    const socket = host.socket = connect(join(host.directory, "socket"));
    await once(socket, "connect");
    socket.on("error", () => {});
    const line = host.line = new RemoteLine({
      bodyBytesMax: BODY_BYTES_MAX,
      write: (bytes) => {
        socket.write(bytes);
        host.heldBytesMax = Math.max(host.heldBytesMax, socket.writableLength);
      },
      heldBytes: () => socket.writableLength,
      makeFifo: () => new AnswerFifo(host.directory, silenceMs),
      onFrame: ({ kind, body }) => {
        assert.ok(body.every((byte) => byte === body.length % 251));
        host.came.push([kind, body.length]);
      },
      onDrain: () => {},
    });
    socket.on("data", (bytes) => line.receive(bytes));
    return host;
  }

  /** Sends a frame of a length, to be answered with as many bytes as said. */
  ask(bytes: number, frameBytes = 100, kind: number = RequestFrame.REQUESTS): void {
    this.#send(kind, { bytes }, frameBytes);
  }

  /** The host reads nothing for some time. */
  sleep(sleepMs: number): void {
    this.#send(RequestFrame.REQUESTS, { sleepMs }, 100);
  }

  #send(kind: number, asked: unknown, frameBytes: number): void {
    const body = new Uint8Array(frameBytes);
    new TextEncoder().encodeInto(JSON.stringify(asked), body);
    this.line.send(encodeFrame(kind, body));
  }

  blockUntil(count: number): void {
    while (this.came.length < count) assert.ok(this.line.block());
  }

  async until(count: number): Promise<void> {
    while (this.came.length < count) await once(this.socket, "data");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.line.close();
    this.socket.destroy();
    this.child.kill();
    await this.child.ended();
    rmSync(this.directory, { recursive: true });
  }
}

test("answers of any length come to a thread that blocks, and by the socket afterwards", async () => {
  await using host = await Host.start();
  const lengths = [0, 1, 100, 4096, 65_536, 65_537, 200_000, 3_000_000, 5];
  for (const [i, bytes] of lengths.entries()) {
    host.ask(bytes);
    host.blockUntil(i + 1);
  }
  assert.equal(host.came.map(([, bytes]) => bytes), lengths);
  assert.equal(readdirSync(host.directory), ["socket"], "the FIFO has no name any more");
  host.ask(7);
  host.line.listen();
  await host.until(lengths.length + 1);
  host.ask(8);
  host.blockUntil(lengths.length + 2);
  assert.equal(host.came.slice(-2).map(([, bytes]) => bytes), [7, 8]);
});

test("answers that lie in the socket come to a thread that blocks, and are not taken twice", async () => {
  await using host = await Host.start();
  for (let i = 0; i < 300; i++) host.ask(i);
  // They are answered, and nothing is read of the socket.
  host.ask(300);
  host.blockUntil(301);
  host.line.listen();
  host.ask(301);
  await host.until(302);
  assert.equal(host.came.map(([, bytes]) => bytes), Array.from({ length: 302 }, (_, i) => i));
});

test("however much is not awaited, all has left this process when the thread blocks", async () => {
  await using host = await Host.start();
  const cases: [count: number, frameBytes: number][] = [
    [1, 5_000_000],
    [3000, 20],
    [2000, 300],
    [500, 1729],
    [100, 3777],
    [40, 32_768],
    [20, 100_000],
    [1, 20],
  ];
  let count = 0;
  for (const [frames, frameBytes] of cases) {
    // While the host sleeps, all that is sent lies in the socket, or waits in this thread.
    host.sleep(5);
    for (let i = 0; i < frames; i++) host.ask(i % 10, frameBytes);
    host.blockUntil(count += frames);
  }
  assert.is(host.heldBytesMax, 0);
});

test("what is no answer waits for the end of the tick, in its order", async () => {
  await using host = await Host.start();
  host.ask(1, 100, RequestFrame.CALL);
  host.ask(2);
  host.ask(3, 100, RequestFrame.CALL);
  host.ask(4);
  host.blockUntil(2);
  assert.equal(host.came, [[RequestFrame.ANSWERS, 2], [RequestFrame.ANSWERS, 4]]);
  await Promise.resolve();
  await Promise.resolve();
  assert.equal(host.came.slice(2), [[RequestFrame.ITEM, 1], [RequestFrame.ITEM, 3]]);
});

test("a thread that blocks is told that the host was killed", async () => {
  await using host = await Host.start();
  host.ask(1);
  host.blockUntil(1);
  host.sleep(30);
  host.child.kill();
  host.ask(1);
  assert.is(host.line.block(), false);
});

test("a host that stands still is waited for only so long, and answers later", async () => {
  await using host = await Host.start(50);
  const isSilent = (error: Error) =>
    error instanceof UnavailableError && /silent/.test(error.message);
  // On a busy machine it may be silent without being stopped.
  const blockAtLast = (count: number) => {
    while (host.came.length < count) {
      try {
        host.blockUntil(count);
      } catch (error) {
        assert.ok(isSilent(error as Error), String(error));
      }
    }
  };
  host.ask(1);
  blockAtLast(1);
  process.kill(host.child.pid, "SIGSTOP");
  host.ask(2);
  assert.throws(() => host.blockUntil(2), isSilent);
  process.kill(host.child.pid, "SIGCONT");
  host.line.listen();
  await host.until(2);
  host.ask(3);
  blockAtLast(3);
  assert.equal(host.came.map(([, bytes]) => bytes), [1, 2, 3]);
});

test("the rest of a frame that has begun comes by the FIFO, whatever is forgotten", () => {
  const directory = mkdtempSync(join(tmpdir(), "dinomo-line-"));
  const fifo = new AnswerFifo(directory, SILENCE_MS);
  const writer = new FifoWriter(directory, fifo.name);
  const frame = new Uint8Array(1 << 20);
  writer.write(frame);
  writer.write(new Uint8Array(8));
  assert.is(writer.flush(), false, "a FIFO has no room for it");
  writer.forgetUnbegun();
  let count = 0;
  while (count < frame.length) {
    count += fifo.read()!.length;
    writer.flush();
  }
  assert.is(count, frame.length);
  writer.close();
  assert.is(fifo.read(), undefined);
  fifo.close();
  rmSync(directory, { recursive: true });
});

test("a FIFO that does not exist, or is none, ends the connection", () => {
  const directory = mkdtempSync(join(tmpdir(), "dinomo-line-"));
  const fifo = new AnswerFifo(directory, SILENCE_MS);
  const makeLine = () =>
    new GatewayLine({
      bodyBytesMax: BODY_BYTES_MAX,
      write: () => true,
      openFifo: (name) => new FifoWriter(directory, name),
      onFrame: () => {},
      onDrain: () => {},
    });
  const names = ["fifo.1.0.00000001", "fifo.1.0.00000002", "fifo.1.0.00000003"] as const;
  writeFileSync(join(directory, names[0]), "");
  symlinkSync(join(directory, fifo.name), join(directory, names[1]));
  for (const name of [...names, "../fifo.1.0.00000001", "", "socket"]) {
    assert.throws(() => makeLine().receive(encodeFifo(name)), isFrameError, name);
  }
  const line = makeLine();
  const takeByFifo = encodeLine(LineFrame.TAKEN, 0, Way.FIFO);
  assert.throws(() => makeLine().receive(takeByFifo), isFrameError);
  assert.throws(() => makeLine().receive(encodeLine(LineFrame.TAKEN, 1)), isFrameError);
  line.receive(encodeFifo(fifo.name));
  line.receive(takeByFifo);
  assert.ok(fifo.read()!.length > WIRE_HEADER_BYTES);
  assert.throws(() => line.receive(encodeFifo(fifo.name)), isFrameError);
  line.close();
  assert.is(fifo.read(), undefined);
  fifo.close();
  rmSync(directory, { recursive: true });
});

test("memory is used again when it is given back, and a bounded part of it is kept", () => {
  const frames = new LongFrames();
  const first = frames.take(100_000);
  assert.is.not(frames.take(100_000).buffer, first.buffer);
  frames.giveBack(first.subarray(0, 10));
  frames.giveBack(first);
  const second = frames.take(50_000);
  assert.is(second.buffer, first.buffer);
  assert.ok(second.length >= 100_000);
  assert.is.not(frames.take(50_000).buffer, first.buffer, "it was given back once");
  const foreign = new Uint8Array(100_000);
  frames.giveBack(foreign);
  assert.is.not(frames.take(100_000).buffer, foreign.buffer);
  const tooLong = frames.take(KEPT_BYTES_MAX + 1);
  frames.giveBack(tooLong);
  assert.is.not(frames.take(tooLong.length).buffer, tooLong.buffer);
  const many = Array.from({ length: 10 }, () => frames.take(KEPT_BYTES_MAX));
  for (const memory of many) frames.giveBack(memory);
  const taken = many.map(() => frames.take(KEPT_BYTES_MAX).buffer);
  assert.is(taken.filter((buffer) => many.some((one) => one.buffer === buffer)).length, 2);
});

test("what processes leave that are killed is removed, and nothing else", () => {
  const directory = mkdtempSync(join(tmpdir(), "dinomo-line-"));
  const left = new AnswerFifo(directory, SILENCE_MS);
  writeFileSync(join(directory, "fifo.txt"), "");
  assert.equal(readdirSync(directory).toSorted(), [left.name, "fifo.txt"].toSorted());
  removeFifos(directory);
  assert.equal(readdirSync(directory), ["fifo.txt"]);
  left.close();
  rmSync(directory, { recursive: true });
});

test("a thread that blocks for a FIFO that nobody writes gives up", () => {
  const directory = mkdtempSync(join(tmpdir(), "dinomo-line-"));
  const fifo = new AnswerFifo(directory, 20, 20);
  const beginMs = monotonicMs();
  assert.throws(() => fifo.read(), /is silent/);
  assert.ok(monotonicMs() - beginMs >= 20);
  fifo.close();
  assert.equal(readdirSync(directory), []);
  rmSync(directory, { recursive: true });
});

const isFrameError = (error: unknown) => error instanceof FrameError;

test.run();
