import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "@playwright/test";

/** The newest mail of this template to this address, as the hub puts it into its outbox without SMTP. Waits for it. */
export async function mailTo(hub: { dataDir: string }, email: string, template: string): Promise<string> {
  const outbox = join(hub.dataDir, "outbox");
  let found = "";
  await expect
    .poll(() => {
      const names = existsSync(outbox) ? readdirSync(outbox).filter((name) => name.includes(template)) : [];
      const texts = names.sort().map((name) => readFileSync(join(outbox, name), "utf8"));
      found = texts.filter((text) => text.startsWith(`To: ${email}\n`)).at(-1) ?? "";
      return found;
    })
    .not.toBe("");
  return found;
}
