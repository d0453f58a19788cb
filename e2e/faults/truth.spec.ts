import { expect, test } from "@playwright/test";
import OpenAI from "openai";
import { type Stage, setStage } from "./stage";

let stage: Stage;
test.beforeAll(async () => {
  test.setTimeout(120_000);
  stage = await setStage();
});
test.afterAll(() => stage.stop());

const PRICE = { input: "1", output: "4" };
const messages = [{ role: "user" as const, content: "say some words" }];

test("price and charge equal what the upstream sent, for clean, cut and left streams", async () => {
  test.setTimeout(120_000);
  const { orgId, key } = await stage.tenant("10");
  const client = new OpenAI({ apiKey: key, baseURL: `${stage.hub.url}/api/v1`, maxRetries: 0 });
  const endings = [
    { scenario: "text:tokens=40", leaveAfter: Number.POSITIVE_INFINITY, outcome: "ok" },
    { scenario: "usage-missing:tokens=40", leaveAfter: Number.POSITIVE_INFINITY, outcome: "ok" },
    { scenario: "cut:after=17,tokens=40", leaveAfter: Number.POSITIVE_INFINITY, outcome: "cut" },
    { scenario: "reset:after=5,tokens=40", leaveAfter: Number.POSITIVE_INFINITY, outcome: "cut" },
    { scenario: "endless:interval=5", leaveAfter: 25, outcome: "client_gone" },
  ];

  const models = await Promise.all(endings.map(({ scenario }) => stage.model(scenario, PRICE)));
  const calls = await Promise.all(
    endings.flatMap((ending, kind) =>
      Array.from({ length: 10 }, async (_, i) => {
        const model = models[kind] as string;
        const user = `truth-${kind}-${i}`;
        const { data, response } = await client.chat.completions
          .create({ model, messages, stream: true, user })
          .withResponse();
        let chunks = 0;
        try {
          for await (const _chunk of data) if (++chunks >= ending.leaveAfter) break;
        } catch {
          // a cut stream ends in an error frame, which the SDK throws
        }
        return { ...ending, user, requestId: response.headers.get("x-request-id") };
      }),
    ),
  );

  let charged = 0n;
  for (const { user, requestId, outcome, scenario } of calls) {
    const find = () => stage.sql.query("select * from usage_event where id = $1", [requestId]);
    await expect.poll(async () => (await find()).rows.length, { message: `${scenario} settled` }).toBe(1);
    const event = (await find()).rows[0];
    const truth = stage.upstream.truth.byTag(user)[0];
    expect(event.outcome, scenario).toBe(outcome);
    expect(BigInt(event.price_nano)).toBe(BigInt(event.input_tokens) * 1_000n + BigInt(event.output_tokens) * 4_000n);
    charged += BigInt(event.price_nano);
    if (outcome === "client_gone") {
      // what was received by the gateway, which is between what the client read and what the upstream sent
      expect(event.output_tokens).toBeGreaterThanOrEqual(24);
      expect(event.output_tokens).toBeLessThanOrEqual(truth?.tokens ?? 0);
    } else expect(event.output_tokens, scenario).toBe(truth?.tokens);
    if (truth?.usageReported) expect(event.input_tokens).toBe(truth.usage.input);
  }
  const { rows } = await stage.sql.query("select posted::text as posted from wallet where org_id = $1", [orgId]);
  expect(10_000_000_000n - BigInt(rows[0].posted)).toBe(charged);
  expect(await stage.violations()).toEqual([]);
});
