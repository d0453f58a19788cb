import type { Metadata } from "next";
import { headers } from "next/headers";
import { getLocale, getTranslations } from "next-intl/server";
import { Billing } from "@/components/landing/billing";
import { FirstCall } from "@/components/landing/first-call";
import { Hero } from "@/components/landing/hero";
import { type PricedModel, Prices } from "@/components/landing/prices";
import { Providers } from "@/components/landing/providers";
import { receiptOf } from "@/lib/billing/receipt";
import { EXAMPLE_CALL } from "@/lib/billing/receipt-example";
import { effectiveBaseUrl, PROVIDER_KINDS } from "@/lib/catalog/provider-kinds";
import { listModels } from "@/lib/catalog/queries";
import { env } from "@/lib/env";
import { LOCALE_PARAMETER, LOCALES } from "@/lib/locale";
import { logger } from "@/lib/log";
import { publicOrigin } from "@/lib/origin";
import { chatSnippets } from "@/lib/snippets";

const API_PATH = "/api/v1";
const SANDBOX_MODEL = "sandbox/chat";

export async function generateMetadata(): Promise<Metadata> {
  const t = await getTranslations("app");
  const languages = LOCALES.map((locale) => [locale, `/?${LOCALE_PARAMETER}=${locale}`]);
  return {
    title: { absolute: t("title") },
    alternates: { canonical: "/", languages: { ...Object.fromEntries(languages), "x-default": "/" } },
    openGraph: {
      type: "website",
      siteName: t("name"),
      title: t("title"),
      description: t("description"),
      locale: await getLocale(),
    },
  };
}

/** Needs no database: whoever comes here while it is away still learns what this is and where to call. */
export default async function LandingPage() {
  const { publicUrl, production, sandboxInProduction } = env();
  const baseUrl = publicOrigin(await headers(), publicUrl) + API_PATH;
  const receipt = receiptOf(EXAMPLE_CALL);
  const hasSandbox = !production || sandboxInProduction;
  const model = hasSandbox ? SANDBOX_MODEL : EXAMPLE_CALL.model;
  const kinds = PROVIDER_KINDS.filter(({ id }) => hasSandbox || id !== "sandbox").map(({ id, name }) => ({
    id,
    name,
    defaultBaseUrl: effectiveBaseUrl({ kind: id, baseUrl: null, region: null }),
  }));
  const prices = await readPrices();
  return (
    <>
      <Hero baseUrl={baseUrl} receipt={receipt} />
      <FirstCall
        snippets={chatSnippets({ baseUrl, model })}
        model={model}
        hasSandbox={hasSandbox}
        printsKey={!production}
      />
      {prices && prices.length > 0 && <Prices models={prices} />}
      <Providers kinds={kinds} />
      <Billing receipt={receipt} />
    </>
  );
}

const SHOWN_PRICES = 6;

/** Of as many providers as there are; null while the database is away, as the page must not be. */
async function readPrices(): Promise<PricedModel[] | null> {
  try {
    const models = (await listModels()).flatMap(({ id, type, price }) =>
      type === "chat" && price?.input && price.output ? [{ id, input: price.input, output: price.output }] : [],
    );
    const byMaker = [...Map.groupBy(models, ({ id }) => id.split("/")[0]).values()];
    // one of each maker, then the second of each
    const rounds = Array.from({ length: SHOWN_PRICES }, (_, round) =>
      byMaker.flatMap((own) => own.slice(round, round + 1)),
    );
    return rounds.flat().slice(0, SHOWN_PRICES);
  } catch (error) {
    logger("landing").warn({ err: error }, "prices could not be read; the page is shown without them");
    return null;
  }
}
