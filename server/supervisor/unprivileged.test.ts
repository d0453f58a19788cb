import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { exposedKeyFile } from "@/server/supervisor/unprivileged";

const directory = mkdtempSync(join(tmpdir(), "exposed-"));
afterAll(() => rmSync(directory, { recursive: true }));

function file(name: string, text: string, mode: number): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

test("a key file that everybody may read is named with its mend", () => {
  const open = file("open.env", "PORT=3000\nHUB_SECRETS_KEY=1.abc\n", 0o644);
  expect(exposedKeyFile([undefined, open])).toBe(
    `${open} holds HUB_SECRETS_KEY and everybody on this machine may read it: \`chmod 600 ${open}\`.`,
  );
  expect(exposedKeyFile([file("key", "1.abc", 0o604)])).toContain("chmod 600");
});

test("one that is closed, absent or holds no key is not", () => {
  const closed = file("closed.env", "HUB_SECRETS_KEY=1.abc\n", 0o600);
  const harmless = file(
    "harmless.env",
    "PORT=3000\n# HUB_SECRETS_KEY=1.abc\nHUB_SECRETS_KEY=\nLOG_LEVEL=info\n",
    0o644,
  );
  expect(exposedKeyFile([closed, harmless, join(directory, "absent")])).toBeUndefined();
});
