import { amidCrashPoints } from "@/lib/crash-points";
import type { Job } from "@/lib/jobs";

/** Usage partitions exist months ahead, so an hourly look is many times enough; the function says what it made. */
const ensurePartitions: Job = {
  name: "ensure_partitions",
  schedule: "7 * * * *",
  run: async (_payload, { sql, log }) => {
    const { rows } = await sql.query<{ made: string[] }>("SELECT ensure_partitions() AS made");
    const made = rows[0]?.made ?? [];
    if (made.length > 0) log.info({ count: made.length, table: made.join(" ") }, "partitions made");
  },
};

/** Credit that nobody touches expires too; calls expire their own organisation's as they go. */
const expireCredit: Job = {
  name: "expire_credit",
  schedule: "* * * * *",
  run: async (_payload, { sql }) => {
    await amidCrashPoints("expire", () => sql.query("SELECT expire_credit()"));
  },
};

/** What a restart cut off was our fault. */
const compensateShutdowns: Job = {
  name: "compensate_shutdowns",
  schedule: "* * * * *",
  run: async (_payload, { sql, log }) => {
    const { rows } = await sql.query<{ given: number }>("SELECT compensate_shutdowns() AS given");
    if (rows[0]?.given) log.info({ count: rows[0].given }, "streams that a restart cut off were given back");
  },
};

const pruneHolds: Job = {
  name: "prune_holds",
  schedule: "*/10 * * * *",
  run: async (_payload, { sql }) => {
    await sql.query("SELECT prune_holds()");
  },
};

const pruneRefusals: Job = {
  name: "prune_refusals",
  schedule: "23 * * * *",
  run: async (_payload, { sql }) => {
    await sql.query("SELECT prune_refusals()");
  },
};

const pruneHealth: Job = {
  name: "prune_health",
  schedule: "*/10 * * * *",
  run: async (_payload, { sql }) => {
    await sql.query("SELECT prune_health()");
  },
};

/** What has expired and means nothing any more. */
const pruneExpired: Job = {
  name: "prune_expired",
  schedule: "41 * * * *",
  run: async (_payload, { sql }) => {
    await sql.query("DELETE FROM auth_session WHERE expires_at < clock_timestamp()");
    await sql.query("DELETE FROM verification_token WHERE expires < clock_timestamp()");
    await sql.query("DELETE FROM admin_idempotency WHERE created_at < clock_timestamp() - interval '24 hours'");
    await sql.query("DELETE FROM idempotency WHERE expires_at < clock_timestamp()");
    await sql.query("DELETE FROM connect_session WHERE expires_at < clock_timestamp()");
    // what was applied stays as long as it may be undone with sense; prices keep their own history
    await sql.query("DELETE FROM catalog_sync WHERE created_at < clock_timestamp() - interval '90 days'");
    await sql.query("DELETE FROM key_use WHERE last_at < clock_timestamp() - interval '30 days'");
    // a call that began with one may outlive it, so it stays a while
    await sql.query(
      "DELETE FROM api_key WHERE kind = 'member_token' AND expires_at < clock_timestamp() - interval '1 hour'",
    );
  },
};

export const maintenanceJobs: readonly Job[] = [
  ensurePartitions,
  expireCredit,
  compensateShutdowns,
  pruneHolds,
  pruneRefusals,
  pruneHealth,
  pruneExpired,
];
