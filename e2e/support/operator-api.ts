import { expect } from "@playwright/test";

type HubKeys = { url: string; managementKey: string };

/** The admin API over HTTP with the hub's management key; a refusal fails the test with what was answered. */
export async function operatorApi<Answer>(
  { url, managementKey }: HubKeys,
  path: string,
  { method = "GET", body }: { method?: string; body?: object } = {},
): Promise<Answer> {
  const response = await fetch(`${url}/api/admin/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${managementKey}`, "content-type": "application/json" },
    ...(body && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  expect(response.ok, `${method} ${path}: ${text}`).toBe(true);
  // safe because the caller names what this path answers
  return JSON.parse(text) as Answer;
}
