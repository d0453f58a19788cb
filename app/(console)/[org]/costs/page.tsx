import type { Metadata } from "next";
import { getFormatter, getLocale, getTranslations } from "next-intl/server";
import { COST_GROUPS, readStatement } from "@/app/(console)/[org]/costs/month-statement";
import { CostTable } from "@/components/costs/cost-table";
import { Block } from "@/components/shell/block";
import { EmptyState } from "@/components/shell/empty-state";
import { ForbiddenState } from "@/components/shell/forbidden-state";
import { KeyFigures } from "@/components/shell/key-figures";
import { PageHead } from "@/components/shell/page-head";
import { buttonVariants } from "@/components/ui/button";
import { FilterSelect } from "@/components/ui/filter-select";
import { type OrgScope, requireOrg } from "@/lib/auth/require-org";
import { formatMoney } from "@/lib/format-money";
import { parseUsd } from "@/lib/money";
import { type CostLine, type CostMonth, costMonths, mergeLines, sumLines } from "@/lib/usage/cost-months";
import { maySeeUsage, sumOrgCosts } from "@/lib/usage/queries";

type CostsPageProps = {
  params: Promise<{ org: string }>;
  searchParams: Promise<{ month?: string | string[]; group?: string | string[] }>;
};

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations("costs"))("title") };
}

/** Showback: a month by app, key, member or model, and the months before. */
export default async function CostsPage({ params, searchParams }: CostsPageProps) {
  const scope = await requireOrg((await params).org);
  const t = await getTranslations("costs");
  const [locale, format, asked] = await Promise.all([getLocale(), getFormatter(), searchParams]);
  if (!maySeeUsage(scope)) return <ForbiddenState who={t("who")} />;
  const { name, slug, timeZone } = scope.org;
  const months = costMonths(new Date(), timeZone);
  const month = months.find(({ id }) => id === asked.month) ?? months[0];
  const group = COST_GROUPS.find((one) => one === asked.group) ?? COST_GROUPS[0];
  const [{ lines, csv }, history] = await Promise.all([readStatement(scope, month, group), readMonths(scope, months)]);
  const nameOf = ({ id }: { id: string }) =>
    format.dateTime(new Date(`${id}-15T00:00:00Z`), { year: "numeric", month: "long", timeZone: "UTC" });
  const total = sumLines(lines);
  const before = history.find(({ id }) => id === months[months.indexOf(month) + 1]?.id);
  const money = (usd: string) => formatMoney(parseUsd(usd), locale);
  const note = (usd: string | undefined) => usd && t("before", { value: money(usd) });
  const count = (value: number) => format.number(value, { notation: "compact", maximumSignificantDigits: 4 });
  return (
    <>
      <PageHead
        title={t("title")}
        text={t("text", { org: name, zone: timeZone })}
        action={
          lines.length > 0 && (
            <a
              className={buttonVariants()}
              href={`data:text/csv;charset=utf-8,${encodeURIComponent(csv)}`}
              download={`${slug}-${month.id}.csv`}
            >
              {t("download")}
            </a>
          )
        }
      />
      <div className="flex flex-wrap gap-2 pb-6">
        <FilterSelect
          name="month"
          label={t("month")}
          value={month.id}
          options={months.map((one) => ({ value: one.id, label: nameOf(one) }))}
        />
        <FilterSelect
          name="group"
          label={t("group")}
          value={group}
          options={COST_GROUPS.map((value) => ({ value, label: t(`groups.${value}`) }))}
        />
      </div>
      <KeyFigures
        figures={[
          { label: t("cost"), value: money(total.costUsd), note: note(before?.costUsd) },
          { label: t("price"), value: money(total.priceUsd), note: note(before?.priceUsd) },
          { label: t("calls"), value: count(total.calls) },
          { label: t("tokens"), value: count(total.inputTokens + total.outputTokens) },
        ]}
      />
      <Block id="statement" title={nameOf(month)}>
        {lines.length === 0 ? (
          <EmptyState text={t("empty")} />
        ) : (
          <CostTable caption={nameOf(month)} head={t(`heads.${group}`)} lines={lines} total={total} />
        )}
      </Block>
      {history.length > 0 && (
        <Block id="months" title={t("months")}>
          <CostTable
            caption={t("months")}
            head={t("month")}
            lines={history.map((line) => ({ ...line, label: nameOf(line) }))}
          />
        </Block>
      )}
    </>
  );
}

/** The months with use, newest first. */
async function readMonths(scope: OrgScope, months: readonly CostMonth[]): Promise<CostLine[]> {
  const days = await sumOrgCosts(scope, {
    from: months.at(-1)?.from,
    groupBy: ["day"],
    timeZone: scope.org.timeZone,
    limit: 10_000,
  });
  const lines = days.map(({ key, calls, inputTokens, outputTokens, priceUsd, costUsd }) => {
    const id = String(key).slice(0, 7);
    return { id, label: id, calls, inputTokens, outputTokens, priceUsd, costUsd };
  });
  return mergeLines(lines).sort((a, b) => b.id.localeCompare(a.id));
}
