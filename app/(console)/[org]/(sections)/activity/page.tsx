import type { Metadata } from "next";
import Link from "next/link";
import { getTranslations } from "next-intl/server";
import { AppsView } from "@/app/(console)/[org]/(sections)/activity/apps-view";
import { RequestsView } from "@/app/(console)/[org]/(sections)/activity/requests-view";
import { UsageView } from "@/app/(console)/[org]/(sections)/activity/usage-view";
import { ForbiddenState } from "@/components/shell/forbidden-state";
import { PageHead } from "@/components/shell/page-head";
import { requireOrg } from "@/lib/auth/require-org";
import { maySeeUsage } from "@/lib/usage/queries";
import type { Parameters } from "@/lib/usage/request-filters";

type ActivityPageProps = { params: Promise<{ org: string }>; searchParams: Promise<Parameters> };

const VIEWS = ["usage", "apps", "requests"] as const;

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations("activity"))("title") };
}

export default async function ActivityPage({ params, searchParams }: ActivityPageProps) {
  const scope = await requireOrg((await params).org);
  const [t, filters] = await Promise.all([getTranslations("activity"), searchParams]);
  if (!maySeeUsage(scope)) return <ForbiddenState who={t("noPage")} />;
  const view = VIEWS.find((id) => id === filters.view) ?? "usage";
  const { range, zone } = filters;
  return (
    <>
      <PageHead title={t("title")} text={t("text")} />
      <nav aria-label={t("views")} className="flex gap-5 border-b">
        {VIEWS.map((id) => (
          <Link
            key={id}
            href={{
              query: {
                ...(id !== "usage" && { view: id }),
                ...(typeof range === "string" && { range }),
                ...(typeof zone === "string" && { zone }),
              },
            }}
            aria-current={id === view ? "page" : undefined}
            className="-mb-px flex h-9 items-center border-b-2 border-transparent text-ink-2 hover:text-ink aria-current-page:border-ink aria-current-page:font-medium aria-current-page:text-ink pointer-coarse:min-h-11"
          >
            {t(id)}
          </Link>
        ))}
      </nav>
      {view === "usage" && <UsageView scope={scope} filters={filters} />}
      {view === "apps" && <AppsView scope={scope} filters={filters} />}
      {view === "requests" && <RequestsView scope={scope} filters={filters} />}
    </>
  );
}
