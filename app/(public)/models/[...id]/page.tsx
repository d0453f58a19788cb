import type { Metadata } from "next";
import { headers } from "next/headers";
import Link from "next/link";
import { notFound } from "next/navigation";
import { getFormatter, getTranslations } from "next-intl/server";
import { CodeTabs } from "@/components/landing/code-tabs";
import { PriceTable } from "@/components/models/price-table";
import { BackLink } from "@/components/shell/back-link";
import { Block } from "@/components/shell/block";
import { KeyFigures } from "@/components/shell/key-figures";
import { buttonVariants } from "@/components/ui/button";
import { CopyButton } from "@/components/ui/copy-button";
import { homeOf } from "@/lib/auth/queries";
import { findSession } from "@/lib/auth/session";
import { findModel } from "@/lib/catalog/queries";
import { env } from "@/lib/env";
import { publicOrigin } from "@/lib/origin";
import { chatSnippets } from "@/lib/snippets";

type ModelPageProps = { params: Promise<{ id: string[] }> };

export async function generateMetadata({ params }: ModelPageProps): Promise<Metadata> {
  const model = await findModel(await nameOf(params));
  return model ? { title: model.displayName } : {};
}

/** One model: what it takes, what every class costs, how to call it. An alias leads to the same page. */
export default async function ModelPage({ params }: ModelPageProps) {
  const model = await findModel(await nameOf(params));
  if (!model) notFound();
  const t = await getTranslations("models");
  const format = await getFormatter();
  const session = await findSession();
  const { id, displayName, type, price, aliases, providers, contextWindow, maxOutputTokens } = model;
  const count = (value: number | null) => (value === null ? "—" : format.number(value));
  const tryIt = session
    ? `${await homeOf(session.userId)}/playground?model=${encodeURIComponent(id)}`
    : `/sign-in?next=${encodeURIComponent(`/models/${id}`)}`;
  return (
    <div className="mx-auto max-w-[1280px] px-4 pb-16 md:px-8">
      <BackLink href="/models" label={t("back")} />
      <div className="flex flex-wrap items-start justify-between gap-x-8 gap-y-4 pt-2 pb-6">
        <div className="min-w-0">
          <h1 className="tight text-2xl font-semibold wrap-anywhere">{displayName}</h1>
          <p className="mt-1 flex items-center gap-1 text-ink-2">
            <code className="min-w-0 font-mono text-sm break-all">{id}</code>
            <CopyButton text={id} label={t("copyId")} />
          </p>
        </div>
        {type === "chat" && price && (
          <Link href={tryIt} className={buttonVariants({ variant: "primary" })}>
            {t("tryHere")}
          </Link>
        )}
      </div>
      <KeyFigures
        figures={[
          { label: t("context"), value: count(contextWindow) },
          { label: t("maxOutput"), value: count(maxOutputTokens) },
          { label: t("providers"), value: <span className="text-lg">{providers.join(", ") || "—"}</span> },
          {
            label: t("aliases"),
            value: aliases.length > 0 ? <span className="font-mono text-sm break-all">{aliases.join(", ")}</span> : "—",
          },
        ]}
      />
      <Block id="prices" title={t("prices")} text={price ? t("pricesText") : undefined}>
        {price ? <PriceTable price={price} /> : <p className="border-y py-6 text-warning">{t("unpriced")}</p>}
      </Block>
      {type === "chat" && price && (
        <Block id="code" title={t("call")}>
          <CodeTabs
            snippets={chatSnippets({
              baseUrl: `${publicOrigin(await headers(), env().publicUrl)}/api/v1`,
              model: id,
            })}
            label={t("languages")}
            copyLabel={t("copyCode")}
          />
        </Block>
      )}
    </div>
  );
}

async function nameOf(params: ModelPageProps["params"]): Promise<string> {
  return (await params).id.map(decodeURIComponent).join("/");
}
