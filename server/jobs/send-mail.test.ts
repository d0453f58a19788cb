import { createServer } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type TestDatabase, testDatabase } from "@/e2e/support/database";
import type { JobTools } from "@/lib/jobs";
import { logger } from "@/lib/log";
import { checkMailJob } from "@/server/jobs/send-mail";

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.drop());

async function check(smtpUrl: string | undefined) {
  const tools: JobTools = { sql: database.pool, log: logger("test"), signal: new AbortController().signal };
  await checkMailJob({ smtpUrl, publicUrl: undefined, dataDir: "/data" }).run({}, tools);
  return (await database.pool.query("SELECT via, ok, detail FROM mail_check")).rows;
}

test("without a mail server the check names the outbox", async () => {
  expect(await check(undefined)).toEqual([{ via: "outbox", ok: true, detail: "/data/outbox" }]);
});

test("a mail server that answers passes; one that does not says why, without the account", async () => {
  const server = createServer((socket) => {
    socket.write("220 mail.test ESMTP\r\n");
    socket.on("data", (data) => socket.write(`${data}`.startsWith("QUIT") ? "221 bye\r\n" : "250 mail.test\r\n"));
    socket.on("error", () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  expect(await check(`smtp://127.0.0.1:${port}`)).toEqual([{ via: "smtp", ok: true, detail: "" }]);
  await new Promise((resolve) => server.close(resolve));
  const [row] = await check(`smtp://ana:secret@127.0.0.1:${port}`);
  expect(row).toMatchObject({ via: "smtp", ok: false });
  expect(row.detail).toMatch(/^E[A-Z]+/);
});
