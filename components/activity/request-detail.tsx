"use client";

import { useFormatter, useTranslations } from "next-intl";
import type { ReactNode } from "react";
import { Outcome, outcomeId } from "@/components/activity/outcome";
import { Receipt } from "@/components/receipt/receipt";
import { RouteReason } from "@/components/receipt/route-reason";
import { BackLink } from "@/components/shell/back-link";
import { Block } from "@/components/shell/block";
import { CopyButton } from "@/components/ui/copy-button";
import { Money } from "@/components/ui/money";
import { Table, TableBody, TableCell, TableHead, TableHeader, TableRow, TableRowHead } from "@/components/ui/table";
import { useMoment } from "@/components/ui/use-moment";
import type { OrgReceipt } from "@/lib/usage/schema";
import { cn } from "@/lib/utils";

type RequestDetailProps = { orgSlug: string; request: OrgReceipt; keyName: string };

/** One call on a page of its own. */
export function RequestDetail({ orgSlug, request, keyName }: RequestDetailProps) {
  const t = useTranslations("activity");
  return (
    <>
      <BackLink href={`/${orgSlug}/activity?view=requests`} label={t("back")} />
      <div className="flex flex-wrap items-center gap-3 pt-2">
        <h1 className="tight text-2xl font-semibold">{t("receiptTitle")}</h1>
        <Outcome value={request.outcome} />
      </div>
      <RequestBody
        request={request}
        keyName={keyName}
        className="grid items-start gap-10 lg:grid-cols-[minmax(0,560px)_minmax(0,1fr)]"
      />
    </>
  );
}

type RequestBodyProps = Pick<RequestDetailProps, "request" | "keyName"> & { className: string };

/** What came of a call, the arithmetic of its charge, who was tried. */
export function RequestBody({ request, keyName, className }: RequestBodyProps) {
  const t = useTranslations("activity");
  const outcome = outcomeId(request.outcome);
  const isFree = request.receipt?.charged === "0" && outcome !== "ok";
  return (
    <>
      <div className="mt-1 flex min-w-0 items-center gap-1 text-ink-2">
        <code className="min-w-0 font-mono text-sm break-all">{request.id}</code>
        <CopyButton text={request.id} label={t("copyId")} />
      </div>
      <p className="mt-2 max-w-[68ch] text-ink-2">{t(`meanings.${outcome}`, { rule: request.refusedBy ?? "" })}</p>
      <div className={cn("mt-6", className)}>
        {request.receipt ? (
          <Receipt receipt={request.receipt} {...(isFree && { notCharged: t(`outcomes.${outcome}`) })} />
        ) : (
          <div className="border border-line-strong bg-surface p-5">
            {outcome === "refused" ? (
              <>
                <p className="font-medium">{t("notCharged")}</p>
                <p className="mt-1 text-ink-2">{t(`remedies.${remedyOf(request.refusedBy)}`)}</p>
              </>
            ) : (
              <p className="text-ink-2">{t("unpriced")}</p>
            )}
          </div>
        )}
        <Facts request={request} keyName={keyName} />
      </div>
      {request.attempts.length > 0 && <Attempts attempts={request.attempts} />}
      {request.routing && <Considered routing={request.routing} />}
      {request.reportedUsage && (
        <Block id="reported" title={t("reported")} text={t("reportedText")}>
          <pre className="border bg-surface p-4 font-mono text-sm wrap-anywhere whitespace-pre-wrap">
            {JSON.stringify(request.reportedUsage, null, 2)}
          </pre>
        </Block>
      )}
    </>
  );
}

const REMEDIES: Record<string, "budget" | "credits" | "rate"> = {
  budget_exceeded: "budget",
  insufficient_quota: "credits",
  rate_limit_exceeded: "rate",
  concurrency_limit_exceeded: "rate",
};

function remedyOf(rule: string | null) {
  return REMEDIES[rule ?? ""] ?? "other";
}

function Facts({ request, keyName }: { request: OrgReceipt; keyName: string }) {
  const t = useTranslations("activity");
  const format = useFormatter();
  const writeMoment = useMoment();
  const time = (at: string) => writeMoment(at, "zoned");
  const source = (["reported", "estimated"] as const).find((one) => one === request.usageSource) ?? "unknown";
  const promo: [string, ReactNode] = [t("promo"), <Money key="promo" usd={request.promoUsd} />];
  const client: [string, ReactNode] = [
    t("client"),
    <code key="client" className="font-mono text-sm">
      {request.client}
    </code>,
  ];
  const facts: [string, ReactNode][] = [
    [
      t("model"),
      <code key="model" className="font-mono text-sm wrap-anywhere">
        {request.model}
      </code>,
    ],
    [t("key"), keyName],
    [t("started"), time(request.startedAt)],
    [t("settled"), time(request.settledAt)],
    [t("firstToken"), request.firstTokenMs === null ? "—" : format.number(request.firstTokenMs)],
    [t("latency"), request.latencyMs === null ? "—" : format.number(request.latencyMs)],
    [t("http"), request.httpStatus],
    [
      t("endpoint"),
      <code key="endpoint" className="font-mono text-sm">
        {request.endpoint}
      </code>,
    ],
    ...(request.client === null ? [] : [client]),
    [t("streaming"), request.stream ? t("yes") : t("no")],
    [t("finish"), request.finishReason ?? "—"],
    [t("source"), t(`sources.${source}`)],
    ...(request.promoUsd === "0" ? [] : [promo]),
  ];
  return (
    <section aria-labelledby="details-title" className="min-w-0">
      <h2 id="details-title" className="sr-only">
        {t("details")}
      </h2>
      <dl className="figures border-t">
        {facts.map(([name, value]) => (
          <div key={name} className="flex items-baseline justify-between gap-6 border-b py-2">
            <dt className="shrink-0 text-ink-2">{name}</dt>
            <dd className="min-w-0 text-right wrap-anywhere">{value}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function Attempts({ attempts }: Pick<OrgReceipt, "attempts">) {
  const t = useTranslations("activity");
  const format = useFormatter();
  return (
    <Block id="attempts" title={t("attempts")}>
      <Table>
        <caption className="sr-only">{t("attemptsCaption")}</caption>
        <TableHeader>
          <TableRow>
            <TableHead>{t("provider")}</TableHead>
            <TableHead>{t("status")}</TableHead>
            <TableHead numeric>{t("http")}</TableHead>
            <TableHead numeric>{t("latency")}</TableHead>
          </TableRow>
        </TableHeader>
        <TableBody>
          {attempts.map(({ provider, outcome, httpStatus, latencyMs, reason }, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: attempts of a settled call never change
            <TableRow key={index}>
              <TableRowHead>{provider}</TableRowHead>
              <TableCell>
                <span className="flex flex-wrap items-center gap-x-2">
                  <Outcome value={outcome} />
                  {reason && <RouteReason reason={reason} />}
                </span>
              </TableCell>
              <TableCell numeric>{httpStatus ?? "—"}</TableCell>
              <TableCell numeric>{latencyMs === null ? "—" : format.number(latencyMs)}</TableCell>
            </TableRow>
          ))}
        </TableBody>
      </Table>
    </Block>
  );
}

/** Whom the hub weighed for the call: who came first, and why others were passed over. */
function Considered({ routing }: { routing: NonNullable<OrgReceipt["routing"]> }) {
  const words = useTranslations("routing");
  return (
    <Block id="route" title={words("receiptTitle")} text={words("receiptText")}>
      <Table>
        <caption className="sr-only">{words("caption")}</caption>
        <TableHeader>
          <TableRow>
            <TableHead>{words("provider")}</TableHead>
            <TableHead>{words("model")}</TableHead>
            <TableHead>{words("why")}</TableHead>
            <TableHead numeric>{words("score")}</TableHead>
          </TableRow>
        </TableHeader>
        <TableBody>
          {routing.map(({ provider, model, score, reason }, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: the route of a settled call never changes
            <TableRow key={index}>
              <TableRowHead>{provider ?? "—"}</TableRowHead>
              <TableCell>
                <code className="font-mono text-sm wrap-anywhere">{model}</code>
              </TableCell>
              <TableCell>{reason ? <RouteReason reason={reason} /> : words("place", { place: index + 1 })}</TableCell>
              <TableCell numeric>{score?.toPrecision(3) ?? "—"}</TableCell>
            </TableRow>
          ))}
        </TableBody>
      </Table>
    </Block>
  );
}
