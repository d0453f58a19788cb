import { cookies } from "next/headers";
import Link from "next/link";
import { getTranslations } from "next-intl/server";
import type { Step } from "@/components/overview/checklist";
import { buttonVariants } from "@/components/ui/button";
import type { OrgScope } from "@/lib/auth/require-org";
import type { OrgBalance } from "@/lib/billing/queries";
import { formatMoney } from "@/lib/format-money";
import { listOrgKeys } from "@/lib/keys/queries";
import { parseUsd } from "@/lib/money";
import { PLAYGROUND_APP } from "@/lib/playground/schema";
import { findFirstCall, hasUsedApp } from "@/lib/usage/queries";

const SHOWN_AFTER_MS = 24 * 3_600_000;

type Facts = { balance: OrgBalance; mode: "service" | "enterprise"; locale: string };

/** The cookie with which somebody put the list away. */
export function checklistCookie(scope: OrgScope): string {
  return `hub-checklist-${scope.orgId}`;
}

/** The steps to the first call, for who may take them; null once the first call is a day old, or put away. */
export async function readChecklist(scope: OrgScope, { balance, mode, locale }: Facts): Promise<Step[] | null> {
  if (!scope.permissions.has("apps.own") || (await cookies()).has(checklistCookie(scope))) return null;
  const t = await getTranslations("overview");
  const [first, keys, hasPlayed] = await Promise.all([
    findFirstCall(scope),
    listOrgKeys(scope),
    hasUsedApp(scope, PLAYGROUND_APP),
  ]);
  if (first && Date.now() - new Date(first.at).getTime() > SHOWN_AFTER_MS) return null;
  const home = `/${scope.org.slug}`;
  const active = keys.filter(({ status }) => status === "active").length;
  const link = (href: string, label: string) => (
    <Link href={href} className={buttonVariants({ size: "small" })}>
      {label}
    </Link>
  );
  const availableNano = parseUsd(balance.availableUsd ?? "0");
  const credit: Step = {
    id: "credit",
    title: t("steps.credit"),
    isDone: availableNano > 0n,
    note:
      availableNano > 0n
        ? t("steps.creditDone", { amount: formatMoney(availableNano, locale, "toward-zero") })
        : undefined,
    action: scope.permissions.has("billing.manage") && link(`${home}/billing`, t("addCredit")),
  };
  return [
    ...(mode === "service" && balance.availableUsd !== null ? [credit] : []),
    {
      id: "key",
      title: t("steps.key"),
      isDone: active > 0,
      note: active > 0 ? t("steps.keyDone", { count: active }) : undefined,
      action: link(`${home}/keys?new=1`, t("createKey")),
    },
    {
      id: "call",
      title: t("steps.call"),
      isDone: first !== null,
      note: first
        ? t("steps.callDone", {
            ms: first.latencyMs ?? 0,
            amount: formatMoney(parseUsd(first.priceUsd ?? "0"), locale),
          })
        : t("steps.callWaiting"),
      action: (
        <a href="#code" className={buttonVariants({ size: "small" })}>
          {t("showCode")}
        </a>
      ),
    },
    {
      id: "playground",
      title: t("steps.playground"),
      isDone: hasPlayed,
      note: undefined,
      action: link(`${home}/playground`, t("openPlayground")),
    },
  ];
}
