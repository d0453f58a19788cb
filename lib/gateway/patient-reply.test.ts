import { expect, it } from "vitest";
import { fakeClock } from "@/e2e/support/gateway-values";
import { PatientReply } from "@/lib/gateway/patient-reply";

/** What reached the client: `status`, pieces of the body, and how it ended. */
function makeReply() {
  const said: unknown[] = [];
  const clock = fakeClock();
  const inner = {
    started: false,
    gone: false,
    send(status: number, _headers: Record<string, string>, body: string | Uint8Array) {
      inner.started = true;
      said.push(status, String(body));
    },
    start(status: number, headers: Record<string, string>) {
      inner.started = true;
      said.push(status, headers);
    },
    write: (chunk: string | Uint8Array) => said.push(String(chunk)) > 0,
    end: (last?: string | Uint8Array) => void said.push(String(last)),
    cut: () => void said.push("cut"),
    onDrain: () => {},
    onGone: () => {},
  };
  const reply = new PatientReply(inner, { "x-request-id": "req_1" }, clock);
  /** As the ticker does, every 250 ms. */
  const wait = (milliseconds: number) => {
    for (let at = 0; at < milliseconds; at += 250) {
      clock.advance(250);
      reply.tick();
    }
  };
  return { inner, reply, said, wait };
}

const COMMITTED = [200, { "x-request-id": "req_1", "content-type": "application/json" }, " "];

it("leaves an answer within 45 s as it is", () => {
  const { reply, said, wait } = makeReply();
  wait(44_750);
  reply.send(200, { "x-aigne-attempts": "1" }, "{}");
  wait(60_000);
  reply.fail();
  expect(said).toEqual([200, "{}"]);
});

it("commits the status after 45 s without claiming an attempt, and pads every 15 s", () => {
  const { reply, said, wait } = makeReply();
  wait(45_000);
  expect(said).toEqual(COMMITTED);
  wait(14_750);
  expect(said).toEqual(COMMITTED);
  wait(15_250);
  reply.send(200, {}, '{"text":"hi"}');
  expect(said).toEqual([...COMMITTED, " ", " ", '{"text":"hi"}']);
  expect(JSON.parse(said.slice(2).join(""))).toEqual({ text: "hi" });
});

it("cuts the connection where the call fails after that", () => {
  const { reply, said, wait } = makeReply();
  reply.fail();
  wait(45_000);
  reply.fail();
  expect(said).toEqual([...COMMITTED, "cut"]);
});

it("says nothing to a client that left", () => {
  const { inner, said, wait } = makeReply();
  inner.gone = true;
  wait(90_000);
  expect(said).toEqual([]);
});
