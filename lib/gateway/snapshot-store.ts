import type pg from "pg";
import { loadSnapshot, readConfigVersion, type Snapshot } from "@/lib/gateway/snapshot";
import type { Sql } from "@/lib/pg";

/** Used while NOTIFY is believed to work, and the longest a change can go unnoticed when it does not. */
const POLL_MS = 5_000;

export type SnapshotStore = {
  current(): Snapshot;
  /** Re-reads: resolves once the configuration of this moment, or a later one, is current. */
  refresh(): Promise<void>;
  stop(): Promise<void>;
};

/** Keeps the configuration in memory: loaded once, replaced when NOTIFY `hub_config` says so, polled every 5 s in case a
 *  notification was lost, and reloaded when an announced price comes into force. Throws where the first load fails. */
export async function createSnapshotStore(deps: {
  sql: Sql;
  /** Opens a dedicated connection for LISTEN. */
  connectListener: () => Promise<pg.Client>;
  onKeyChange: (payload: string) => void;
  /** The notification channel was lost or came back. */
  onListening: (listening: boolean) => void;
  onError: (error: unknown) => void;
}): Promise<SnapshotStore> {
  let snapshot = await loadSnapshot(deps.sql);
  let loading: Promise<void> | null = null;
  let queued: Promise<void> | null = null;
  let stopped = false;
  let listener: pg.Client | null = null;
  let priceTimer: NodeJS.Timeout | null = null;

  const load = (): Promise<void> => {
    const done = loadSnapshot(deps.sql)
      .then((next) => {
        snapshot = next;
        scheduleNextPrice();
      })
      .catch(deps.onError)
      .finally(() => {
        if (loading === done) loading = null;
      });
    loading = done;
    return done;
  };
  // a load under way may have read before the change that is asked about: the promise is that of one begun afterwards
  const reload = (): Promise<void> => {
    if (!loading || stopped) return loading ?? load();
    queued ??= loading.then(() => {
      queued = null;
      return stopped ? undefined : load();
    });
    return queued;
  };

  const scheduleNextPrice = () => {
    if (priceTimer) clearTimeout(priceTimer);
    if (snapshot.nextPriceInMs === null || stopped) return;
    priceTimer = setTimeout(() => void reload(), Math.min(snapshot.nextPriceInMs + 1, 2 ** 31 - 1)).unref();
  };

  const listen = async () => {
    if (stopped || listener) return;
    try {
      const client = await deps.connectListener();
      client.on("error", deps.onError);
      client.on("end", () => {
        listener = null;
        deps.onListening(false);
      });
      client.on("notification", ({ channel, payload }) => {
        if (channel === "hub_config") void reload();
        else deps.onKeyChange(payload ?? "");
      });
      await client.query("listen hub_config; listen hub_key");
      listener = client;
      deps.onListening(true);
      // what changed while nobody listened
      await reload();
    } catch (error) {
      deps.onError(error);
    }
  };

  const poll = setInterval(() => {
    void listen();
    readConfigVersion(deps.sql).then((version) => (version === snapshot.version ? undefined : reload()), deps.onError);
  }, POLL_MS).unref();

  await listen();
  scheduleNextPrice();
  return {
    current: () => snapshot,
    refresh: reload,
    async stop() {
      stopped = true;
      clearInterval(poll);
      if (priceTimer) clearTimeout(priceTimer);
      await listener?.end().catch(() => {});
    },
  };
}
