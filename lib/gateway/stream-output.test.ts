import { beforeEach, describe, expect, test } from "vitest";
import { fakeClock } from "@/e2e/support/gateway-values";
import type { Reply } from "@/lib/gateway/exchange";
import { StreamOutput } from "@/lib/gateway/stream-output";

let clock: ReturnType<typeof fakeClock>;
let reply: Reply & { started: boolean; gone: boolean };
let starts: [number, Record<string, string>][];
let written: string[];
let output: StreamOutput;

beforeEach(() => {
  clock = fakeClock();
  starts = [];
  written = [];
  reply = {
    started: false,
    gone: false,
    send: () => {},
    start(status, headers) {
      this.started = true;
      starts.push([status, headers]);
    },
    write: (chunk) => written.push(String(chunk)) > 0,
    end: () => {},
    cut: () => {},
    onDrain: () => {},
    onGone: () => {},
  };
  output = new StreamOutput(reply, { "x-request-id": "req_1" }, clock);
});

/** As the ticker does, every 250 ms. */
function wait(milliseconds: number) {
  for (let at = 0; at < milliseconds; at += 250) {
    clock.advance(250);
    output.tick();
  }
}

test("the status is sent once, with the headers of an event stream", () => {
  output.commit({ "x-aigne-attempts": "2" });
  output.commit({ "x-aigne-attempts": "3" });
  expect(starts).toEqual([
    [
      200,
      {
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-cache, no-transform",
        "x-accel-buffering": "no",
        "x-request-id": "req_1",
        "x-aigne-attempts": "2",
      },
    ],
  ]);
});

describe("silence", () => {
  test("commits the status after 10 s, with a comment, and without claiming an attempt", () => {
    wait(9_750);
    expect(starts).toEqual([]);
    wait(250);
    expect(starts).toHaveLength(1);
    expect(starts[0]?.[1]).not.toHaveProperty("x-aigne-attempts");
    expect(written).toEqual([": ping\n\n"]);
  });

  test("is broken by a comment every 15 s, not more often", () => {
    output.commit({});
    output.write("data: a\n\n");
    wait(14_750);
    expect(written).toHaveLength(1);
    wait(250);
    expect(written.slice(1)).toEqual([": ping\n\n"]);
    wait(30_000);
    expect(written.slice(1)).toEqual([": ping\n\n", ": ping\n\n", ": ping\n\n"]);
  });

  test("is broken in the protocol's own words once the answer has begun, and only then", () => {
    output = new StreamOutput(reply, {}, clock, "event: ping\n\n");
    wait(25_000);
    expect(written).toEqual([": ping\n\n", ": ping\n\n"]);
    output.commit({});
    output.write("event: message_start\n\n");
    wait(15_000);
    expect(written.at(-1)).toBe("event: ping\n\n");
  });

  test("is no silence while anything is written", () => {
    output.commit({});
    for (let i = 0; i < 10; i++) {
      output.write("data: a\n\n");
      wait(14_000);
    }
    expect(written.filter((chunk) => chunk === ": ping\n\n")).toEqual([]);
  });

  test("ends with the client", () => {
    reply.gone = true;
    wait(60_000);
    expect([starts, written]).toEqual([[], []]);
  });
});

test("is open from the status to the end, unless the client left", () => {
  expect(output.open).toBe(false);
  output.commit({});
  expect(output.open).toBe(true);
  reply.gone = true;
  expect(output.open).toBe(false);
  reply.gone = false;
  output.end();
  expect(output.open).toBe(false);
});
