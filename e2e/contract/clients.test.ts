import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { tool as langchainTool } from "@langchain/core/tools";
import { ChatOpenAI, OpenAIEmbeddings } from "@langchain/openai";
import { Agent, tool as agentTool, OpenAIProvider, Runner } from "@openai/agents";
import {
  APICallError,
  embedMany,
  generateImage,
  generateObject,
  generateSpeech,
  generateText,
  type LanguageModel,
  stepCountIs,
  streamText,
  tool,
  transcribe,
} from "ai";
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

const prompt = "the weather of Paris?";
const inputSchema = z.object({ city: z.string() });
/** A model that asks for the weather and speaks once it has it. */
const AGENT = `agent:tool=get_weather,args=${Buffer.from('{"city":"Paris"}').toString("base64url")}`;
const ROUTES = [
  ["relayed to OpenAI", (scenario: string) => hub.relayModel(scenario)],
  ["translated to Anthropic", (scenario: string) => hub.translatedModel(scenario)],
  ["an OpenAI-compatible server", (scenario: string) => hub.compatibleModel(scenario)],
] as const;

describe.each(DOORS)("%s door", (door) => {
  describe.each(ROUTES)("LangChain, %s", (_route, modelOf) => {
    const chat = (model: string, more: Partial<ConstructorParameters<typeof ChatOpenAI>[0] & object> = {}) =>
      new ChatOpenAI({
        ...{ model, apiKey: tenant.key, maxRetries: 0 },
        configuration: { baseURL: hub.door(door).baseUrl, fetch: hub.door(door).fetch },
        ...more,
      });

    test.each([false, true])("an answer and a stream; through Responses: %s", async (useResponsesApi) => {
      const client = chat(await modelOf("text"), { useResponsesApi });
      const answer = await client.invoke(prompt);
      expect(answer.text).toMatch(/^amber anchor apple/);
      expect(answer.usage_metadata).toMatchObject({ output_tokens: 12 });
      let streamed = "";
      for await (const chunk of await client.stream(prompt)) streamed += chunk.text;
      expect(streamed).toBe(answer.text);
    });

    test.each([false, true])("a tool loop; through Responses: %s", async (useResponsesApi) => {
      const weather = langchainTool(({ city }) => `18 °C in ${city}`, { name: "get_weather", schema: inputSchema });
      const client = chat(await modelOf(AGENT), { useResponsesApi }).bindTools([weather]);
      const first = await client.invoke(prompt);
      expect(first.tool_calls).toMatchObject([{ name: "get_weather", args: { city: "Paris" } }]);
      const [call] = first.tool_calls ?? [];
      if (!call) throw new Error("no tool was called");
      const result = await weather.invoke({ ...call, type: "tool_call" });
      const last = await client.invoke([{ role: "user", content: prompt }, first, result]);
      expect(last.text).toMatch(/^amber anchor apple/);
    });

    test("an error keeps its status", async () => {
      await expect(chat(await modelOf("error:400")).invoke(prompt)).rejects.toMatchObject({ status: 400 });
    });
  });

  test("LangChain reads structured output and embeddings", async () => {
    const configuration = { baseURL: hub.door(door).baseUrl, fetch: hub.door(door).fetch };
    const model = await hub.sandboxModel("chat", {});
    const chat = new ChatOpenAI({ model, apiKey: tenant.key, configuration });
    const structured = chat.withStructuredOutput(inputSchema, { method: "jsonSchema" });
    expect(await structured.invoke(prompt)).toEqual({ city: "example" });
    const embedding = await hub.sandboxModel("embedding", { type: "embedding" });
    const embeddings = new OpenAIEmbeddings({ model: embedding, apiKey: tenant.key, configuration });
    const [one, two] = await embeddings.embedDocuments(["one", "two"]);
    expect(one?.length).toBeGreaterThan(1);
    expect(two?.length).toBe(one?.length);
  });

  describe.each(ROUTES)("OpenAI's agents, %s", (route, modelOf) => {
    // "gpt-5" has the thoughts asked for, which nobody but the client keeps
    const THINKING = `${AGENT},reasoning=4,as=/gpt-5`;

    test.each([
      { useResponses: true, stream: false },
      { useResponses: true, stream: true },
      { useResponses: false, stream: false },
      { useResponses: false, stream: true },
    ])("call a tool and answer, with nothing but address and key set: %o", async ({ useResponses, stream }) => {
      const asked: string[] = [];
      const weather = agentTool({
        ...{ name: "get_weather", description: "The weather of a city", parameters: inputSchema },
        execute: async ({ city }) => {
          asked.push(city);
          return "18 °C";
        },
      });
      const agent = new Agent({
        ...{ name: "guide", instructions: "be brief", tools: [weather] },
        model: await modelOf(THINKING),
      });
      const modelProvider = new OpenAIProvider({ openAIClient: hub.openai(door, tenant.key), useResponses });
      const runner = new Runner({ modelProvider, tracingDisabled: true });
      const run = async (): Promise<string | undefined> => {
        if (!stream) return (await runner.run(agent, prompt)).finalOutput;
        const result = await runner.run(agent, prompt, { stream: true });
        let told = "";
        for await (const text of result.toTextStream()) told += text;
        await result.completed;
        expect(told).toBe(result.finalOutput);
        return result.finalOutput;
      };
      expect(await run()).toMatch(/^amber anchor apple/);
      expect(asked).toEqual(["Paris"]);
      await hub.quiet(tenant);
      expect((await hub.calls(tenant)).map(({ outcome }) => outcome)).toEqual(["ok", "ok"]);
      // OpenAI's chat completions have no place for thoughts, so over those the agents' client lets them go
      const upstream = route.includes("Anthropic") ? hub.anthropicTruth : hub.openaiTruth;
      if (useResponses) expect(upstream.last?.bodyText).toContain("think think");
      if (useResponses && route.includes("relayed")) expect(upstream.last?.bodyText).toContain("gAAAAABsimulated");
    });
  });

  /** The AI SDK's providers, each pointed at the hub. OpenAI's class speaks Responses unless asked for chat. */
  const SDK = {
    "openai-compatible": (model: string) =>
      createOpenAICompatible({
        ...{ name: "hub", apiKey: tenant.key, baseURL: hub.door(door).baseUrl, fetch: hub.door(door).fetch },
        ...{ includeUsage: true, supportsStructuredOutputs: true },
      })(model),
    openai: (model: string) =>
      createOpenAI({ apiKey: tenant.key, baseURL: hub.door(door).baseUrl, fetch: hub.door(door).fetch })(model),
    "openai chat": (model: string) =>
      createOpenAI({ apiKey: tenant.key, baseURL: hub.door(door).baseUrl, fetch: hub.door(door).fetch }).chat(model),
    anthropic: (model: string) =>
      createAnthropic({ apiKey: tenant.key, baseURL: hub.door(door).baseUrl, fetch: hub.door(door).fetch })(model),
  } satisfies Record<string, (model: string) => LanguageModel>;

  describe.each(Object.entries(SDK))("AI SDK, %s", (name, sdk) => {
    /** What has to be said to the class that believes its answers are kept. */
    const stateless = name === "openai" ? { providerOptions: { openai: { store: false } } } : {};

    test.each(ROUTES)("an answer and a stream, %s", async (_route, modelOf) => {
      const model = sdk(await modelOf("text"));
      const { text, usage, finishReason } = await generateText({ model, prompt, maxRetries: 0 });
      expect(text).toMatch(/^amber anchor apple/);
      expect([finishReason, usage.outputTokens]).toEqual(["stop", 12]);
      const stream = streamText({ model, prompt, maxRetries: 0 });
      expect(await stream.text).toBe(text);
      expect((await stream.usage).outputTokens).toBe(12);
    });

    test.each(ROUTES)("a tool loop, %s", async (_route, modelOf) => {
      const asked: string[] = [];
      const weather = tool({
        inputSchema,
        execute: async ({ city }) => {
          asked.push(city);
          return "18 °C";
        },
      });
      const { text, steps } = await generateText({
        ...{ model: sdk(await modelOf(AGENT)), prompt, tools: { get_weather: weather }, maxRetries: 0, ...stateless },
        stopWhen: stepCountIs(3),
      });
      expect(text).toMatch(/^amber anchor apple/);
      expect(steps).toHaveLength(2);
      expect(asked).toEqual(["Paris"]);
    });

    test("an object by schema", async () => {
      const model = sdk(await hub.sandboxModel("chat", {}));
      const { object } = await generateObject({ model, prompt, schema: inputSchema, maxRetries: 0 });
      expect(object).toEqual({ city: "example" });
    });

    test("an error keeps its status and says whether to retry", async () => {
      const failure = await generateText({
        model: sdk(await hub.relayModel("error:400")),
        prompt,
        maxRetries: 0,
      }).catch((thrown: unknown) => thrown);
      expect(failure).toBeInstanceOf(APICallError);
      expect(failure).toMatchObject({ statusCode: 400, isRetryable: false });
    });
  });

  test("AI SDK: vectors, a picture and an edit of it, speech and its transcript", async () => {
    const settings = { apiKey: tenant.key, baseURL: hub.door(door).baseUrl, fetch: hub.door(door).fetch };
    const compatible = createOpenAICompatible({ name: "hub", ...settings });
    const openai = createOpenAI(settings);
    const vectors = await hub.relayModel("text", { type: "embedding" });
    for (const model of [compatible.embeddingModel(vectors), openai.embedding(vectors)]) {
      const { embeddings, usage } = await embedMany({ model, values: ["one two", "three"], maxRetries: 0 });
      expect(embeddings).toEqual([0, 1].map((first) => [first, 0.5, -0.25, 0.125]));
      expect(usage.tokens).toBeGreaterThan(0);
    }
    const pictures = await hub.relayModel("gpt-image-1", { type: "image", price: { perImage: "0.04" } });
    for (const model of [compatible.imageModel(pictures), openai.image(pictures)]) {
      const { image } = await generateImage({ model, prompt: "a hub", maxRetries: 0 });
      const edited = { text: "brighter", images: [image.uint8Array] };
      const edit = await generateImage({ model, prompt: edited, maxRetries: 0 });
      expect([image.mediaType, edit.images.length]).toEqual(["image/png", 1]);
      expect(hub.openaiTruth.last?.path).toBe("/v1/images/edits");
    }
    const speech = await hub.relayModel("text", { type: "speech", price: { perMillionCharacters: "15" } });
    const { audio } = await generateSpeech({ model: openai.speech(speech), text: "hello", maxRetries: 0 });
    expect(audio.uint8Array.length).toBeGreaterThan(0);
    const hearing = await hub.relayModel("text", { type: "transcription", price: { perSecond: "0.0001" } });
    const heard = { model: openai.transcription(hearing), audio: audio.uint8Array, maxRetries: 0 };
    expect((await transcribe(heard)).text).not.toBe("");
  });

  test("AI SDK, openai: thoughts in a tool loop need store:false, and the refusal says so", async () => {
    const weather = tool({ inputSchema, execute: async () => "18 °C" });
    const thinking = SDK.openai(await hub.relayModel("think-then-tool"));
    const talking = SDK.openai(await hub.relayModel("text"));
    const turn = (store?: false) => ({
      tools: { get_weather: weather },
      maxRetries: 0,
      providerOptions: {
        openai: {
          forceReasoning: true,
          reasoningEffort: "low",
          reasoningSummary: "auto",
          ...(store === false && { store }),
        },
      },
    });
    const user = { role: "user" as const, content: prompt };
    const kept = await generateText({ model: thinking, messages: [user], ...turn() });
    const refused = await generateText({
      ...{ model: talking, messages: [user, ...kept.response.messages], ...turn() },
    }).catch((thrown: unknown) => thrown);
    expect(refused).toBeInstanceOf(APICallError);
    expect(refused).toMatchObject({ statusCode: 400, message: expect.stringContaining("store") });

    const carried = await generateText({ model: thinking, messages: [user], ...turn(false) });
    const served = await generateText({
      model: talking,
      messages: [user, ...carried.response.messages],
      ...turn(false),
    });
    expect(served.text).toMatch(/^amber anchor apple/);
    expect(hub.openaiTruth.last?.bodyText).toContain("gAAAAABsimulated");
  });
});
