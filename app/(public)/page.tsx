import type { Metadata } from "next";
import { headers } from "next/headers";
import { getLocale, getTranslations } from "next-intl/server";
import { Billing } from "@/components/landing/billing";
import { FirstCall } from "@/components/landing/first-call";
import { Hero } from "@/components/landing/hero";
import { Providers } from "@/components/landing/providers";
import { receiptOf } from "@/lib/billing/receipt";
import { EXAMPLE_CALL } from "@/lib/billing/receipt-example";
import { effectiveBaseUrl, PROVIDER_KINDS } from "@/lib/catalog/provider-kinds";
import { env } from "@/lib/env";
import { LOCALE_PARAMETER, LOCALES } from "@/lib/locale";
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
  return (
    <>
      <Hero baseUrl={baseUrl} receipt={receipt} />
      <FirstCall
        snippets={chatSnippets({ baseUrl, model })}
        model={model}
        hasSandbox={hasSandbox}
        printsKey={!production}
      />
      <Providers kinds={kinds} />
      <Billing receipt={receipt} />
    </>
  );
}
