import { SIMULATED_KEY_PAIR, startBedrockSimulator } from "@/e2e/support/providers/bedrock";
import { startFamilySimulator } from "@/e2e/support/providers/openai";
import { signInStaff } from "@/e2e/support/staff";
import { expect, test } from "@/e2e/support/test";
import { newId } from "@/lib/ids";
import en from "@/messages/en.json" with { type: "json" };

const t = en.admin.providers;

test("you connect Bedrock with an access key pair, and replace it with an API key", async ({ page, context, hub }) => {
  const upstream = await startBedrockSimulator();
  await signInStaff(context, hub);
  const slug = `aws-${newId("x").slice(-8)}`;

  await page.goto("/admin/providers/new");
  await page.getByRole("combobox", { name: t.kind }).click();
  await page.getByRole("option", { name: "Amazon Bedrock" }).click();
  await page.getByLabel(t.slug).fill(slug);
  await page.getByLabel(t.baseUrl).fill(upstream.baseUrl);
  await page.getByLabel(en.credential.accessKeyId).fill(SIMULATED_KEY_PAIR.accessKeyId);
  await page.getByLabel(en.credential.secretAccessKey).fill(SIMULATED_KEY_PAIR.secretAccessKey);
  await page.getByRole("button", { name: t.addAndTest }).click();
  await expect(page.getByText("region: is required.")).toBeVisible();
  await page.getByLabel(en.credential.region).fill("eu-central-1");
  await page.getByRole("button", { name: t.addAndTest }).click();
  await expect(page.getByText(/Test passed in \d+ ms/)).toBeVisible({ timeout: 20_000 });

  await page.getByRole("link", { name: t.open }).click();
  await expect(page.getByText("••••0001")).toBeVisible();
  await page.getByRole("button", { name: t.replaceSecret }).click();
  await page.getByRole("combobox", { name: en.credential.signing }).click();
  await page.getByRole("option", { name: en.credential.signings.apiKey }).click();
  await page.getByLabel(en.credential.apiKey, { exact: true }).fill("bedrock-api-key-bad-0002");
  await page.getByRole("dialog").getByRole("button", { name: t.testAndReplace }).click();
  // the old one serves until the new one works, unless you want it otherwise
  await expect(page.getByRole("dialog").getByText("HTTP 403", { exact: false })).toBeVisible({ timeout: 20_000 });
  await page.getByRole("dialog").getByRole("button", { name: t.saveUntested }).click();
  await expect(page.getByText("••••0002")).toBeVisible();
  await expect(page.getByText(t.untested)).toBeVisible();
  await page.getByRole("button", { name: t.test, exact: true }).click();
  await expect(page.getByText("HTTP 403", { exact: false }).first()).toBeVisible({ timeout: 20_000 });
  await upstream.stop();
});

test("you connect Ollama without a key", async ({ page, context, hub }) => {
  const upstream = await startFamilySimulator("ollama");
  await signInStaff(context, hub);
  const slug = `ollama-${newId("x").slice(-8)}`;

  await page.goto("/admin/providers/new");
  await page.getByRole("combobox", { name: t.kind }).click();
  await page.getByRole("option", { name: "Ollama" }).click();
  await page.getByLabel(t.slug).fill(slug);
  await page.getByLabel(t.baseUrl).fill(upstream.baseUrl);
  await page.getByRole("button", { name: t.addAndTest }).click();
  await expect(page.getByRole("status")).toContainText(slug);
  await upstream.stop();
});
