import type { Metadata } from "next";
import Link from "next/link";
import { getTranslations } from "next-intl/server";
import { type ProviderListRow, ProvidersTable } from "@/components/admin/providers-table";
import { EmptyState } from "@/components/shell/empty-state";
import { kindName } from "@/components/shell/kind-name";
import { PageHead } from "@/components/shell/page-head";
import { buttonVariants } from "@/components/ui/button";
import { requireStaff } from "@/lib/auth/require-staff";
import { credentialsByProvider } from "@/lib/catalog/admin-credentials";
import { listModels } from "@/lib/catalog/admin-models";
import { listProviders } from "@/lib/catalog/admin-providers";
import { effectiveBaseUrl, findProviderKind } from "@/lib/catalog/provider-kinds";
import type { CredentialRow, ProviderRow } from "@/lib/catalog/schema";

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations("admin.providers"))("title") };
}

export default async function ProvidersPage() {
  const scope = await requireStaff("providers.read");
  const t = await getTranslations("admin.providers");
  const names = await getTranslations("landing.providers.names");
  const [{ data: providers }, credentials, { data: models }] = await Promise.all([
    listProviders(scope, { limit: 1000 }),
    credentialsByProvider(scope),
    listModels(scope, { limit: 1000 }),
  ]);
  const modelsOf = (slug: string) =>
    models.filter(({ offers }) => offers.some(({ provider }) => provider === slug)).length;
  const rows = providers.map((provider) => {
    const kind = findProviderKind(provider.kind);
    const named = kind ? kindName(names, kind) : provider.kind;
    return toRow(provider, named, credentials.get(provider.slug) ?? [], modelsOf(provider.slug));
  });
  const add = scope.permissions.has("providers.manage") && (
    <Link href="/admin/providers/new" className={buttonVariants({ variant: "primary" })}>
      {t("addProvider")}
    </Link>
  );
  return (
    <>
      <PageHead title={t("title")} text={t("text")} action={add} />
      {rows.length === 0 ? <EmptyState text={t("empty")} action={add} /> : <ProvidersTable rows={rows} />}
    </>
  );
}

function toRow(
  provider: ProviderRow,
  kindNamed: string,
  credentials: CredentialRow[],
  models: number,
): ProviderListRow {
  const kind = findProviderKind(provider.kind);
  const healthy = credentials.filter(({ status }) => status === "active").length;
  const status = !provider.enabled
    ? "disabled"
    : kind?.credential === "none"
      ? "ready"
      : credentials.length === 0
        ? "noCredential"
        : healthy === 0
          ? "failing"
          : healthy < credentials.length
            ? "degraded"
            : "ready";
  const { slug, displayName } = provider;
  const address = provider.kind === "sandbox" ? null : effectiveBaseUrl(provider);
  return {
    slug,
    name: displayName,
    kind: kindNamed,
    isSimulation: provider.kind === "sandbox",
    address,
    healthy,
    credentials: credentials.length,
    models,
    status,
  };
}
