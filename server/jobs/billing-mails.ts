import { formatMoney } from "@/lib/format-money";
import { DEFAULT_LOCALE, isLocale } from "@/lib/locale";
import { toNano } from "@/lib/money";
import { sendMail } from "@/lib/notifications/mutations";
import type { Sql } from "@/lib/pg";

type Purchase = { org_id: string; slug: string; name: string; credit_nano: string; posted: string };
type Recipient = { email: string; locale: string | null };

/** Tells everybody who manages billing that little is left. */
export async function reportLowBalance(sql: Sql, origin: string, orgId: string): Promise<void> {
  const { rows } = await sql.query<Pick<Purchase, "slug" | "name" | "posted"> & { alert: string }>(
    `SELECT o.slug, o.name, w.posted, extract(epoch FROM a.alerted_at)::text AS alert
     FROM org o JOIN wallet w ON w.org_id = o.id JOIN balance_alert a ON a.org_id = o.id WHERE o.id = $1`,
    [orgId],
  );
  const org = rows[0];
  if (!org) return;
  for (const { email, locale: own } of await billingPeople(sql, orgId)) {
    const locale = isLocale(own) ? own : DEFAULT_LOCALE;
    const balance = formatMoney(toNano(org.posted), locale, "toward-zero");
    const data = { org: org.name, balance, url: `${origin}/${org.slug}/billing` };
    await sendMail(sql, { event: `low:${orgId}:${org.alert}`, to: email, template: "lowBalance", locale, data });
  }
}

/** Tells everybody who manages billing of a purchase that was credited. Runs once per purchase; a repeated run, while
 *  mails wait, replaces them. */
export async function reportPurchase(sql: Sql, origin: string, topup: string): Promise<void> {
  const { rows } = await sql.query<Purchase>(
    `SELECT t.org_id, o.slug, o.name, t.credit_nano, w.posted FROM topup t
     JOIN org o ON o.id = t.org_id JOIN wallet w ON w.org_id = t.org_id WHERE t.id = $1 AND t.state = 'paid'`,
    [topup],
  );
  const purchase = rows[0];
  if (!purchase) return;
  for (const { email, locale: own } of await billingPeople(sql, purchase.org_id)) {
    const locale = isLocale(own) ? own : DEFAULT_LOCALE;
    const data = {
      org: purchase.name,
      amount: formatMoney(toNano(purchase.credit_nano), locale),
      balance: formatMoney(toNano(purchase.posted), locale, "toward-zero"),
      url: `${origin}/${purchase.slug}/billing`,
    };
    await sendMail(sql, { event: `purchase:${topup}`, to: email, template: "purchase", locale, data });
  }
}

async function billingPeople(sql: Sql, orgId: string): Promise<Recipient[]> {
  const { rows } = await sql.query<Recipient>(
    `SELECT u.email, u.locale FROM member m JOIN "user" u ON u.id = m.user_id
     WHERE m.org_id = $1 AND m.role IN ('owner', 'admin', 'billing') AND u.disabled_at IS NULL`,
    [orgId],
  );
  return rows;
}
