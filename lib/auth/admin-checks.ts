import { db } from "@/lib/db";
import { requireStaffPermission, type StaffScope } from "@/lib/orgs/scope";

/** `id` names its text; `notice` works, but is not how a hub for customers should run. */
export type Check = {
  id: keyof typeof STATES;
  state: "ok" | "notice" | "failed";
  /** A version, name, folder or code, as the text wants it. */
  detail: string;
};

const STATES = {
  database: "ok",
  worker: "ok",
  workerMissing: "failed",
  smtp: "ok",
  smtpFailed: "failed",
  outbox: "notice",
  mailUnknown: "notice",
  provider: "ok",
  providerFailed: "failed",
  sandbox: "notice",
  noProvider: "notice",
} as const;

/** What a fresh hub stands on: database, worker, mail, and each provider that is connected. */
export async function listChecks(scope: StaffScope): Promise<Check[]> {
  requireStaffPermission(scope, "settings.read");
  const recent = new Date(Date.now() - 20_000);
  const [version, workers, mail, providers] = await Promise.all([
    db().$queryRaw<{ version: string }[]>`SELECT current_setting('server_version') AS version`,
    db().node.count({ where: { id: { startsWith: "worker:" }, beatAt: { gt: recent } } }),
    db().mailCheck.findFirst(),
    db().provider.findMany({ where: { enabled: true }, include: { credentials: true }, orderBy: { slug: "asc" } }),
  ]);
  const mailed = mail?.via === "smtp" ? (mail.ok ? "smtp" : "smtpFailed") : mail ? "outbox" : "mailUnknown";
  return [
    check("database", version[0]?.version.split(" ")[0]),
    check(workers > 0 ? "worker" : "workerMissing"),
    check(mailed, mail?.detail),
    ...providers.map((provider) => check(providerCheck(provider), provider.displayName)),
    ...(providers.length === 0 ? [check("noProvider")] : []),
  ];
}

function check(id: Check["id"], detail = ""): Check {
  return { id, state: STATES[id], detail };
}

type Provider = {
  kind: string;
  credentials: { status: string; statusReason: string | null; lastTestedAt: Date | null }[];
};

function providerCheck({ kind, credentials }: Provider): Check["id"] {
  if (kind === "sandbox") return "sandbox";
  const works = credentials.some(
    ({ status, statusReason, lastTestedAt }) => status === "active" && !statusReason && lastTestedAt,
  );
  return works ? "provider" : "providerFailed";
}
