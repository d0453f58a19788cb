import { join } from "node:path";
import { createTransport } from "nodemailer";
import type { Env } from "@/lib/env";
import type { Job } from "@/lib/jobs";
import { deliverMail, SEND_MAIL_TASK } from "@/lib/notifications/send-mail-task";

/** Sends through SMTP_URL; without one, mails are files in the data directory's `outbox`. */
export function sendMailJob({ smtpUrl, publicUrl, dataDir }: Pick<Env, "smtpUrl" | "publicUrl" | "dataDir">): Job {
  const from = smtpUrl && sender(smtpUrl, publicUrl);
  const transport = smtpUrl ? createTransport(smtpUrl) : undefined;
  const dependencies = {
    outbox: join(dataDir, "outbox"),
    announce: (sentence: string) => console.log(sentence),
    ...(transport && { send: async (mail: object) => void (await transport.sendMail({ from, ...mail })) }),
  };
  return { name: SEND_MAIL_TASK, run: (payload) => deliverMail(dependencies, payload) };
}

/** The SMTP account where it is an address, else nobody at the hub's own host. */
function sender(smtpUrl: string, publicUrl: string | undefined): string {
  const user = decodeURIComponent(new URL(smtpUrl).username);
  return user.includes("@") ? user : `no-reply@${publicUrl ? new URL(publicUrl).hostname : "localhost"}`;
}
