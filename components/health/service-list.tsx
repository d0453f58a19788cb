import { useFormatter, useTranslations } from "next-intl";
import { ServiceBadge } from "@/components/health/service-badge";
import { PERCENT, UptimeStrip, uptimeOf } from "@/components/health/uptime-strip";
import type { ServiceStatus } from "@/lib/health/queries";

/** Providers or models: how each does now, its 90 days, and how soon it begins to answer. */
export function ServiceList({ services, at }: { services: readonly ServiceStatus[]; at: string }) {
  return (
    <ul>
      {services.map((service) => (
        <ServiceRow key={service.id} service={service} at={at} />
      ))}
    </ul>
  );
}

function ServiceRow({ service, at }: { service: ServiceStatus; at: string }) {
  const t = useTranslations("status");
  const format = useFormatter();
  const { name, state, days, firstTokenP50Ms: p50, firstTokenP95Ms: p95 } = service;
  const uptime = uptimeOf(days);
  return (
    <li className="border-b py-5 first:pt-0 last:border-b-0 last:pb-0">
      <div className="flex flex-wrap items-center justify-between gap-x-4 gap-y-1">
        <h3 className="min-w-0 font-medium wrap-anywhere">{name}</h3>
        <ServiceBadge state={state} />
      </div>
      <div className="mt-3">
        <UptimeStrip days={days} until={at} />
      </div>
      <dl className="mt-2 flex flex-wrap justify-between gap-x-6 gap-y-1 text-sm text-ink-2">
        <div className="flex gap-1.5">
          <dt>{t("uptime90")}</dt>
          <dd className="figures text-ink">{uptime === null ? t("noData") : format.number(uptime, PERCENT)}</dd>
        </div>
        <div className="flex gap-1.5">
          <dt>{t("firstToken")}</dt>
          <dd className="figures text-ink">
            {p50 === null || p95 === null ? t("noData") : t("percentiles", { p50, p95 })}
          </dd>
        </div>
      </dl>
    </li>
  );
}
