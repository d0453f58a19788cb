import type { Metadata } from "next";
import { notFound } from "next/navigation";
import { getFormatter, getLocale, getTranslations } from "next-intl/server";
import { readKeyContext, readListedKeys } from "@/app/(console)/[org]/(sections)/keys/key-page-data";
import { LastRequests } from "@/app/(console)/[org]/keys/[id]/last-requests";
import { LivePage } from "@/app/(console)/[org]/live-page";
import { KeyActions } from "@/components/keys/key-actions";
import { KeyBadge } from "@/components/keys/key-badge";
import { KeyChanges } from "@/components/keys/key-changes";
import { KeyFacts } from "@/components/keys/key-facts";
import { KeyUsage } from "@/components/keys/key-usage";
import { trialModel } from "@/components/keys/listed-key";
import { PausedKey } from "@/components/keys/paused-key";
import { PreviousSecret } from "@/components/keys/previous-secret";
import { CodeTabs } from "@/components/landing/code-tabs";
import { BackLink } from "@/components/shell/back-link";
import { Block } from "@/components/shell/block";
import { ForbiddenState } from "@/components/shell/forbidden-state";
import { KeyFigures } from "@/components/shell/key-figures";
import { Money } from "@/components/ui/money";
import { requireOrg } from "@/lib/auth/require-org";
import { formatMoment } from "@/lib/date-formats";
import { AppError } from "@/lib/errors";
import { getOrgKey } from "@/lib/keys/queries";
import { chatSnippets } from "@/lib/snippets";
import { monthStart } from "@/lib/time-range";
import { sumOrgUsage } from "@/lib/usage/queries";

export async function generateMetadata(): Promise<Metadata> {
  const t = await getTranslations("keys");
  return { title: t("detailTitle") };
}

export default async function KeyPage({ params }: { params: Promise<{ org: string; id: string }> }) {
  const { org, id } = await params;
  const scope = await requireOrg(org);
  const t = await getTranslations("keys");
  if (!scope.permissions.has("apps.own")) return <ForbiddenState who={t("noPage")} />;
  const key = await getOrgKey(scope, id).catch((error: unknown) => {
    if (error instanceof AppError && error.code === "not_found") notFound();
    throw error;
  });
  const { timeZone, slug } = scope.org;
  const [context, [row], [sum], format, locale] = await Promise.all([
    readKeyContext(scope),
    readListedKeys(scope, [key]),
    sumOrgUsage(scope, { keyId: id, from: monthStart(new Date(), timeZone), groupBy: [], timeZone, limit: 1 }),
    getFormatter(),
    getLocale(),
  ]);
  if (!row) notFound();
  const model = trialModel(context, key);
  const used = key.lastUsedAt && formatMoment(key.lastUsedAt, "minute", locale, timeZone);
  return (
    <>
      <LivePage scope={scope} />
      <BackLink href={`/${slug}/keys`} label={t("back")} />
      <div className="flex flex-wrap items-start justify-between gap-x-8 gap-y-4 pt-2 pb-6">
        <div className="min-w-0">
          <div className="flex flex-wrap items-center gap-3">
            <h1 className="tight text-2xl font-semibold wrap-anywhere">{key.name}</h1>
            <KeyBadge state={row.state} />
          </div>
          <p className="mt-1 text-ink-2">
            <code className="font-mono text-sm">{`${key.prefix}…${key.last4}`}</code>
            {key.note && <span className="ml-3 wrap-anywhere">{key.note}</span>}
          </p>
        </div>
        <KeyActions context={context} row={row} />
      </div>
      {row.state === "paused" && <PausedKey changes={key.changes} />}
      {key.previous && row.state !== "revoked" && (
        <PreviousSecret prefix={key.prefix} previous={key.previous} usedAt={key.previousUsedAt} />
      )}
      <KeyFigures
        figures={[
          { label: t("month"), value: <Money usd={row.monthUsd} /> },
          { label: t("monthCalls"), value: format.number(sum?.calls ?? 0) },
          { label: t("addressesToday"), value: format.number(row.addresses) },
          { label: t("lastUsed"), value: <span className="text-lg">{used ?? t("notUsed")}</span> },
        ]}
      />
      <div className="grid gap-x-10 lg:grid-cols-2">
        <Block id="limits" title={t("limitsTitle")}>
          <KeyUsage row={key} models={context.models} live={key.live} />
        </Block>
        <Block id="facts" title={t("facts")}>
          <KeyFacts row={key} creator={key.creator} />
        </Block>
      </div>
      <LastRequests scope={scope} keyId={id} keyName={key.name} />
      {model && row.state !== "revoked" && (
        <Block id="code" title={t("useIt")} text={t("useItText")}>
          <CodeTabs
            snippets={chatSnippets({ baseUrl: context.baseUrl, model })}
            label={t("languages")}
            copyLabel={t("copyCode")}
          />
        </Block>
      )}
      <Block id="changes" title={t("changes")}>
        <KeyChanges changes={key.changes} />
      </Block>
    </>
  );
}
