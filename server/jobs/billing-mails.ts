import type { LowBalance } from "@/lib/billing/low-balance";
import type { Expiry } from "@/lib/billing/notices";
import { formatMoney } from "@/lib/format-money";
import { DEFAULT_LOCALE, isLocale, type Locale } from "@/lib/locale";
import { parseUsd, toNano } from "@/lib/money";
import { sendMailOnce } from "@/lib/notifications/mutations";
import type { MailTemplate } from "@/lib/notifications/texts";
import type { Sql } from "@/lib/pg";
import type { PausedKey } from "@/lib/usage/unusual-spend";

// What those who manage an organisation's billing are told, and who manages its keys. Each mail goes out once per occasion and recipient.

type OrgRow = { slug: string; name: string; posted: string };
type Occasion = { orgId: string; event: string; template: MailTemplate; org: OrgRow; recipients?: readonly string[] };

/** That little is left, or nothing. */
export async function reportLowBalance(sql: Sql, origin: string, { org: orgId, isEmpty }: LowBalance): Promise<void> {
  const { rows } = await sql.query<OrgRow & { alert: string; recipients: string[] }>(
    `SELECT o.slug, o.name, w.posted, extract(epoch FROM a.alerted_at)::text AS alert, a.recipients
     FROM org o JOIN wallet w ON w.org_id = o.id JOIN balance_alert a ON a.org_id = o.id WHERE o.id = $1`,
    [orgId],
  );
  const org = rows[0];
  if (!org) return;
  const template = isEmpty ? "balanceExhausted" : "lowBalance";
  const occasion = {
    orgId,
    org,
    template,
    event: `${template}:${orgId}:${org.alert}`,
    recipients: org.recipients,
  } as const;
  await tell(sql, origin, occasion, () => ({}));
}

/** That a purchase was credited, with its receipt. */
export async function reportPurchase(sql: Sql, origin: string, topup: string): Promise<void> {
  type Row = OrgRow & { org_id: string; credit_nano: string; receipt_url: string | null; is_automatic: boolean };
  const { rows } = await sql.query<Row>(
    `SELECT t.org_id, o.slug, o.name, t.credit_nano, t.receipt_url, t.payment_method IS NOT NULL AS is_automatic, w.posted FROM topup t
     JOIN org o ON o.id = t.org_id JOIN wallet w ON w.org_id = t.org_id WHERE t.id = $1 AND t.state IN ('paid', 'refunded')`,
    [topup],
  );
  const org = rows[0];
  if (!org) return;
  const template = org.is_automatic ? "autoTopupDone" : "purchase";
  await tell(sql, origin, { orgId: org.org_id, org, template, event: `purchase:${topup}` }, (locale) => ({
    amount: formatMoney(toNano(org.credit_nano), locale),
    receipt: org.receipt_url ?? `${origin}/${org.slug}/billing`,
  }));
}

/** That an automatic top-up waits for its buyer, failed, or is switched off; `event` names which. */
export async function reportAutoTopup(sql: Sql, origin: string, event: string): Promise<void> {
  const [, occasion, id] = event.split(":");
  type Row = OrgRow & { org_id: string; card: string | null; amount: string; state: string };
  const { rows } = await sql.query<Row>(
    `SELECT a.org_id, o.slug, o.name, w.posted, a.card, coalesce(t.credit_nano, a.amount_nano) AS amount, a.state
     FROM auto_topup a JOIN org o ON o.id = a.org_id JOIN wallet w ON w.org_id = a.org_id
     LEFT JOIN topup t ON t.id = $1 AND t.org_id = a.org_id
     WHERE a.org_id = $1 OR (t.id IS NOT NULL AND t.state = $2)`,
    [id, occasion],
  );
  const org = rows[0];
  // what has changed since is told by what changed it
  if (!org || org.state !== (occasion === "disabled" ? "disabled" : "on")) return;
  const template = AUTO_TOPUP_MAILS[occasion as keyof typeof AUTO_TOPUP_MAILS];
  await tell(sql, origin, { orgId: org.org_id, org, template, event }, (locale) => ({
    amount: formatMoney(toNano(org.amount), locale),
    card: org.card ?? "",
  }));
}

const AUTO_TOPUP_MAILS = {
  needs_action: "autoTopupPaused",
  failed: "autoTopupFailed",
  disabled: "autoTopupOff",
} as const;

/** That credit was given, corrected or refunded. */
export async function reportEntry(sql: Sql, origin: string, journal: string): Promise<void> {
  const { rows } = await sql.query<OrgRow & { org_id: string; kind: string; reason: string | null; amount: string }>(
    `SELECT j.org_id, j.kind, j.reason, e.amount, o.slug, o.name, w.posted FROM journal j
     JOIN entry e ON e.journal_id = j.id AND e.account_id = 'customer:' || j.org_id
     JOIN org o ON o.id = j.org_id JOIN wallet w ON w.org_id = j.org_id WHERE j.id = $1`,
    [journal],
  );
  const entry = rows[0];
  if (!entry) return;
  const amountNano = toNano(entry.amount);
  const template = templateOf(entry.kind, amountNano < 0n);
  await tell(sql, origin, { orgId: entry.org_id, org: entry, template, event: `journal:${journal}` }, (locale) => ({
    amount: formatMoney(amountNano < 0n ? -amountNano : amountNano, locale),
    reason: entry.reason ?? "",
  }));
}

/** That credit is about to expire. */
export async function reportExpiry(sql: Sql, origin: string, { lot, days }: Expiry): Promise<void> {
  const { rows } = await sql.query<OrgRow & { org_id: string; remaining: string; expires_at: Date }>(
    `SELECT c.org_id, c.remaining, c.expires_at, o.slug, o.name, w.posted FROM credit_lot c
     JOIN org o ON o.id = c.org_id JOIN wallet w ON w.org_id = c.org_id WHERE c.id = $1 AND c.remaining > 0`,
    [lot],
  );
  const expiring = rows[0];
  if (!expiring) return;
  const event = `expiry:${days}:${lot}`;
  await tell(sql, origin, { orgId: expiring.org_id, org: expiring, template: "creditExpires", event }, (locale) => ({
    amount: formatMoney(toNano(expiring.remaining), locale, "toward-zero"),
    date: new Intl.DateTimeFormat(locale, { dateStyle: "long", timeZone: "UTC" }).format(expiring.expires_at),
  }));
}

/** That a key was paused for what it spent: whoever manages keys or billing hears of it, and whoever made the key. */
export async function reportPausedKey(sql: Sql, origin: string, { event }: PausedKey): Promise<void> {
  type Row = OrgRow & {
    org_id: string;
    key: string;
    key_name: string;
    spent: string;
    usual: string;
    recipients: string[];
  };
  const { rows } = await sql.query<Row>(
    `SELECT a.org_id, k.id AS key, k.name AS key_name, a.after ->> 'spentUsd' AS spent, a.after ->> 'usualUsd' AS usual, o.slug, o.name, w.posted,
       ARRAY(SELECT m.user_id FROM member m WHERE m.org_id = a.org_id AND (m.role IN ('owner', 'admin', 'billing') OR m.user_id = k.created_by)) AS recipients
     FROM audit_event a JOIN api_key k ON k.org_id = a.org_id AND 'key:' || k.id = a.target
     JOIN org o ON o.id = a.org_id JOIN wallet w ON w.org_id = a.org_id WHERE a.id = $1`,
    [event],
  );
  const paused = rows[0];
  if (!paused) return;
  const { recipients } = paused;
  const occasion = {
    orgId: paused.org_id,
    org: paused,
    template: "keyPaused",
    event: `paused:${event}`,
    recipients,
  } as const;
  await tell(sql, origin, occasion, (locale) => ({
    key: paused.key_name,
    spent: formatMoney(parseUsd(paused.spent), locale),
    usual: formatMoney(parseUsd(paused.usual), locale),
    url: `${origin}/${paused.slug}/keys/${paused.key}`,
  }));
}

function templateOf(kind: string, isDebit: boolean): MailTemplate {
  if (kind === "refund") return isDebit ? "refund" : "refundReturned";
  if (kind === "correction") return isDebit ? "creditTaken" : "creditAdded";
  return "creditAdded";
}

async function tell(
  sql: Sql,
  origin: string,
  { orgId, org, template, event, recipients = [] }: Occasion,
  facts: (locale: Locale) => Record<string, string>,
): Promise<void> {
  const { rows } = await sql.query<{ email: string; locale: string | null }>(
    `SELECT u.email, u.locale FROM member m JOIN "user" u ON u.id = m.user_id WHERE m.org_id = $1 AND u.disabled_at IS NULL
       AND CASE WHEN $2::text[] = '{}' THEN m.role IN ('owner', 'admin', 'billing') ELSE u.id = ANY ($2) END`,
    [orgId, recipients],
  );
  for (const { email, locale: own } of rows) {
    const locale = isLocale(own) ? own : DEFAULT_LOCALE;
    const balance = formatMoney(toNano(org.posted), locale, "toward-zero");
    const data = { org: org.name, balance, url: `${origin}/${org.slug}/billing`, ...facts(locale) };
    await sendMailOnce(sql, { event, to: email, template, locale, data });
  }
}
