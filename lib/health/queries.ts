import { setTimeout as sleep } from "node:timers/promises";
import { db } from "@/lib/db";
import { judgeServices, type Service, type ServicesNow } from "@/lib/health/service-state";
import { percentileMs } from "@/lib/usage/percentile";

export type StatusDay = { ok: number; failed: number };

export type ServiceStatus = Service & {
  /** Oldest first, 90 of them; null where nothing was asked. */
  days: (StatusDay | null)[];
  firstTokenP50Ms: number | null;
  firstTokenP95Ms: number | null;
};

export type StatusIncident = {
  id: string;
  name: string;
  state: "degraded" | "down";
  startedAt: string;
  endedAt: string | null;
};

/** How the hub's providers and models do, for everybody. */
export type Status = { at: string; services: ServiceStatus[]; incidents: StatusIncident[] };

export const STATUS_DAYS = 90;
/** Strangers may ask as often as they like; the database is asked so often at most. */
const FRESH_MS = 5_000;
/** A page that says that the database is away must not wait for it. */
const WAIT_MS = { first: 5_000, later: 2_000 };

let last: Status | null = null;
let reading: Promise<Status | null> | null = null;

/** The status, five seconds old at most; where the database does not answer, as it was last seen by this process. Null where
 *  it was never seen. Not tenant data: it names what the public model list names. */
export async function findStatus(now = Date.now()): Promise<Status | null> {
  if (last && now - Date.parse(last.at) < FRESH_MS) return last;
  reading ??= readStatus(now)
    .then(
      (status) => (last = status),
      () => last,
    )
    .finally(() => {
      reading = null;
    });
  return Promise.race([reading, sleep(last ? WAIT_MS.later : WAIT_MS.first, last, { ref: false })]);
}

type History = {
  bounds: number[];
  days: { subject: string; id: string; age: number; ok: number; failed: number }[] | null;
  firstTokens: { subject: string; id: string; histogram: number[] }[] | null;
  incidents:
    | {
        id: string;
        subject: string;
        subjectId: string;
        state: "degraded" | "down";
        startedAt: string;
        endedAt: string | null;
      }[]
    | null;
};

async function readStatus(now: number): Promise<Status> {
  const [[present], [past]] = await Promise.all([
    db().$queryRaw<[{ now: ServicesNow }]>`SELECT services_now() AS now`,
    readHistory(),
  ]);
  const { bounds, days, firstTokens, incidents } = past.history;
  const services = judgeServices(present.now);
  const keyOf = ({ subject, id }: { subject: string; id: string }) => `${subject} ${id}`;
  const daysOf = Map.groupBy(days ?? [], keyOf);
  const tokensOf = new Map((firstTokens ?? []).map((row) => [keyOf(row), row.histogram.map(BigInt)]));
  const names = new Map(services.map((service) => [keyOf(service), service.name]));
  return {
    at: new Date(now).toISOString(),
    services: services.map((service) => {
      const own = new Map(daysOf.get(keyOf(service))?.map(({ age, ok, failed }) => [age, { ok, failed }]));
      const histogram = tokensOf.get(keyOf(service)) ?? [];
      return {
        ...service,
        days: Array.from({ length: STATUS_DAYS }, (_, index) => own.get(STATUS_DAYS - 1 - index) ?? null),
        firstTokenP50Ms: percentileMs(histogram, bounds, 0.5),
        firstTokenP95Ms: percentileMs(histogram, bounds, 0.95),
      };
    }),
    // of what is not offered any more nobody needs to hear
    incidents: (incidents ?? []).flatMap(({ subject, subjectId, ...incident }) => {
      const name = names.get(`${subject} ${subjectId}`);
      return name ? [{ ...incident, name }] : [];
    }),
  };
}

/** First tokens are those of the last seven days; what lasted less than a minute is no incident. */
function readHistory(): Promise<[{ history: History }]> {
  return db().$queryRaw<[{ history: History }]>`
    WITH today AS (SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date AS day)
    SELECT json_build_object(
      'bounds', latency_bounds(),
      'days', (SELECT json_agg(json_build_object('subject', subject, 'id', subject_id, 'age', today.day - d.day, 'ok', ok, 'failed', failed))
        FROM service_day d, today WHERE d.day > today.day - ${STATUS_DAYS}::int),
      'firstTokens', (SELECT json_agg(json_build_object('subject', subject, 'id', subject_id, 'histogram', histogram)) FROM (
        SELECT subject, subject_id, sum_histogram(first_token_histogram) AS histogram FROM service_day d, today
        WHERE d.day > today.day - 7 GROUP BY 1, 2) t),
      'incidents', (SELECT json_agg(json_build_object('id', id, 'subject', subject, 'subjectId', subject_id, 'state', state,
          'startedAt', started_at, 'endedAt', ended_at) ORDER BY started_at DESC)
        FROM (SELECT * FROM incident WHERE started_at > clock_timestamp() - ${STATUS_DAYS} * interval '1 day'
          AND (ended_at IS NULL OR ended_at - started_at > interval '1 minute') ORDER BY started_at DESC LIMIT 30) i)
    ) AS history`;
}
