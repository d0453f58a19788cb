import { expect } from "vitest";
import type { TestDatabase } from "@/e2e/support/database";
import { LOCALES } from "@/lib/locale";
import { type Mail, renderMail } from "@/lib/notifications/render";

/** Renders every mail that waits for the worker, as its sender filled it, in every language: no value is missing in subject,
 *  plain text or HTML, and its link leads to `origin`. Returns the templates it saw. */
export async function assertMailsWhole(pool: TestDatabase["pool"], origin: string): Promise<string[]> {
  const { rows } = await pool.query<{ payload: Mail }>(
    "SELECT payload FROM graphile_worker._private_jobs WHERE payload ->> 'template' IS NOT NULL",
  );
  for (const { payload } of rows) {
    for (const locale of LOCALES) {
      const { subject, text, html } = renderMail({ ...payload, locale });
      for (const part of [subject, text, html])
        expect(part, `${payload.template} in ${locale}`).not.toMatch(/\{\w+\}|undefined/);
      const url = payload.data.url ?? "";
      expect(new URL(url).origin).toBe(origin);
      expect(text).toContain(`:\n${url}\n`);
      expect(html).toContain(`href="${url.replaceAll("&", "&#38;")}"`);
    }
  }
  return [...new Set(rows.map(({ payload }) => payload.template))].sort();
}
