import type { Metadata } from "next";
import Link from "next/link";
import { getTranslations } from "next-intl/server";
import { ModelsTable } from "@/components/admin/models-table";
import { EmptyState } from "@/components/shell/empty-state";
import { PageHead } from "@/components/shell/page-head";
import { buttonVariants } from "@/components/ui/button";
import { requireStaff } from "@/lib/auth/require-staff";
import { listModels } from "@/lib/catalog/admin-models";
import { pricesSince } from "@/lib/catalog/admin-price-history";
import { findWaitingSync } from "@/lib/catalog/admin-sync";

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations("admin.models"))("title") };
}

export default async function ModelsPage() {
  const scope = await requireStaff("models.read");
  const t = await getTranslations("admin.models");
  const { data: models } = await listModels(scope, { limit: 1000 });
  const since = await pricesSince(
    scope,
    models.map(({ id }) => id),
  );
  const rows = models.map(({ id, type, enabled, offers, price }) => {
    // the offer that is tried first makes the margin
    const cost = offers.find((offer) => offer.enabled)?.cost ?? null;
    return { id, type, enabled, offers: offers.length, cost, price, since: since.get(id) ?? null };
  });
  const waiting = await findWaitingSync(scope);
  const tCatalogue = await getTranslations("admin.catalogue");
  const add = scope.permissions.has("models.manage") && (
    <Link href="/admin/models/new" className={buttonVariants({ variant: "primary" })}>
      {t("add")}
    </Link>
  );
  return (
    <>
      <PageHead
        title={t("title")}
        text={t("text")}
        action={
          <div className="flex flex-wrap gap-2">
            <Link href="/admin/catalogue" className={buttonVariants()}>
              {t("compare")}
            </Link>
            {add}
          </div>
        }
      />
      {waiting && (
        <p className="mb-6 border-l-2 border-line-strong px-3 py-1">
          {tCatalogue.rich("waiting", {
            count: waiting.rows,
            look: (words) => (
              <Link href={`/admin/catalogue/${waiting.id}`} className="underline underline-offset-4">
                {words}
              </Link>
            ),
          })}
        </p>
      )}
      {rows.length === 0 ? <EmptyState text={t("empty")} action={add} /> : <ModelsTable rows={rows} />}
    </>
  );
}
