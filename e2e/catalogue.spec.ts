import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { operatorApi } from "@/e2e/support/operator-api";
import { startOpenAISimulator } from "@/e2e/support/providers/openai";
import { signInStaff } from "@/e2e/support/staff";
import { expect, test } from "@/e2e/support/test";
import { newId } from "@/lib/ids";
import en from "@/messages/en.json" with { type: "json" };

const t = en.admin;
const suffix = () => newId("x").slice(-8);

test("you connect a provider, choose from what it offers with a margin, and call what you chose", async ({
  page,
  context,
  hub,
}) => {
  const upstream = await startOpenAISimulator();
  await signInStaff(context, hub);
  const slug = `offer-${suffix()}`;

  await page.goto("/admin/providers/new");
  await page.getByRole("combobox", { name: t.providers.kind }).click();
  await page.getByRole("option", { name: "OpenAI-compatible" }).click();
  await page.getByLabel(t.providers.slug).fill(slug);
  await page.getByLabel(t.providers.baseUrl).fill(upstream.baseUrl);
  await page.getByLabel(en.credential.apiKey, { exact: true }).fill("sk-simulated");
  await page.getByRole("button", { name: t.providers.addAndTest }).click();
  await page.getByRole("link", { name: t.providers.chooseModels }).click();

  // nobody published what a simulator costs: it is typed, and unknown is not zero
  const row = page.getByRole("row").filter({ has: page.getByRole("checkbox", { name: "text", exact: true }) });
  await expect(row).toContainText(t.offered.unknown, { timeout: 20_000 });
  await row.getByRole("checkbox").click();
  await expect(page.getByText("1 model has no cost and is saved switched off.")).toBeVisible();
  await row.getByLabel(t.offered.costInOf.replace("{id}", "text")).fill("100");
  await row.getByLabel(t.offered.costOutOf.replace("{id}", "text")).fill("200");
  await expect(row).toContainText("$120.00");
  await page.getByRole("button", { name: "Save 1 model" }).click();
  await expect(page.getByRole("status").filter({ hasText: "1 model is saved." })).toBeVisible();

  const id = `${slug}/text`;
  const model = await operatorApi<Record<string, unknown>>(hub, `/models/${id}`);
  expect(model).toMatchObject({ enabled: true, marginPercent: "20", price: { input: "120", output: "240" } });
  const { id: orgId } = await operatorApi<{ id: string }>(hub, "/orgs", { method: "POST", body: { name: "Buyer" } });
  const credit = { amountUsd: "10", kind: "comp", reason: "test" };
  await operatorApi(hub, `/orgs/${orgId}/credits`, { method: "POST", body: credit });
  const { key } = await operatorApi<{ key: string }>(hub, `/orgs/${orgId}/keys`, {
    method: "POST",
    body: { name: "app" },
  });
  const response = await fetch(`${hub.url}/api/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ model: id, max_tokens: 50, messages: [{ role: "user", content: "Hello" }] }),
  });
  expect(response.status, await response.text()).toBe(200);
  type Row = { priceUsd: string; costUsd: string };
  const ratio = async () => {
    const { data } = await operatorApi<{ data: Row[] }>(hub, `/requests?orgId=${orgId}`);
    return Number(data[0]?.priceUsd) / Number(data[0]?.costUsd);
  };
  await expect.poll(ratio).toBeCloseTo(1.2, 6);
  expect(await operatorApi(hub, "/ledger/violations")).toEqual({ violations: [] });
  await upstream.stop();
});

test("limits and costs of what is known are filled in; what is served is not offered again", async ({
  page,
  context,
  hub,
}) => {
  const provider = await offering(["claude-opus-4-8", "claude-unheard-of"]);
  await signInStaff(context, hub);
  const slug = `known-${suffix()}`;
  await operatorApi(hub, "/providers", { method: "POST", body: { slug, kind: "anthropic", baseUrl: provider.url } });
  await operatorApi(hub, `/providers/${slug}/credentials`, { method: "POST", body: { name: "main", apiKey: "sk-a" } });
  await page.goto(`/admin/providers/${slug}/models`);
  const known = page.getByRole("row").filter({ hasText: "claude-opus-4-8" });
  await expect(known).toContainText("LiteLLM, 2026-07-24", { timeout: 20_000 });
  for (const text of ["1,000,000", "$5.00", "$25.00", "$6.00", "$30.00"]) await expect(known).toContainText(text);
  await expect(page.getByRole("row").filter({ hasText: "claude-unheard-of" })).toContainText(t.offered.unknown);
  await page.getByLabel(t.offered.margin).fill("10");
  await expect(known).toContainText("$5.50");
  await known.getByRole("checkbox").click();
  await page.getByRole("button", { name: "Save 1 model" }).click();
  await expect(page.getByRole("status").filter({ hasText: "1 model is saved." })).toBeVisible();
  await expect(known).toHaveCount(0); // the list shows what is not served yet
  const model = await operatorApi<Record<string, unknown>>(hub, "/models/anthropic/claude-opus-4-8");
  expect(model).toMatchObject({ contextWindow: 1_000_000, maxOutputTokens: 128_000, marginPercent: "10" });
  await operatorApi(hub, "/models/anthropic/claude-opus-4-8", { method: "DELETE" });
  await provider.stop();

  await page.reload();
  await expect(page.getByRole("alert").filter({ hasText: /did not list its models/ })).toBeVisible({ timeout: 20_000 });
  await expect(page.getByRole("button", { name: t.offered.again })).toBeVisible();
});

test("you compare with a file, apply what changed, and undo it", async ({ page, context, hub }) => {
  await signInStaff(context, hub);
  const slug = `sync-${suffix()}`;
  const post = (path: string, body: object) => operatorApi(hub, path, { method: "POST", body });
  await post("/providers", { slug, kind: "deepseek" });
  const put = (upstreamModel: string, input: string) =>
    operatorApi(hub, `/models/${slug}/${upstreamModel}`, {
      method: "PUT",
      body: {
        type: "chat",
        marginPercent: 20,
        offers: [{ provider: slug, upstreamModel, cost: { input, output: "2" } }],
      },
    });
  await put("steady", "1");
  await put("leap", "1");
  const cost = (input: number) => ({ cost: { input, output: 2 } });
  const file = JSON.stringify({ deepseek: { models: { steady: cost(1.1), leap: cost(4) } } });

  await page.goto("/admin/models");
  await page.getByRole("link", { name: t.models.compare }).click();
  for (const name of ["LiteLLM", "models.dev"]) await page.getByRole("checkbox", { name }).click();
  await page.getByRole("button", { name: t.catalogue.compare }).click();
  await expect(page.getByRole("alert").filter({ hasText: t.catalogue.chooseOne })).toBeVisible();
  const upload = { name: "prices.json", mimeType: "application/json", buffer: Buffer.from(file) };
  await page.getByLabel(t.catalogue.file).setInputFiles(upload);
  await page.getByRole("button", { name: t.catalogue.compare }).click();

  const changed = page
    .getByRole("table", { name: t.catalogue.groups.changed })
    .getByRole("row")
    .filter({ hasText: "steady" });
  await expect(changed).toContainText("10.0 %");
  await expect(changed.getByRole("checkbox")).toBeChecked();
  const leap = page
    .getByRole("table", { name: t.catalogue.groups.suspicious })
    .getByRole("row")
    .filter({ hasText: "leap" });
  await expect(leap).toContainText(t.catalogue.reasons.jump);
  await expect(leap.getByRole("checkbox")).not.toBeChecked();
  await page.getByLabel(t.catalogue.reason).fill("new list");
  await page.getByRole("button", { name: "Apply 1 row" }).click();
  await expect(page.getByRole("status").filter({ hasText: "1 row was applied." })).toBeVisible();
  const price = async (name: string) => (await operatorApi<{ price: object }>(hub, `/models/${slug}/${name}`)).price;
  expect([await price("steady"), await price("leap")]).toEqual([
    { input: "1.32", output: "2.4" },
    { input: "1.2", output: "2.4" },
  ]);

  await page.getByRole("button", { name: t.catalogue.undo }).click();
  await page.getByRole("dialog").getByRole("button", { name: t.catalogue.undo }).click();
  await expect(page.getByText(/2 changes were undone\./)).toBeVisible();
  expect(await price("steady")).toEqual({ input: "1.2", output: "2.4" });
  await page.goto("/admin/catalogue");
  await expect(page.getByRole("table", { name: t.catalogue.past })).toContainText("prices.json");
});

test("support looks at comparisons and cannot make any", async ({ page, context, hub }) => {
  await signInStaff(context, hub, "support");
  await page.goto("/admin/catalogue");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(t.catalogue.title);
  await expect(page.getByRole("button", { name: t.catalogue.compare })).toHaveCount(0);
});

/** A provider of Anthropic's wire that lists these models. */
async function offering(ids: readonly string[]): Promise<{ url: string; stop(): Promise<void> }> {
  const data = ids.map((id) => ({ id, type: "model" }));
  const server = createServer((_, response) => response.end(JSON.stringify({ data })));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
