import type { Metadata } from "next";
import { notFound } from "next/navigation";
import { getTranslations } from "next-intl/server";
import { SyncReview } from "@/components/admin/sync-review";
import { PageHead } from "@/components/shell/page-head";
import { requireStaff } from "@/lib/auth/require-staff";
import { getSync } from "@/lib/catalog/admin-sync";
import { AppError } from "@/lib/errors";

type Props = { params: Promise<{ id: string }> };

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations("admin.catalogue"))("comparison") };
}

export default async function SyncPage({ params }: Props) {
  const scope = await requireStaff("models.read");
  const t = await getTranslations("admin.catalogue");
  const sync = await getSync(scope, (await params).id).catch(missing);
  const names = sync.sources.map(({ name, format }) => (format === "bundled" ? t("bundled") : name)).join(" · ");
  return (
    <>
      <PageHead
        back={{ href: "/admin/catalogue", label: t("title") }}
        title={t("comparison")}
        text={
          <>
            <span className="wrap-anywhere">{names}</span>
            {sync.locked > 0 && <span className="block">{t("locked", { count: sync.locked })}</span>}
          </>
        }
      />
      <SyncReview key={sync.state} sync={sync} canManage={scope.permissions.has("models.manage")} />
    </>
  );
}

function missing(error: unknown): never {
  if (error instanceof AppError && error.code === "not_found") notFound();
  throw error;
}
