import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { LOCALES } from "@/lib/locale";
import { renderMail } from "@/lib/notifications/render";
import { deliverMail } from "@/lib/notifications/send-mail-task";
import { type MailTemplate, mailTexts } from "@/lib/notifications/texts";

const TEMPLATES = Object.keys(mailTexts("en").templates) as MailTemplate[];

describe.each(LOCALES)("in %s", (locale) => {
  test.each(TEMPLATES)("%s has its texts, and nothing of what it is given becomes markup", (template) => {
    const hostile = '<img src="//evil.test">';
    // every placeholder of any template
    const data = new Proxy({ code: "123456", url: "https://hub.test/x?a=1&b=2" } as Record<string, string>, {
      get: (known, name) => known[String(name)] ?? hostile,
    });
    const { subject, text, html } = renderMail({ template, locale, data });
    expect(subject).not.toBe("");
    expect(text).not.toMatch(/\{\w+\}/);
    expect(html).toContain(`lang="${locale}"`);
    expect(html).not.toContain("<img");
  });
});

test("without a mail server a mail is a file in the outbox", async () => {
  const outbox = mkdtempSync(join(tmpdir(), "outbox-"));
  const announced: string[] = [];
  const mail = {
    to: "ana@example.com",
    template: "verify",
    locale: "en",
    data: { code: "123456", url: "http://x.test" },
  };
  await deliverMail({ outbox, announce: (sentence) => announced.push(sentence) }, mail);
  const [file = ""] = readdirSync(outbox);
  expect(readFileSync(join(outbox, file), "utf8")).toMatch(/^To: ana@example\.com\nSubject: 123456 is your/);
  expect(announced[0]).toContain(join(outbox, file));
  rmSync(outbox, { recursive: true });
});
