import { expect, test } from "vitest";
import { ANSWER_SCENARIOS } from "./scenario.ts";
import { SIMULATORS, type SimulatedKind, simulatedSecret } from "./simulators.ts";

/** What the wire contract (§6) wants each upstream to play, by the name that plays it. */
const CONTRACT = {
  content: {
    text: "text",
    reasoning: "reasoning",
    "one tool": "tool",
    "parallel tools": "tools-parallel",
    "tool without arguments": "tool-no-args",
    "tool without deltas": "tool-no-deltas",
    "tool index starting at 1": "tool-index-1",
    "JSON schema": "json",
    "image output": "image",
    refusal: "refusal",
    "length stop": "length",
    "empty answer": "empty",
  },
  usage: {
    "exact per class": "text",
    "cached, cache write 5 m and 1 h": "usage-cached",
    "on finish chunk": "usage-on-finish",
    "on every chunk": "usage-every-chunk",
    missing: "usage-missing",
    zero: "usage-zero",
  },
  timing: {
    "first byte after N s": "first-byte",
    "idle gap": "idle",
    trickle: "trickle",
    endless: "endless",
    comments: "comments",
  },
  transport: {
    "split at every byte": "split-bytes",
    CRLF: "crlf",
    "merged frames": "merged",
    gzip: "gzip",
    "no end marker": "no-done",
    "no finish reason": "no-finish",
    "unknown event types": "unknown-events",
    "reset in mid-frame": "reset",
    "clean early close": "cut",
    "invalid JSON": "invalid-json",
    "error in mid-stream": "error-midstream",
  },
};

test("every scenario of the contract has a name", () => {
  const missing = Object.values(CONTRACT)
    .flatMap((group) => Object.values(group))
    .filter((name) => !ANSWER_SCENARIOS.includes(name));
  expect(missing).toEqual([]);
});

/** By hand, as each wire is asked. Bedrock's is signed, and so is asked through the matrix alone. */
function ask(kind: SimulatedKind, baseUrl: string, model: string, stream: boolean): [string, RequestInit] {
  const { apiKey = "" } = simulatedSecret(kind);
  const messages = [{ role: "user", content: "say some words" }];
  const post = (headers: Record<string, string>, body: unknown): RequestInit => ({
    ...{ method: "POST", headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(body) },
  });
  if (kind === "anthropic")
    return [
      `${baseUrl}/messages`,
      post({ "x-api-key": apiKey, "anthropic-version": "2023-06-01" }, { model, messages, stream, max_tokens: 50 }),
    ];
  if (kind === "google") {
    const verb = stream ? "streamGenerateContent?alt=sse" : "generateContent";
    const contents = [{ role: "user", parts: [{ text: "say some words" }] }];
    return [`${baseUrl}/models/${model}:${verb}`, post({ "x-goog-api-key": apiKey }, { contents })];
  }
  const body = { model, messages, stream, max_tokens: 50, ...(stream && { stream_options: { include_usage: true } }) };
  return [
    `${baseUrl}${kind === "ollama" ? "/v1" : ""}/chat/completions`,
    post({ authorization: `Bearer ${apiKey}` }, body),
  ];
}

const KINDS = (Object.keys(SIMULATORS) as SimulatedKind[]).filter((kind) => kind !== "bedrock");
const OPTIONS: Record<string, string> = {
  endless: "endless:interval=0",
  idle: "idle:gap=5",
  "first-byte": "first-byte:ms=5",
};

test.each(KINDS)("%s plays each of them, plain and streamed, and records what it sent", async (kind) => {
  const simulator = await SIMULATORS[kind]();
  const broken = new Set(["reset", "cut", "error-midstream"]);
  try {
    for (const name of new Set(Object.values(CONTRACT).flatMap((group) => Object.values(group)))) {
      for (const stream of [false, true]) {
        const [url, init] = ask(kind, simulator.baseUrl, OPTIONS[name] ?? name, stream);
        const answer = await fetch(url, init).then(
          async (response) => [response.status, await response.text().catch(() => "cut")] as const,
          () => [0, "cut"] as const,
        );
        const { last } = simulator.truth;
        expect([name, stream, last?.status]).toEqual([name, stream, 200]);
        if (broken.has(name)) continue;
        expect([name, stream, answer[0], answer[1] !== ""]).toEqual([name, stream, 200, true]);
        expect([name, stream, last?.outcome]).toEqual([name, stream, "complete"]);
        expect(last?.tokens).toBe((last?.usage.output ?? 0) + (last?.usage.reasoning ?? 0));
      }
    }
    await expect(fetch(simulator.tlsUrl)).rejects.toThrow();
  } finally {
    await simulator.stop();
  }
});
