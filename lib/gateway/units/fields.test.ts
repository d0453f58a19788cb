import { expect, test } from "vitest";
import { openAICompletions } from "@/lib/gateway/dialects/openai-completions/dialect";
import { openaiCompatible } from "@/lib/gateway/providers/openai-compatible";
import { embeddings } from "@/lib/gateway/units/embeddings";
import { parseMultipart, relayForm } from "@/lib/gateway/units/multipart";

const evil = { api_base: "https://evil.test", extra_body: { a: 1 }, provider: "x", models: "y" };

test("nobody chooses by a field what an upstream calls: in one piece, as a form, as a completion", async () => {
  const body = { model: "m", input: "hi", vendor: 1, ...evil };
  const asked = await embeddings.parse(Buffer.from(JSON.stringify(body)), undefined as never);
  expect(JSON.parse(String((await asked.relayBody("u")).body))).toEqual({ model: "u", input: "hi", vendor: 1 });

  const form = new FormData();
  for (const [name, value] of Object.entries({ model: "m", vendor: "1", "extra_body[a]": "1", ...evil }))
    form.set(name, String(value));
  const request = new Response(form);
  const type = request.headers.get("content-type") ?? undefined;
  const sent = await relayForm(await parseMultipart(Buffer.from(await request.arrayBuffer()), type), { model: "u" });
  const received = await new Response(sent.body as Uint8Array<ArrayBuffer>, {
    headers: { "content-type": sent.contentType },
  }).formData();
  expect(Object.fromEntries(received)).toEqual({ model: "u", vendor: "1" });

  const completion = openAICompletions.parse({ model: "m", prompt: "hi", vendor: 1, ...evil }, 10, {});
  const target = { provider: openaiCompatible, upstreamModel: "u", maxOutputTokens: null };
  const relayed = openAICompletions.relay?.body({ ...completion, dialect: openAICompletions }, target);
  expect(JSON.parse(relayed ?? "")).toEqual({ model: "u", prompt: "hi", vendor: 1 });
});
