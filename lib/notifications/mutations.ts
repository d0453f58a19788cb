import { createHash } from "node:crypto";
import type { Mail } from "@/lib/notifications/render";
import { SEND_MAIL_TASK } from "@/lib/notifications/send-mail-task";
import type { Sql } from "@/lib/pg";
import type { Prisma } from "@/prisma/generated/client";

/** Hands a mail to the worker, inside the transaction of what it reports, so that both happen or neither.
 *  `event` names the occasion, such as `topup:tp_1`: a second call with the same event and recipient, while the first
 *  waits, replaces it instead of sending twice. */
export async function sendMail(
  client: Sql | Pick<Prisma.TransactionClient, "$queryRaw">,
  mail: Mail & { event: string },
): Promise<void> {
  const { event, ...payload } = mail;
  const key = keyOf(event, mail.to);
  const json = JSON.stringify(payload);
  if ("query" in client) {
    await client.query("SELECT 1 FROM graphile_worker.add_job($1, $2::json, job_key => $3, max_attempts => 8)", [
      SEND_MAIL_TASK,
      json,
      key,
    ]);
  } else {
    await client.$queryRaw`SELECT 1 FROM graphile_worker.add_job(${SEND_MAIL_TASK}, ${json}::json, job_key => ${key}, max_attempts => 8)`;
  }
}

/** As sendMail, and never again for the same event and recipient, however often the job that reports it runs. */
export async function sendMailOnce(sql: Sql, mail: Mail & { event: string }): Promise<void> {
  const { event, ...payload } = mail;
  await sql.query(
    `WITH told AS (INSERT INTO notice (event) VALUES ($3) ON CONFLICT (event) DO NOTHING RETURNING event)
     SELECT (SELECT j.id FROM graphile_worker.add_job($1::text, $2::json, job_key => t.event, max_attempts => 8) j) FROM told t`,
    [SEND_MAIL_TASK, JSON.stringify(payload), keyOf(event, mail.to)],
  );
}

function keyOf(event: string, to: string): string {
  return `mail:${createHash("sha256").update(`${event}\n${to}`).digest("base64url")}`;
}
