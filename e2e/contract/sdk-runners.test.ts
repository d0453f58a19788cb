import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { type ContractHub, DOORS, startContractHub, type Tenant } from "./hub";
import { ANTHROPIC_SDKS, OPENAI_SDKS } from "./sdk-majors";

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
  describe.each(OPENAI_SDKS)("openai $major", ({ Client, zodResponseFormat, zodTextFormat }) => {
    const client = () => hub.openai(door, tenant.key, {}, Client);

    describe.each(OPENAI_ROUTES)("%s", (_route, modelOf) => {
      test("the helpers put streams together", async () => {
        const model = await modelOf("text");
        const { choices } = await client().chat.completions.stream({ model, messages }).finalChatCompletion();
        expect(choices[0]?.message.content).toMatch(/^amber anchor apple/);
        const response = await client().responses.stream({ model, input: "hi" }).finalResponse();
        expect(response.output_text).toBe(choices[0]?.message.content);
      });

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

      test("request ids are on answers and on errors", async () => {
        const answer = await client().chat.completions.create({ model: await modelOf("text"), messages });
        expect(answer._request_id).toMatch(/^req_/);
        const failure = await client()
          .chat.completions.create({ model: await modelOf("error:400"), messages })
          .catch((thrown: unknown) => thrown);
        expect(failure).toBeInstanceOf(Client.BadRequestError);
        expect((failure as InstanceType<typeof Client.APIError>).requestID).toMatch(/^req_/);
      });
    });

    test("a JSON schema is parsed into its type", async () => {
      const model = await hub.sandboxModel("chat", {});
      const format = zodResponseFormat(city, "answer");
      const { choices } = await client().chat.completions.parse({ model, messages, response_format: format });
      expect(choices[0]?.message.parsed).toEqual({ city: "example" });
      const response = await client().responses.parse({
        ...{ model, input: "hi", text: { format: zodTextFormat(city, "answer") } },
      });
      expect(response.output_parsed).toEqual({ city: "example" });
    });

    test("vectors are unpacked, and a model is found by an id with a slash", async () => {
      const model = await hub.relayModel("text", { type: "embedding" });
      const { data } = await client().embeddings.create({ model, input: ["one two", "three"] });
      expect(data.map(({ embedding }) => embedding)).toEqual([0, 1].map((first) => [first, 0.5, -0.25, 0.125]));
      expect(hub.openaiTruth.last?.body).toMatchObject({ encoding_format: "base64" });
      expect(model).toContain("/");
      expect((await client().models.retrieve(model)).id).toBe(model);
      await expect(client().models.retrieve("no/such")).rejects.toBeInstanceOf(Client.NotFoundError);
    });
  });

  describe.each(ANTHROPIC_SDKS)("anthropic $major", ({ Client, betaZodTool }) => {
    const client = () => hub.anthropic(door, tenant.key, {}, Client);

    describe.each(ANTHROPIC_ROUTES)("%s", (_route, modelOf) => {
      test("the helper puts a stream together", async () => {
        const body = { model: await modelOf("text"), max_tokens: 100, messages };
        const { content, stop_reason } = await client().messages.stream(body).finalMessage();
        expect([content[0], stop_reason]).toMatchObject([{ text: expect.stringMatching(/^amber anchor/) }, "end_turn"]);
      });

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
        expect(failure).toBeInstanceOf(Client.BadRequestError);
        expect((failure as InstanceType<typeof Client.APIError>).requestID).toMatch(/^req_/);
      });
    });
  });

  test("leaving by the helpers' abort is an abort, and is settled", async () => {
    // side by side: each waits the 2 s in which an upstream may still report usage
    const scenario = "endless:interval=5";
    const left = await Promise.all([
      ...OPENAI_SDKS.flatMap(({ Client }) =>
        OPENAI_ROUTES.map(async ([, modelOf]) => {
          const model = await modelOf(scenario);
          const stream = hub.openai(door, tenant.key, {}, Client).chat.completions.stream({ model, messages });
          stream.on("content", () => stream.abort());
          await expect(stream.finalChatCompletion()).rejects.toBeInstanceOf(Client.APIUserAbortError);
        }),
      ),
      ...ANTHROPIC_SDKS.flatMap(({ Client }) =>
        ANTHROPIC_ROUTES.map(async ([, modelOf]) => {
          const body = { model: await modelOf(scenario), max_tokens: 4_000, messages };
          const stream = hub.anthropic(door, tenant.key, {}, Client).messages.stream(body);
          stream.on("text", () => stream.abort());
          await expect(stream.finalMessage()).rejects.toBeInstanceOf(Client.APIUserAbortError);
        }),
      ),
    ]);
    await hub.quiet(tenant);
    expect((await hub.calls(tenant)).map(({ outcome }) => outcome)).toEqual(left.map(() => "client_gone"));
  });
});

describe("how often the official SDKs try", () => {
  /** Attempts of each, with its own retries, all alike. */
  const attempts = async (model: string): Promise<number> => {
    const retrying = { maxRetries: 2 };
    const keys: string[] = [];
    const key = async () => {
      const own = await hub.keyOf(tenant, {});
      keys.push(own);
      return own;
    };
    const failures = await Promise.allSettled([
      ...OPENAI_SDKS.map(async ({ Client }) =>
        hub.openai("fast", await key(), retrying, Client).chat.completions.create({ model, messages }),
      ),
      ...ANTHROPIC_SDKS.map(async ({ Client }) =>
        hub.anthropic("fast", await key(), retrying, Client).messages.create({ model, max_tokens: 50, messages }),
      ),
    ]);
    expect(failures.map(({ status }) => status)).toEqual(Array(4).fill("rejected"));
    const [first = 0, ...rest] = keys.map((own) => hub.attempts(own));
    expect(rest).toEqual([first, first, first]);
    return first;
  };

  test("once where another try would fail too or be paid twice", async () => {
    for (const scenario of ["error:400", "error:401", "error:500", "html-502"])
      expect([scenario, await attempts(await hub.relayModel(scenario))]).toEqual([scenario, 1]);
  });

  test("once without credit", async () => {
    const model = await hub.relayModel("text");
    tenant = await hub.tenant({ creditUsd: "0" });
    expect(await attempts(model)).toBe(1);
  });

  test("thrice where all providers are busy", async () => {
    // each is told when the credential has rested
    expect(await attempts(await hub.relayModel("error-429-retry-after-ms=20"))).toBe(3);
  });

  test("thrice while credit is held by calls that still run", async () => {
    const model = await hub.relayModel("text");
    tenant = await hub.tenant({ creditUsd: "0.01" });
    await hub.holdOpen(tenant, `hold-${tenant.org.id}`, "0.01");
    try {
      expect(await attempts(model)).toBe(3);
    } finally {
      await hub.voidOpen(`hold-${tenant.org.id}`);
    }
    // three times the 5 s that a call waits for credit to come free
  }, 60_000);
});
