import type { Locale } from "@/lib/locale";
import { fill, type MailTemplate, mailTexts } from "@/lib/notifications/texts";

export type Mail = {
  to: string;
  template: MailTemplate;
  locale: Locale;
  /** Values for the template's texts. `url` becomes the one button, `code` stands large by itself. */
  data: Readonly<Record<string, string>>;
};

export type RenderedMail = { subject: string; text: string; html: string };

type TemplateTexts = { subject: string; text: string; action?: string; why: string };

/** Subject, plain text and HTML in the recipient's language: no remote image, one action, and why it came. */
export function renderMail({ template, locale, data }: Omit<Mail, "to">): RenderedMail {
  const texts: TemplateTexts = mailTexts(locale).templates[template];
  const [subject, text, why] = [texts.subject, texts.text, texts.why].map((part) => fill(part, data)) as [
    string,
    string,
    string,
  ];
  const action = texts.action && data.url ? { label: fill(texts.action, data), url: data.url } : undefined;
  const plain = [text, data.code, action && `${action.label}:\n${action.url}`, why].filter(Boolean).join("\n\n");
  const html = [
    `<p>${escapeHtml(text)}</p>`,
    data.code
      ? `<p style="font:600 28px/1.4 ui-monospace,monospace;letter-spacing:0.2em">${escapeHtml(data.code)}</p>`
      : "",
    action
      ? `<p><a href="${escapeHtml(action.url)}" style="display:inline-block;padding:10px 16px;border-radius:6px;background:#1c1f26;color:#ffffff;text-decoration:none">${escapeHtml(action.label)}</a></p>`
      : "",
    `<p style="color:#6b7078;font-size:13px">${escapeHtml(why)}</p>`,
  ].join("\n");
  return {
    subject,
    text: `${plain}\n`,
    html: `<!doctype html><html lang="${locale}"><meta charset="utf-8"><body style="font:15px/1.6 system-ui,sans-serif;max-width:34rem;margin:0 auto;padding:24px">${html}</body></html>`,
  };
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
