import type { Metadata } from "next";
import { getTranslations } from "next-intl/server";
import { ModelTable } from "@/components/models/model-table";
import { EmptyState } from "@/components/shell/empty-state";
import { PageHead } from "@/components/shell/page-head";
import { requireOrg } from "@/lib/auth/require-org";
import { listOrgModels } from "@/lib/catalog/queries";
import { rangeOf } from "@/lib/time-range";
import { maySeeUsage, sumOrgUsage } from "@/lib/usage/queries";

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations("models"))("title") };
}

export default async function ModelsPage({ params }: { params: Promise<{ org: string }> }) {
  const scope = await requireOrg((await params).org);
  const { timeZone } = scope.org;
  const { from } = rangeOf("30d", new Date(), timeZone);
  const t = await getTranslations("models");
  const [models, sums] = await Promise.all([
    listOrgModels(scope),
    maySeeUsage(scope) ? sumOrgUsage(scope, { from, groupBy: ["model"], timeZone, limit: 10_000 }) : null,
  ]);
  const calls = sums && new Map(sums.map((sum) => [sum.key, sum.calls]));
  return (
    <>
      <PageHead title={t("title")} text={t("text")} />
      {models.length === 0 ? (
        <EmptyState text={t("empty")} />
      ) : (
        <ModelTable
          models={models.map((model) => ({ ...model, calls: calls && (calls.get(model.id) ?? 0) }))}
          playgroundHref={scope.permissions.has("playground.use") ? `/${scope.org.slug}/playground` : null}
        />
      )}
    </>
  );
}
