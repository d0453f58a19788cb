import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "@playwright/test";
import type { MailTemplate } from "@/lib/notifications/texts";

/** The newest mail of this kind to the address, once the worker has written it; `after` waits for one that is another. */
export async function mailTo(
  { dataDir }: { dataDir: string },
  email: string,
  template: MailTemplate,
  after = "",
): Promise<string> {
  let found = "";
  await expect
    .poll(() => {
      found = mailsTo(dataDir, email, template).at(-1) ?? "";
      return found !== "" && found !== after;
    })
    .toBe(true);
  return found;
}

/** The six digits of a mail, and the address behind its button. */
export function codeIn(mail: string): string {
  return /^\d{6}$/m.exec(mail)?.[0] ?? "";
}

export function linkIn(mail: string): string {
  return /^https?:\/\/\S+$/m.exec(mail)?.[0] ?? "";
}

function mailsTo(dataDir: string, email: string, template: string): string[] {
  const outbox = join(dataDir, "outbox");
  const names = existsSync(outbox) ? readdirSync(outbox).filter((name) => name.endsWith(`-${template}.eml`)) : [];
  // ids begin with the time
  const texts = names.sort().map((name) => readFileSync(join(outbox, name), "utf8"));
  return texts.filter((text) => text.startsWith(`To: ${email}\n`));
}
