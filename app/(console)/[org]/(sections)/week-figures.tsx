import Link from "next/link";
import { getFormatter, getLocale, getTranslations } from "next-intl/server";
import { UsageChart } from "@/components/activity/usage-chart";
import { Block } from "@/components/shell/block";
import { KeyFigures } from "@/components/shell/key-figures";
import type { OrgScope } from "@/lib/auth/require-org";
import { formatMoney } from "@/lib/format-money";
import { keyNames } from "@/lib/keys/queries";
import { parseUsd } from "@/lib/money";
import { rangeOf, stepsOf } from "@/lib/time-range";
import { type OrgUsage, orgLatencies, sumOrgUsage } from "@/lib/usage/queries";

const SHOWN = 5;
const WEEK_MS = 7 * 24 * 3_600_000;

/** Seven days beside the seven before, and the spend of each day by model. */
export async function WeekFigures({ scope }: { scope: OrgScope }) {
  const { timeZone, slug } = scope.org;
  const now = new Date();
  const { from, step } = rangeOf("7d", now, timeZone);
  const ask = { timeZone, limit: 10_000 };
  const t = await getTranslations("overview");
  const activity = await getTranslations("activity");
  const week = { ...ask, from, groupBy: [] };
  const previous = { ...ask, from: new Date(from.getTime() - WEEK_MS), to: from, groupBy: [] };
  const [locale, format, current, before, cells, byKey, keys, [latency], [latencyBefore]] = await Promise.all([
    getLocale(),
    getFormatter(),
    sumOrgUsage(scope, { ...ask, from, groupBy: ["status"] }),
    sumOrgUsage(scope, { ...ask, from: new Date(from.getTime() - WEEK_MS), to: from, groupBy: ["status"] }),
    sumOrgUsage(scope, { ...ask, from, groupBy: [step, "model"] }),
    sumOrgUsage(scope, { ...ask, from, groupBy: ["key"] }),
    keyNames(scope),
    orgLatencies(scope, week),
    orgLatencies(scope, previous),
  ]);
  const [now7, before7] = [totals(current), totals(before)];
  const money = (amountNano: bigint) => formatMoney(amountNano, locale);
  const count = (value: number) => format.number(value, { notation: "compact", maximumSignificantDigits: 4 });
  const share = ({ calls, ok }: Totals) =>
    calls === 0
      ? "—"
      : format.number(ok / calls, { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 });
  const note = (value: string, delta: string | null = null) =>
    before7.calls === 0 ? undefined : [delta, t("before", { value })].filter(Boolean).join(" · ");
  const delta = (value: bigint, old: bigint) => {
    if (old === 0n) return null;
    return format.number(Number(((value - old) * 1000n) / old) / 1000, {
      style: "percent",
      maximumFractionDigits: 1,
      signDisplay: "exceptZero",
    });
  };
  const ms = (value: number | null | undefined) => (value == null ? "—" : t("ms", { value: format.number(value) }));
  const points = cells.map((cell) => {
    // safe because a sum by two dimensions is keyed by their names
    const key = cell.key as Record<string, string | null>;
    const { priceUsd, calls, inputTokens, outputTokens } = cell;
    return { step: String(key[step]), group: String(key.model), priceUsd, calls, tokens: inputTokens + outputTokens };
  });
  const models = [...Map.groupBy(points, ({ group }) => group)]
    .map(([id, own]) => ({ id, label: id, sum: own.reduce((sum, { priceUsd }) => sum + parseUsd(priceUsd), 0n) }))
    .sort((a, b) => (a.sum < b.sum ? 1 : -1));
  const names = new Map(keys.map(({ id, name, kind }) => [id, kind === "app" ? name : activity("playground")]));
  const keyRows = [...Map.groupBy(byKey, ({ key }) => names.get(String(key)) ?? String(key))]
    .map(([label, own]) => ({ id: label, label, sum: own.reduce((sum, row) => sum + parseUsd(row.priceUsd), 0n) }))
    .sort((a, b) => (a.sum < b.sum ? 1 : -1));
  return (
    <Block
      id="week"
      title={t("week")}
      action={
        <Link
          href={`/${slug}/activity`}
          className="text-accent underline decoration-accent/40 underline-offset-4 hover:decoration-current"
        >
          {t("usage")}
        </Link>
      }
    >
      <KeyFigures
        figures={[
          {
            label: t("spend"),
            value: money(now7.spend),
            note: note(money(before7.spend), delta(now7.spend, before7.spend)),
          },
          {
            label: t("requests"),
            value: count(now7.calls),
            note: note(count(before7.calls), delta(BigInt(now7.calls), BigInt(before7.calls))),
          },
          {
            label: t("tokens"),
            value: count(now7.tokens),
            note: note(count(before7.tokens), delta(BigInt(now7.tokens), BigInt(before7.tokens))),
          },
          { label: t("success"), value: share(now7), note: note(share(before7)) },
          {
            label: t("firstToken"),
            value: ms(latency?.firstTokenP50Ms),
            note: note(ms(latencyBefore?.firstTokenP50Ms)),
          },
        ]}
      />
      {models.length > 0 && (
        <div className="pt-6">
          <h3 className="mb-3 font-medium">{t("byDay")}</h3>
          <UsageChart
            metric="spend"
            steps={stepsOf({ from, step }, now, timeZone)}
            groups={models.map(({ id, label }) => ({ id, label }))}
            cells={points}
          />
          <div className="grid gap-x-10 lg:grid-cols-2">
            <Shares title={t("byModel")} rows={models} money={money} />
            <Shares title={t("byKey")} rows={keyRows} money={money} />
          </div>
        </div>
      )}
    </Block>
  );
}

type SharesProps = {
  title: string;
  rows: readonly { id: string; label: string; sum: bigint }[];
  money: (amountNano: bigint) => string;
};

/** The largest parts of the week's spend; all of them are in Activity. */
function Shares({ title, rows, money }: SharesProps) {
  return (
    <section className="min-w-0 pt-8">
      <h3 className="mb-2 font-medium">{title}</h3>
      <dl className="border-t">
        {rows.slice(0, SHOWN).map(({ id, label, sum }) => (
          <div key={id} className="flex items-baseline justify-between gap-6 border-b py-2">
            <dt className="min-w-0 truncate">{label}</dt>
            <dd className="figures shrink-0">{money(sum)}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

type Totals = { spend: bigint; calls: number; ok: number; tokens: number };

function totals(rows: readonly OrgUsage[]): Totals {
  return rows.reduce<Totals>(
    (sum, row) => ({
      spend: sum.spend + parseUsd(row.priceUsd),
      calls: sum.calls + row.calls,
      ok: sum.ok + (row.key === "ok" ? row.calls : 0),
      tokens: sum.tokens + row.inputTokens + row.outputTokens,
    }),
    { spend: 0n, calls: 0, ok: 0, tokens: 0 },
  );
}
