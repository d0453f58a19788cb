import { join } from "node:path";
import { createTransport } from "nodemailer";
import type { Env } from "@/lib/env";
import type { Job } from "@/lib/jobs";
import { deliverMail, SEND_MAIL_TASK } from "@/lib/notifications/send-mail-task";

type MailSettings = Pick<Env, "smtpUrl" | "publicUrl" | "dataDir">;

/** Sends through SMTP_URL; without one, mails are files in the data directory's `outbox`. */
export function sendMailJob({ smtpUrl, publicUrl, dataDir }: MailSettings): Job {
  const from = smtpUrl && sender(smtpUrl, publicUrl);
  const transport = smtpUrl ? createTransport(smtpUrl) : undefined;
  const dependencies = {
    outbox: join(dataDir, "outbox"),
    announce: (sentence: string) => console.log(sentence),
    ...(transport && { send: async (mail: object) => void (await transport.sendMail({ from, ...mail })) }),
  };
  return { name: SEND_MAIL_TASK, run: (payload) => deliverMail(dependencies, payload) };
}

/** Tries the mail server, hourly and when the worker starts, and leaves the answer where the pages find it. */
export function checkMailJob({ smtpUrl, dataDir }: MailSettings): Job {
  return {
    name: "check_mail",
    schedule: "17 * * * *",
    maxAttempts: 1, // the next hour comes anyway
    run: async (_payload, { sql }) => {
      const found = smtpUrl ? await trySmtp(smtpUrl) : { ok: true, detail: join(dataDir, "outbox") };
      await sql.query(KEEP, [smtpUrl ? "smtp" : "outbox", found.ok, found.detail]);
    },
  };
}

const KEEP = `
  INSERT INTO mail_check (id, via, ok, detail) VALUES ('mail', $1, $2, $3)
  ON CONFLICT (id) DO UPDATE SET via = $1, ok = $2, detail = $3, checked_at = clock_timestamp()`;
const PATIENCE = { connectionTimeout: 5_000, greetingTimeout: 5_000, socketTimeout: 5_000 };

/** Codes only: the server's own words could repeat the account. */
async function trySmtp(url: string): Promise<{ ok: boolean; detail: string }> {
  const transport = createTransport({ url, ...PATIENCE });
  try {
    await transport.verify();
    return { ok: true, detail: "" };
  } catch (error) {
    const { code, responseCode } = error as { code?: string; responseCode?: number };
    return { ok: false, detail: [code, responseCode].filter(Boolean).join(" ") || "no answer" };
  } finally {
    transport.close();
  }
}

/** The SMTP account where it is an address, else nobody at the hub's own host. */
function sender(smtpUrl: string, publicUrl: string | undefined): string {
  const user = decodeURIComponent(new URL(smtpUrl).username);
  return user.includes("@") ? user : `no-reply@${publicUrl ? new URL(publicUrl).hostname : "localhost"}`;
}
