import { useTranslations } from "next-intl";
import { ServiceBadge } from "@/components/health/service-badge";
import { useMoment } from "@/components/ui/use-moment";
import type { StatusIncident } from "@/lib/health/queries";

/** Latest first. */
export function IncidentList({ incidents }: { incidents: readonly StatusIncident[] }) {
  const t = useTranslations("status");
  const writeMoment = useMoment();
  if (incidents.length === 0) return <p className="text-ink-2">{t("noIncidents")}</p>;
  const moment = (at: string) => writeMoment(at, "minute", "UTC");
  return (
    <ul>
      {incidents.map(({ id, name, state, startedAt, endedAt }) => (
        <li
          key={id}
          id={id}
          className="flex flex-wrap items-baseline justify-between gap-x-6 gap-y-1 border-b py-3 first:pt-0 last:border-b-0"
        >
          <span className="flex min-w-0 flex-wrap items-center gap-2">
            <span className="font-medium wrap-anywhere">{name}</span>
            <ServiceBadge state={state} />
          </span>
          <span className="figures text-sm text-ink-2">
            <time dateTime={startedAt}>{moment(startedAt)}</time>
            {" · "}
            {endedAt === null
              ? t("ongoing")
              : t("lasted", {
                  minutes: Math.max(1, Math.round((Date.parse(endedAt) - Date.parse(startedAt)) / 60_000)),
                })}
          </span>
        </li>
      ))}
    </ul>
  );
}
