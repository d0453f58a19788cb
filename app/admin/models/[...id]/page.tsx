import type { Metadata } from "next";
import { notFound } from "next/navigation";
import { getTranslations } from "next-intl/server";
import { ModelForm } from "@/components/admin/model-form";
import { PriceHistory } from "@/components/admin/price-history";
import { RouteTable } from "@/components/admin/route-table";
import { Block } from "@/components/shell/block";
import { PageHead } from "@/components/shell/page-head";
import { requireStaff } from "@/lib/auth/require-staff";
import { getModel } from "@/lib/catalog/admin-models";
import { listPriceHistory } from "@/lib/catalog/admin-price-history";
import { listProviders } from "@/lib/catalog/admin-providers";
import { AppError } from "@/lib/errors";
import { explainRoute } from "@/lib/gateway/admin-route";

type Props = { params: Promise<{ id: string[] }> };

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  return { title: idOf(await params) };
}

export default async function ModelPage({ params }: Props) {
  const scope = await requireStaff("models.read");
  const t = await getTranslations("admin.models");
  const tRouting = await getTranslations("routing");
  const id = idOf(await params);
  const model = await getModel(scope, id).catch(missing);
  const canManage = scope.permissions.has("models.manage") && scope.permissions.has("providers.read");
  const history = await listPriceHistory(scope, id);
  const providers = canManage ? (await listProviders(scope, { limit: 1000 })).data : [];
  const route = model.enabled ? await explainRoute(scope, { model: id }) : null;
  const version = history.find(({ subject }) => subject === "price")?.id ?? "none";
  return (
    <>
      <PageHead
        back={{ href: "/admin/models", label: t("title") }}
        title={model.displayName ?? model.id}
        text={<code className="font-mono text-sm">{model.id}</code>}
      />
      {canManage && (
        // what was saved is what the form shows next
        <ModelForm
          key={`${model.updatedAt} ${version}`}
          model={model}
          providers={providers.map(({ slug, displayName }) => ({ slug, name: displayName }))}
        />
      )}
      {route && (
        <Block id="route" title={tRouting("title")} text={tRouting("text")}>
          <RouteTable rows={route.candidates} />
        </Block>
      )}
      <Block id="history" title={t("history")} text={t("historyText")}>
        <PriceHistory rows={history} />
      </Block>
    </>
  );
}

function idOf({ id }: { id: string[] }): string {
  return id.map(decodeURIComponent).join("/");
}

function missing(error: unknown): never {
  if (error instanceof AppError && error.code === "not_found") notFound();
  throw error;
}
