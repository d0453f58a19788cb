import { expect, test, vi } from "vitest";
import { SIMULATORS, type SimulatedKind, simulatedSecret } from "./simulators.ts";

/** What each upstream plays, by the name that plays it: answers first. */
const ANSWERS = {
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
    "first byte after N ms": "first-byte:ms=5",
    "idle gap": "idle:gap=5",
    trickle: "trickle:interval=1",
    endless: "endless:interval=0",
    comments: "comments",
  },
  transport: {
    "split at every byte, inside characters too": "split-bytes",
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

/** Statuses in the provider's own body; null: it is left without an answer. */
const ERRORS: Record<string, readonly [name: string, status: number | null]> = {
  ...Object.fromEntries(
    [400, 401, 402, 403, 404, 429, 500, 503, 529].map((status) => [`${status}`, [`error=${status}`, status]]),
  ),
  "429, to come back in seconds": ["error-429-retry-after=7", 429],
  "429, to come back at a date": ["error-429-retry-after=date", 429],
  "429, to come back in milliseconds": ["error-429-retry-after-ms=70", 429],
  "context too long": ["context-length", 400],
  "HTML of a proxy": ["html-502", 502],
  "never answers": ["never", null],
};

type Wire = { kind: SimulatedKind; path: string; errorBody: object; end: string };

const text = expect.stringMatching(/./);
const OPENAI = { path: "/chat/completions", errorBody: { error: { message: text, type: text } }, end: "data: [DONE]" };

/** Each wire: where it is asked, the shape of its errors, how its stream ends. */
const WIRES: Record<string, Wire> = {
  openai: { kind: "openai", ...OPENAI },
  "openai responses": { ...OPENAI, kind: "openai", path: "/responses", end: '"type":"response.completed"' },
  anthropic: {
    ...{ kind: "anthropic", path: "/messages", end: "event: message_stop" },
    errorBody: { type: "error", error: { type: text, message: text } },
  },
  google: {
    ...{ kind: "google", path: "/models/", end: '"finishReason":"STOP"' },
    errorBody: { error: { code: expect.any(Number), message: text, status: text } },
  },
  bedrock: { kind: "bedrock", path: "/model/", errorBody: { message: text }, end: "messageStop" },
  deepseek: { kind: "deepseek", ...OPENAI },
  xai: { kind: "xai", ...OPENAI, errorBody: { code: text, error: text } },
  openrouter: { kind: "openrouter", ...OPENAI, errorBody: { error: { code: expect.any(Number), message: text } } },
  ollama: { kind: "ollama", ...OPENAI, path: "/v1/chat/completions", errorBody: { error: text } },
  doubao: { kind: "doubao", ...OPENAI, errorBody: { error: { code: text, message: text } } },
  poe: { kind: "poe", ...OPENAI, errorBody: { error: { message: text, type: text, code: expect.any(Number) } } },
};

/** By hand, as each wire is asked. */
function ask({ kind, path }: Wire, baseUrl: string, model: string, stream: boolean): [string, RequestInit] {
  const { apiKey = "bearer-simulated" } = simulatedSecret(kind);
  const post = (headers: Record<string, string>, body: unknown): RequestInit => ({
    ...{ method: "POST", headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(body) },
  });
  const authorization = `Bearer ${apiKey}`;
  const messages = [{ role: "user", content: "say some words" }];
  if (kind === "anthropic")
    return [
      baseUrl + path,
      post({ "x-api-key": apiKey, "anthropic-version": "2023-06-01" }, { model, messages, stream, max_tokens: 50 }),
    ];
  if (kind === "google") {
    const verb = stream ? "streamGenerateContent?alt=sse" : "generateContent";
    const contents = [{ role: "user", parts: [{ text: "say some words" }] }];
    return [`${baseUrl}${path}${model}:${verb}`, post({ "x-goog-api-key": apiKey }, { contents })];
  }
  if (kind === "bedrock") {
    const verb = stream ? "converse-stream" : "converse";
    const body = { messages: [{ role: "user", content: [{ text: "say some words" }] }] };
    return [`${baseUrl}${path}${encodeURIComponent(model)}/${verb}`, post({ authorization }, body)];
  }
  if (path === "/responses")
    return [baseUrl + path, post({ authorization }, { model, stream, input: messages, max_output_tokens: 50 })];
  const body = { model, messages, stream, max_tokens: 50, ...(stream && { stream_options: { include_usage: true } }) };
  return [baseUrl + path, post({ authorization }, body)];
}

const answers = Object.values(ANSWERS).flatMap((group) => Object.values(group));
/** They do not come to their end. */
const BROKEN = new Set(["reset", "cut", "error-midstream"]);

test.concurrent.each(Object.entries(WIRES))("%s plays each of them, and records what it did", async (_name, wire) => {
  const simulator = await SIMULATORS[wire.kind]();
  const { truth } = simulator;
  const send = async (name: string, stream: boolean, signal?: AbortSignal) => {
    const [url, init] = ask(wire, simulator.baseUrl, name, stream);
    const response = await fetch(url, { ...init, ...(signal && { signal }) }).catch(() => null);
    const body = await response?.text().catch(() => "");
    return { status: response?.status ?? 0, headers: response?.headers ?? new Headers(), body: body ?? "" };
  };
  try {
    for (const name of answers)
      for (const stream of [false, true]) {
        const { status, body } = await send(name, stream);
        const { last } = truth;
        expect([name, stream, last?.status, last?.stream]).toEqual([name, stream, 200, stream]);
        if (BROKEN.has(name)) {
          expect([name, stream, last?.outcome]).not.toEqual([name, stream, "complete"]);
          continue;
        }
        expect([name, stream, status, body !== ""]).toEqual([name, stream, 200, true]);
        expect([name, stream, last?.outcome]).toEqual([name, stream, "complete"]);
        expect(last?.tokens).toBe((last?.usage.output ?? 0) + (last?.usage.reasoning ?? 0));
        if (name === "text") expect([last?.tokens, last?.usageReported]).toEqual([12, true]);
        if (name === "text" && stream) expect(body).toContain(wire.end);
      }

    for (const [name, expected] of Object.values(ERRORS)) {
      if (expected === null) {
        const gone = truth.summary().clientsGone;
        await send(name, false, AbortSignal.timeout(20));
        // not expect.poll, which knows one test at a time
        await vi.waitFor(() => expect(truth.summary().clientsGone).toBe(gone + 1));
        continue;
      }
      const { status, headers, body } = await send(name, true);
      expect([name, status, truth.last?.status, truth.last?.outcome]).toEqual([name, expected, expected, "error"]);
      expect([name, truth.last?.tokens]).toEqual([name, 0]);
      if (name === "html-502") expect(body).toMatch(/^<(!DOCTYPE )?html/i);
      else expect([name, JSON.parse(body)]).toMatchObject([name, wire.errorBody]);
      if (name === "error=429") expect(headers.get("retry-after")).toBeNull();
      if (name.endsWith("=7")) expect(headers.get("retry-after")).toBe("7");
      if (name.endsWith("=date")) expect(Date.parse(headers.get("retry-after") ?? "")).toBeGreaterThan(Date.now());
      if (name.endsWith("=70")) expect(headers.get("retry-after-ms")).toBe("70");
    }
    await expect(fetch(simulator.tlsUrl)).rejects.toThrow();

    expect(truth.requests.map(({ number }) => number)).toEqual(truth.requests.map((_, index) => index + 1));
    expect(truth.requests[0]).toMatchObject({ method: "POST", headers: { "content-type": "application/json" } });
    expect(truth.summary()).toMatchObject({ total: truth.requests.length, active: 0, peak: 1 });
  } finally {
    await simulator.stop();
  }
});

test("Gemini says in the body when to come back", async () => {
  const simulator = await SIMULATORS.google();
  const [url, init] = ask(WIRES.google as Wire, simulator.baseUrl, "error-429-retry-info=3", false);
  const response = await fetch(url, init);
  expect([response.status, await response.text()]).toEqual([429, expect.stringMatching(/RetryInfo"[^}]*"3s"/)]);
  await simulator.stop();
});
