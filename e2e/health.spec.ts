import { operatorApi } from "@/e2e/support/operator-api";
import { startOpenAISimulator } from "@/e2e/support/providers/openai";
import { withSql } from "@/e2e/support/sql";
import { signInStaff } from "@/e2e/support/staff";
import { expect, test } from "@/e2e/support/test";
import { newId } from "@/lib/ids";
import en from "@/messages/en.json" with { type: "json" };

const t = en.admin.health;

test("the health page hears of a breaker without being asked again, and tests all credentials", async ({
  page,
  context,
  hub,
}) => {
  const upstream = await startOpenAISimulator();
  const slug = `health-${newId("x").slice(-8)}`;
  await operatorApi(hub, "/providers", { method: "POST", body: { slug, kind: "openai", baseUrl: upstream.baseUrl } });
  const { id } = await operatorApi<{ id: string }>(hub, `/providers/${slug}/credentials`, {
    method: "POST",
    body: { name: "watched key", apiKey: "sk-watched-0001" },
  });
  await signInStaff(context, hub);
  await page.goto("/admin/health");
  await expect(page.getByText(t.live, { exact: true })).toBeVisible();
  const routes = page.getByRole("table", { name: t.routes });
  await expect(routes.getByRole("row", { name: "watched key" })).toContainText(t.states.active);

  await withSql(hub, (sql) => sql.query("select breaker_set($1, 60000, 0, 'rate_limited')", [id]));
  await expect(page.getByRole("table", { name: t.breakers }).getByRole("row", { name: "watched key" })).toBeVisible();
  await expect(routes.getByRole("row", { name: "watched key" })).toContainText("Resting until");
  // other tests leave what needs a look, too
  await withSql(hub, (sql) => sql.query("update credential set status = 'disabled' where id = $1", [id]));
  await page.getByRole("link", { name: /credentials? (was|were) refused/ }).click();
  await expect(page).toHaveURL(/#routes$/);
  await expect(
    page
      .getByRole("table", { name: t.processes })
      .getByText(/ GB \(\d+%\)/)
      .first(),
  ).toBeVisible();

  await page.getByRole("button", { name: t.testAll }).click();
  await expect(page.getByText(/Last test: \d+ tested/)).toBeVisible({ timeout: 20_000 });
  await expect(page.getByRole("table", { name: t.checks }).getByRole("row", { name: slug }).first()).toBeVisible();
  await upstream.stop();
});

test("a lost stream shows the age of the figures, and is opened again", async ({ page, context, hub }) => {
  await signInStaff(context, hub);
  // never answered: no change renews the figures, and nothing is under way when the connection goes
  await page.route("**/health-changes", () => {});
  await page.clock.install();
  const opened = page.waitForRequest(/health-changes/);
  await page.goto("/admin/health");
  await opened;
  await expect(page.getByText(t.live, { exact: true })).toBeVisible();
  await context.setOffline(true);
  await page.clock.runFor(20_000);
  await expect(page.getByText(/Connection lost/)).toBeVisible();
  const reopened = page.waitForRequest(/health-changes/);
  await context.setOffline(false);
  await reopened;
});

test("everybody sees the status of providers and models", async ({ page, hub }) => {
  await page.goto(`${hub.url}/`);
  await page.getByRole("link", { name: en.shell.status }).click();
  await expect(page.getByRole("heading", { name: en.status.models })).toBeVisible();
  await expect(page.getByRole("img", { name: /90 days/ }).first()).toBeVisible();
  const feed = await page.request.get(
    new URL((await page.getByRole("link", { name: en.status.subscribe }).getAttribute("href")) ?? "", hub.url).href,
  );
  expect([feed.status(), feed.headers()["content-type"]]).toEqual([200, "application/atom+xml; charset=utf-8"]);
  expect(await feed.text()).toContain(`<id>${hub.url}/status</id><title>${en.status.title}</title>`);
});
