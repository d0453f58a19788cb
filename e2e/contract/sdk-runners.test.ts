import Anthropic from "@anthropic-ai/sdk";
import { betaZodTool } from "@anthropic-ai/sdk/helpers/beta/zod";
import OpenAI from "openai";
import { zodResponseFormat, zodTextFormat } from "openai/helpers/zod";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { type ContractHub, DOORS, startContractHub, type Tenant } from "./hub";

let hub: ContractHub;
let tenant: Tenant;

beforeAll(async () => {
  hub = await startContractHub();
});
beforeEach(async () => {
  tenant = await hub.tenant();
});
afterEach(() => hub.assertHealthy(tenant));
afterAll(() => hub.stop());

const messages = [{ role: "user" as const, content: "the weather of Paris?" }];
const city = z.object({ city: z.string() });
/** A model that asks for the weather and speaks once it has it. */
const AGENT = `agent:tool=get_weather,args=${Buffer.from('{"city":"Paris"}').toString("base64url")}`;

/** Relay and translation, for a client of either wire. */
const OPENAI_ROUTES = [
  ["relay", (scenario: string) => hub.relayModel(scenario)],
  ["translate", (scenario: string) => hub.translatedModel(scenario)],
] as const;
const ANTHROPIC_ROUTES = [
  ["relay", (scenario: string) => hub.translatedModel(scenario)],
  ["translate", (scenario: string) => hub.compatibleModel(scenario)],
] as const;

/** What the official SDKs build on top of the wire; each is strict about something that the wire alone would let pass. */
describe.each(DOORS)("%s door", (door) => {
  describe.each(OPENAI_ROUTES)("openai, %s", (_route, modelOf) => {
    const client = () => hub.openai(door, tenant.key);

    test.each([false, true])(
      "runTools calls the function and comes back with the answer; streamed: %s",
      async (stream) => {
        const asked: string[] = [];
        const weather = {
          type: "function" as const,
          function: {
            name: "get_weather",
            description: "The weather of a city",
            parameters: { type: "object", properties: { city: { type: "string" } } },
            parse: (text: string) => city.parse(JSON.parse(text)),
            function: (input: z.infer<typeof city>) => {
              asked.push(input.city);
              return "18 °C";
            },
          },
        };
        const body = { model: await modelOf(AGENT), messages, tools: [weather] };
        const runner = stream
          ? client().chat.completions.runTools({ ...body, stream: true })
          : client().chat.completions.runTools(body);
        expect(await runner.finalContent()).toMatch(/^amber anchor apple/);
        expect(asked).toEqual(["Paris"]);
      },
    );

    test("the parser of structured outputs refuses what does not fit", async () => {
      const model = await modelOf("text");
      const format = zodResponseFormat(city, "answer");
      const failure = await client()
        .chat.completions.parse({ model, messages, response_format: format })
        .catch((thrown: unknown) => thrown);
      // the simulator speaks in words: the answer was whole, so the parser got to read it
      expect(failure).toBeInstanceOf(SyntaxError);
      const again = await client()
        .responses.parse({ model, input: "hi", text: { format: zodTextFormat(city, "answer") } })
        .catch((thrown: unknown) => thrown);
      expect(again).toBeInstanceOf(SyntaxError);
    });

    test("leaving by the helper's abort is an abort, and is settled", async () => {
      const model = await modelOf("endless:interval=5");
      const stream = client().chat.completions.stream({ model, messages });
      stream.on("content", () => stream.abort());
      await expect(stream.finalChatCompletion()).rejects.toBeInstanceOf(OpenAI.APIUserAbortError);
      await hub.quiet(tenant);
      expect(await hub.onlyCall(tenant)).toMatchObject({ outcome: "client_gone" });
    });

    test("request ids are on answers and on errors", async () => {
      const answer = await client().chat.completions.create({ model: await modelOf("text"), messages });
      expect(answer._request_id).toMatch(/^req_/);
      const failure = await client()
        .chat.completions.create({ model: await modelOf("error:400"), messages })
        .catch((thrown: unknown) => thrown);
      expect(failure).toBeInstanceOf(OpenAI.BadRequestError);
      expect((failure as InstanceType<typeof OpenAI.APIError>).requestID).toMatch(/^req_/);
    });
  });

  test("a JSON schema is parsed into its type", async () => {
    const model = await hub.sandboxModel("chat", {});
    const format = zodResponseFormat(city, "answer");
    const { choices } = await hub
      .openai(door, tenant.key)
      .chat.completions.parse({ model, messages, response_format: format });
    expect(choices[0]?.message.parsed).toEqual({ city: "example" });
    const response = await hub
      .openai(door, tenant.key)
      .responses.parse({ model, input: "hi", text: { format: zodTextFormat(city, "answer") } });
    expect(response.output_parsed).toEqual({ city: "example" });
  });

  describe.each(ANTHROPIC_ROUTES)("anthropic, %s", (_route, modelOf) => {
    const client = () => hub.anthropic(door, tenant.key);

    test.each([false, true])("the tool runner goes round; streamed: %s", async (stream) => {
      const asked: string[] = [];
      const weather = betaZodTool({
        name: "get_weather",
        description: "The weather of a city",
        inputSchema: city,
        run: (input) => {
          asked.push(input.city);
          return "18 °C";
        },
      });
      const body = { model: await modelOf(AGENT), max_tokens: 200, messages, tools: [weather] };
      const final = stream
        ? await client()
            .beta.messages.toolRunner({ ...body, stream: true })
            .runUntilDone()
        : await client().beta.messages.toolRunner(body).runUntilDone();
      expect(final.stop_reason).toBe("end_turn");
      expect(final.content[0]).toMatchObject({ type: "text", text: expect.stringMatching(/^amber anchor apple/) });
      expect(asked).toEqual(["Paris"]);
    });

    test("request ids are on answers and on errors", async () => {
      const answer = await client().messages.create({ model: await modelOf("text"), max_tokens: 50, messages });
      expect(answer._request_id).toMatch(/^req_/);
      const failure = await client()
        .messages.create({ model: await modelOf("error:400"), max_tokens: 50, messages })
        .catch((thrown: unknown) => thrown);
      expect(failure).toBeInstanceOf(Anthropic.BadRequestError);
      expect((failure as InstanceType<typeof Anthropic.APIError>).requestID).toMatch(/^req_/);
    });
  });
});

describe("how often the official SDKs try", () => {
  /** Attempts of both, with their own retries. */
  const attempts = async (model: string): Promise<number[]> => {
    const retrying = { maxRetries: 2 };
    const own = [await hub.keyOf(tenant, {}), await hub.keyOf(tenant, {})] as const;
    const failures = await Promise.allSettled([
      hub.openai("fast", own[0], retrying).chat.completions.create({ model, messages }),
      hub.anthropic("fast", own[1], retrying).messages.create({ model, max_tokens: 50, messages }),
    ]);
    expect(failures.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    return own.map((key) => hub.attempts(key));
  };

  test("once where another try would fail too or be paid twice", async () => {
    for (const scenario of ["error:400", "error:401", "error:500", "html-502"])
      expect([scenario, ...(await attempts(await hub.relayModel(scenario)))]).toEqual([scenario, 1, 1]);
  });

  test("once without credit", async () => {
    const model = await hub.relayModel("text");
    tenant = await hub.tenant({ creditUsd: "0" });
    expect(await attempts(model)).toEqual([1, 1]);
  });

  test("thrice where all providers are busy", async () => {
    // both in turn: each is told when the credential has rested
    expect(await attempts(await hub.relayModel("error-429-retry-after-ms=20"))).toEqual([3, 3]);
  });

  test("thrice while credit is held by calls that still run", async () => {
    const model = await hub.relayModel("text");
    tenant = await hub.tenant({ creditUsd: "0.01" });
    await hub.holdOpen(tenant, `hold-${tenant.org.id}`, "0.01");
    try {
      expect(await attempts(model)).toEqual([3, 3]);
    } finally {
      await hub.voidOpen(`hold-${tenant.org.id}`);
    }
    // three times the 5 s that a call waits for credit to come free
  }, 60_000);
});
