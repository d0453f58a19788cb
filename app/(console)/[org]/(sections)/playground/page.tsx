import type { Metadata } from "next";
import { headers } from "next/headers";
import Link from "next/link";
import { getTranslations } from "next-intl/server";
import { Playground } from "@/components/playground/playground";
import { EmptyState } from "@/components/shell/empty-state";
import { ForbiddenState } from "@/components/shell/forbidden-state";
import { PageHead } from "@/components/shell/page-head";
import { buttonVariants } from "@/components/ui/button";
import { requireOrg } from "@/lib/auth/require-org";
import { env } from "@/lib/env";
import { publicOrigin } from "@/lib/origin";
import { listPlaygroundModels } from "@/lib/playground/queries";
import { getSettings } from "@/lib/settings/queries";

type PageProps = { params: Promise<{ org: string }>; searchParams: Promise<{ model?: string | string[] }> };

export async function generateMetadata(): Promise<Metadata> {
  const t = await getTranslations("playground");
  return { title: t("title") };
}

export default async function PlaygroundPage({ params, searchParams }: PageProps) {
  const scope = await requireOrg((await params).org);
  const t = await getTranslations("playground");
  if (!scope.permissions.has("playground.use")) return <ForbiddenState who={t("who")} />;
  const [[first, ...rest], { mode }] = await Promise.all([listPlaygroundModels(scope), getSettings()]);
  const buys = mode === "service" && scope.permissions.has("billing.manage");
  const { slug, name } = scope.org;
  const { model } = await searchParams;
  if (!first) {
    const toModels = (
      <Link href={`/${slug}/models`} className={buttonVariants()}>
        {t("toModels")}
      </Link>
    );
    return (
      <>
        <PageHead title={t("title")} />
        <EmptyState text={t("noModels")} action={toModels} />
      </>
    );
  }
  return (
    <Playground
      org={{ slug, name }}
      models={[first, ...rest]}
      initialModel={typeof model === "string" ? model : undefined}
      baseUrl={`${publicOrigin(await headers(), env().publicUrl)}/api/v1`}
      addCreditsHref={buys ? `/${slug}/billing` : null}
    />
  );
}
