import Link from "next/link";
import { getFormatter, getLocale, getTranslations } from "next-intl/server";
import { Block } from "@/components/shell/block";
import { KeyFigures } from "@/components/shell/key-figures";
import type { OrgScope } from "@/lib/auth/require-org";
import type { OrgBalance } from "@/lib/billing/queries";
import { daysLeft } from "@/lib/billing/runway";
import { formatMoney } from "@/lib/format-money";
import { parseUsd } from "@/lib/money";
import { dayStart } from "@/lib/time-range";
import { maySeeUsage, sumOrgUsage } from "@/lib/usage/queries";

const DAY_MS = 24 * 3_600_000;
const MEAN_DAYS = 7;

type BalanceCardProps = { scope: OrgScope; balance: OrgBalance; availableUsd: string; isFirst: boolean };

/** What is left, what it is made of, and how long it lasts at the pace of the last seven full days. */
export async function BalanceCard({ scope, balance, availableUsd, isFirst }: BalanceCardProps) {
  const t = await getTranslations("overview");
  const [locale, format, left] = await Promise.all([getLocale(), getFormatter(), readDaysLeft(scope, availableUsd)]);
  const usd = (value: string) => formatMoney(parseUsd(value), locale, "toward-zero");
  const { nextExpiryAt } = balance;
  const expiry =
    nextExpiryAt && format.dateTime(new Date(nextExpiryAt), { dateStyle: "medium", timeZone: scope.org.timeZone });
  return (
    <Block
      id="balance"
      title={t("balance")}
      className={isFirst ? "mt-0" : undefined}
      action={
        scope.permissions.has("billing.manage") && (
          <Link
            href={`/${scope.org.slug}/billing`}
            className="text-accent underline decoration-accent/40 underline-offset-4 hover:decoration-current"
          >
            {t("addCredit")}
          </Link>
        )
      }
    >
      <KeyFigures
        figures={[
          { label: t("available"), value: usd(availableUsd) },
          { label: t("held"), value: usd(balance.heldUsd) },
          { label: t("purchased"), value: usd(balance.purchasedUsd) },
          {
            label: t("promotional"),
            value: usd(balance.promotionalUsd),
            note: expiry && t("expires", { date: expiry }),
          },
          {
            label: t("daysLeft"),
            value: left === null ? "—" : format.number(left),
            note: left === null ? t("noPace") : t("atPace"),
          },
        ]}
      />
    </Block>
  );
}

async function readDaysLeft(scope: OrgScope, availableUsd: string): Promise<number | null> {
  // the pace is the whole organisation's: of their own keys alone a developer would be told too much
  if (!maySeeUsage(scope) || !scope.permissions.has("usage.sums")) return null;
  const { timeZone } = scope.org;
  const to = dayStart(new Date(), timeZone);
  const from = dayStart(new Date(to.getTime() - MEAN_DAYS * DAY_MS + DAY_MS / 2), timeZone);
  const [sum] = await sumOrgUsage(scope, { from, to, groupBy: [], timeZone, limit: 1 });
  return daysLeft(parseUsd(availableUsd), parseUsd(sum?.priceUsd ?? "0"), MEAN_DAYS);
}
