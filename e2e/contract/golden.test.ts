import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ContractHub, startContractHub, type Tenant } from "./hub";
import { schemaErrors, schemasAbsent } from "./schemas";

// What we write ourselves, to the letter: the order of keys and frames, and no key that is not meant. After a change that is
// meant: `npx vitest run e2e/contract/golden.test.ts -u`, and read the difference.

let hub: ContractHub;
let tenant: Tenant;

beforeAll(async () => {
  hub = await startContractHub();
  tenant = await hub.tenant();
  if (schemasAbsent) console.log(schemasAbsent);
});
afterAll(async () => {
  await hub.assertHealthy(tenant);
  await hub.stop();
});

const SCENARIOS = [
  ...["text:tokens=3", "tools-parallel", "tool-no-args", "text-then-tool:tokens=3", "reasoning:reasoning=2,tokens=3"],
  ...["think-then-tool:reasoning=2", "length:tokens=3", "empty", "refusal:tokens=3"],
  ...["usage-cached:read=100,write=50,write1h=20,tokens=3", "usage-missing:tokens=3"],
  ...["cut:after=2", "error-midstream:after=2", "error:400", "error:401", "error:429", "error:500", "context-length"],
];

const PROMPT = "say some words";
const CITY = { type: "object", properties: { city: { type: "string" } } };
const messages = [{ role: "user", content: PROMPT }];

type Golden = {
  name: string;
  /** By translation. */
  modelOf(scenario: string): Promise<string>;
  path: string;
  body(model: string): Record<string, unknown>;
  streamed(body: Record<string, unknown>): Record<string, unknown>;
  /** OpenAI's own schema of an event and of a whole answer, where it is OpenAI's protocol. */
  schemas?: { event: string; whole: string };
};

const DIALECTS: readonly Golden[] = [
  {
    name: "openai-chat",
    modelOf: (scenario) => hub.translatedModel(scenario),
    path: "/api/v1/chat/completions",
    body: (model) => ({ model, messages, tools: [{ type: "function", function: { name: "f", parameters: CITY } }] }),
    streamed: (body) => ({ ...body, stream: true, stream_options: { include_usage: true } }),
    schemas: { event: "CreateChatCompletionStreamResponse", whole: "CreateChatCompletionResponse" },
  },
  {
    name: "openai-responses",
    modelOf: (scenario) => hub.translatedModel(scenario),
    path: "/api/v1/responses",
    body: (model) => ({ model, input: PROMPT }),
    streamed: (body) => ({ ...body, stream: true }),
    schemas: { event: "ResponseStreamEvent", whole: "Response" },
  },
  {
    name: "anthropic-messages",
    modelOf: (scenario) => hub.compatibleModel(scenario),
    path: "/api/v1/messages",
    body: (model) => ({ model, max_tokens: 100, messages }),
    streamed: (body) => ({ ...body, stream: true }),
  },
  {
    name: "aigne",
    modelOf: (scenario) => hub.translatedModel(scenario),
    path: "/api/v2/chat",
    body: (model) => ({ agent: "$CHAT_MODEL", input: { messages, modelOptions: { model } } }),
    streamed: (body) => ({ ...body, options: { streaming: true } }),
  },
];

describe.each(DIALECTS)("$name", ({ name, modelOf, path, body, streamed, schemas }) => {
  const ask = async (model: string, request: Record<string, unknown>) => {
    const response = await hub.sendFromOrigin("fast", path, {
      method: "POST",
      headers: { authorization: `Bearer ${tenant.key}`, "content-type": "application/json" },
      body: JSON.stringify(request),
    });
    const text = await response.text();
    return { status: response.status, text, golden: withoutNames(text, model) };
  };

  test.each(SCENARIOS)("%s", async (scenario) => {
    // an error spends its provider: a fresh model each
    const [one, two] = [await modelOf(scenario), await modelOf(scenario)];
    const whole = await ask(one, body(one));
    const stream = await ask(two, streamed(body(two)));
    const file = `golden/${name}/${scenario.replace(/[^a-z0-9]+/g, "-")}.txt`;
    await expect(
      `whole, ${whole.status}\n${whole.golden}\n\nstreamed, ${stream.status}\n${stream.golden}\n`,
    ).toMatchFileSnapshot(file);
    if (!schemas || schemasAbsent) return;

    for (const { status, text } of [whole, stream]) {
      if (status !== 200) expect(schemaErrors("ErrorResponse", JSON.parse(text))).toEqual([]);
      else if (text.startsWith("{")) expect(schemaErrors(schemas.whole, JSON.parse(text))).toEqual([]);
      // the frame that says in mid-stream what went wrong has no schema
      else
        for (const event of eventsOf(text))
          if (!("error" in event)) expect([event, schemaErrors(schemas.event, event)]).toEqual([event, []]);
    }
  });
});

function eventsOf(stream: string): Record<string, unknown>[] {
  return [...stream.matchAll(/^data: (\{.*)$/gm)].map(([, data]) => JSON.parse(data as string));
}

/** Without what differs from run to run. */
function withoutNames(text: string, model: string): string {
  return text
    .replaceAll(model, "MODEL")
    .replace(/\b(chatcmpl-|resp_|msg_|rs_|fc_|req_|call_|toolu_)[0-9a-zA-Z]+/g, "$1ID")
    .replace(/"(created|created_at)":\d+/g, '"$1":TIME');
}
