/** up: it answers · degraded: some of it fails · down: nobody is served · unknown: nobody asked lately. */
export type ServiceState = "up" | "degraded" | "down" | "unknown";

export type ServiceSubject = "provider" | "model";

/** A provider or a model, as it is now. */
export type Service = { subject: ServiceSubject; id: string; name: string; state: ServiceState };

/** What services_now() of prisma/sql/health.sql says. */
export type ServicesNow = {
  services: { subject: ServiceSubject; id: string; name: string }[] | null;
  routes: { provider: string; model: string; offer: string; usable: boolean; open: boolean }[] | null;
  /** Of five minutes and of an hour. */
  recent:
    | ({ offer: string } & Record<"ok" | "failed" | "served" | "unserved" | "hourOk" | "hourServed", number>)[]
    | null;
  /** The last check of each provider, where it was made within half an hour. */
  checks: { provider: string; ok: boolean }[] | null;
};

/** Fewer say nothing about a share. */
const MIN_CALLS = 5;
const DEGRADED_SHARE = 0.05;
const DOWN_SHARE = 0.95;

/** How each provider and model does now: a provider by its attempts, a model by its calls, which failover may have saved. */
export function judgeServices({ services, routes, recent, checks }: ServicesNow): Service[] {
  return (services ?? []).map((service) => {
    const own = (routes ?? []).filter((route) => route[service.subject] === service.id);
    const offers = new Set(own.map(({ offer }) => offer));
    const counts = (recent ?? []).filter(({ offer }) => offers.has(offer));
    const sum = (name: keyof (typeof counts)[number]) => counts.reduce((total, row) => total + Number(row[name]), 0);
    const isProvider = service.subject === "provider";
    const check = isProvider ? checks?.find(({ provider }) => provider === service.id) : undefined;
    const state = stateOf({
      routes: own.filter(({ usable }) => usable),
      ok: sum(isProvider ? "ok" : "served"),
      failed: sum(isProvider ? "failed" : "unserved"),
      hourOk: sum(isProvider ? "hourOk" : "hourServed"),
      check: check?.ok ?? null,
    });
    return { ...service, state };
  });
}

type Facts = {
  /** The usable ones. */
  routes: readonly { open: boolean }[];
  ok: number;
  failed: number;
  hourOk: number;
  check: boolean | null;
};

function stateOf({ routes, ok, failed, hourOk, check }: Facts): ServiceState {
  const open = routes.filter((route) => route.open).length;
  if (open === routes.length) return "down";
  const isTelling = ok + failed >= MIN_CALLS;
  const share = failed / Math.max(1, ok + failed);
  if (isTelling && share >= DOWN_SHARE) return "down";
  if (open > 0 || check === false || (isTelling && share >= DEGRADED_SHARE)) return "degraded";
  return hourOk > 0 || check === true ? "up" : "unknown";
}
