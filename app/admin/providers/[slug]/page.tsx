import type { Metadata } from "next";
import Link from "next/link";
import { notFound } from "next/navigation";
import { getTranslations } from "next-intl/server";
import { AddCredential, Credential } from "@/components/admin/credentials";
import { ProviderSettings } from "@/components/admin/provider-settings";
import { RouteTable } from "@/components/admin/route-table";
import { Block } from "@/components/shell/block";
import { EmptyState } from "@/components/shell/empty-state";
import { PageHead } from "@/components/shell/page-head";
import { Badge } from "@/components/ui/badge";
import { buttonVariants } from "@/components/ui/button";
import { requireStaff } from "@/lib/auth/require-staff";
import { lastRoutes, listCredentials } from "@/lib/catalog/admin-credentials";
import { getProvider } from "@/lib/catalog/admin-providers";
import { effectiveBaseUrl, findProviderKind } from "@/lib/catalog/provider-kinds";
import { AppError } from "@/lib/errors";
import { explainProvider } from "@/lib/gateway/admin-route";

type Props = { params: Promise<{ slug: string }> };

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  return { title: (await params).slug };
}

export default async function ProviderPage({ params }: Props) {
  const scope = await requireStaff("providers.read");
  const t = await getTranslations("admin.providers");
  const provider = await getProvider(scope, (await params).slug).catch(missing);
  const [{ data: credentials }, soleRoutes] = await Promise.all([
    listCredentials(scope, provider.slug, { limit: 1000 }),
    lastRoutes(scope),
  ]);
  const tRouting = await getTranslations("routing");
  const routes = scope.permissions.has("models.read") ? await explainProvider(scope, provider.slug) : [];
  const canManage = scope.permissions.has("providers.manage");
  const kind = findProviderKind(provider.kind);
  const shape = kind?.credential ?? "apiKey";
  const hasAddress = shape !== "none";
  const add = canManage && <AddCredential slug={provider.slug} shape={shape} />;
  return (
    <>
      <PageHead
        back={{ href: "/admin/providers", label: t("title") }}
        title={provider.displayName}
        text={
          hasAddress ? (
            <code className="font-mono text-sm wrap-anywhere">{effectiveBaseUrl(provider)}</code>
          ) : (
            t("simulated")
          )
        }
        action={
          <div className="flex flex-wrap items-center gap-3">
            {!provider.enabled && <Badge>{t("statuses.disabled")}</Badge>}
            {hasAddress && (
              <Link
                href={`/admin/providers/${provider.slug}/models`}
                className={buttonVariants({ variant: "primary" })}
                title={t("offeredText")}
              >
                {t("chooseModels")}
              </Link>
            )}
          </div>
        }
      />
      {hasAddress && (
        <Block id="credentials" title={t("credentials")} text={t("credentialsText")} action={add} className="mt-0">
          {credentials.length === 0 ? (
            <EmptyState text={t("noCredentials")} />
          ) : (
            <ul className="border-t">
              {credentials.map((credential) => (
                <Credential
                  key={credential.id}
                  credential={credential}
                  shape={shape}
                  canManage={canManage}
                  lastRouteOf={soleRoutes.get(credential.id) ?? []}
                />
              ))}
            </ul>
          )}
        </Block>
      )}
      {routes.length > 0 && (
        <Block id="route" title={tRouting("title")} text={tRouting("text")}>
          <RouteTable rows={routes} mark={provider.slug} />
        </Block>
      )}
      {canManage && (
        <Block id="settings" title={t("settings")}>
          <ProviderSettings provider={provider} defaultBaseUrl={kind?.defaultBaseUrl ?? null} hasAddress={hasAddress} />
        </Block>
      )}
    </>
  );
}

function missing(error: unknown): never {
  if (error instanceof AppError && error.code === "not_found") notFound();
  throw error;
}
