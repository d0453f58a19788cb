import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { newId } from "@/lib/ids";
import { type Mail, type RenderedMail, renderMail } from "@/lib/notifications/render";

export const SEND_MAIL_TASK = "send_mail";

export type MailDependencies = {
  /** Sends through SMTP; left out, mails land in `outbox`. */
  send?: (mail: RenderedMail & { to: string }) => Promise<void>;
  /** A folder. */
  outbox: string;
  announce(sentence: string): void;
};

/** Renders and delivers one mail. Throws when the mail server refuses, so that the queue tries again. */
export async function deliverMail({ send, outbox, announce }: MailDependencies, payload: unknown): Promise<void> {
  // safe because only sendMail adds this job
  const mail = payload as Mail;
  const rendered = renderMail(mail);
  if (send) return send({ ...rendered, to: mail.to });
  const path = join(outbox, `${newId("mail")}-${mail.template}.eml`);
  await mkdir(outbox, { recursive: true, mode: 0o700 });
  const head = [`To: ${mail.to}`, `Subject: ${rendered.subject}`, `Date: ${new Date().toUTCString()}`];
  const file = [...head, "Content-Type: text/plain; charset=utf-8", "", rendered.text].join("\n");
  await writeFile(path, file, { mode: 0o600 });
  announce(`Mail to ${mail.to}, "${rendered.subject}": ${path} (SMTP_URL is not set)`);
}
