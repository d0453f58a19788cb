import { Rss, TriangleAlert } from "lucide-react";
import type { Metadata } from "next";
import { getFormatter, getTranslations } from "next-intl/server";
import { IncidentList } from "@/components/health/incident-list";
import { RefreshEvery } from "@/components/health/refresh-every";
import { ServiceList } from "@/components/health/service-list";
import { EmptyState } from "@/components/shell/empty-state";
import { PageHead } from "@/components/shell/page-head";
import { Section } from "@/components/shell/section";
import { findStatus, type Status } from "@/lib/health/queries";
import { LOCALE_PARAMETER, LOCALES } from "@/lib/locale";

const FEED = "/status.xml";
/** Beyond this age the reader must know. */
const STALE_MS = 30_000;

export async function generateMetadata(): Promise<Metadata> {
  const t = await getTranslations("status");
  const languages = LOCALES.map((locale) => [locale, `/status?${LOCALE_PARAMETER}=${locale}`]);
  return {
    title: t("title"),
    description: t("text"),
    alternates: {
      ...{ canonical: "/status", languages: Object.fromEntries(languages) },
      types: { "application/atom+xml": FEED },
    },
  };
}

export default async function StatusPage() {
  const t = await getTranslations("status");
  const format = await getFormatter();
  const now = Date.now();
  const status = await findStatus(now);
  const isStale = status === null || now - Date.parse(status.at) > STALE_MS;
  return (
    <>
      <RefreshEvery seconds={30} />
      <div className="mx-auto max-w-[1280px] px-4 pb-8 md:px-8">
        <PageHead title={status && !isStale ? t(headlineOf(status)) : t("title")} text={t("text")} />
        {isStale && (
          <p role="status" className="flex items-start gap-2 border-y py-3">
            <TriangleAlert className="mt-0.5 size-4 shrink-0 text-warning" strokeWidth={1.5} aria-hidden />
            {status ? t("stale", { age: format.relativeTime(new Date(status.at), now) }) : t("unseen")}
          </p>
        )}
        {status?.services.length === 0 && <EmptyState text={t("empty")} />}
      </div>
      {status && status.services.length > 0 && <Services status={status} />}
    </>
  );
}

async function Services({ status: { at, services, incidents } }: { status: Status }) {
  const t = await getTranslations("status");
  const of = (subject: "provider" | "model") => services.filter((service) => service.subject === subject);
  return (
    <>
      <Section id="providers" title={t("providers")} text={t("providersText")}>
        <ServiceList services={of("provider")} at={at} />
      </Section>
      <Section id="models" title={t("models")} text={t("modelsText")}>
        <ServiceList services={of("model")} at={at} />
      </Section>
      <Section id="incidents" title={t("incidents")} text={t("incidentsText")}>
        <IncidentList incidents={incidents} />
        <a
          href={FEED}
          type="application/atom+xml"
          className="mt-4 inline-flex min-h-6 items-center gap-1.5 underline underline-offset-4 pointer-coarse:min-h-11"
        >
          <Rss className="size-4 shrink-0" strokeWidth={1.5} aria-hidden />
          {t("subscribe")}
        </a>
      </Section>
    </>
  );
}

function headlineOf({ services }: Status): "allUp" | "someDegraded" | "someDown" | "nothingKnown" {
  const states = new Set(services.map(({ state }) => state));
  if (states.has("down")) return "someDown";
  if (states.has("degraded")) return "someDegraded";
  return states.has("up") ? "allUp" : "nothingKnown";
}
