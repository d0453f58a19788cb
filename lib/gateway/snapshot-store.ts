import type pg from "pg";
import { loadSnapshot, readConfigVersion, type Snapshot } from "@/lib/gateway/snapshot";
import type { Sql } from "@/lib/pg";

/** Together with the 2 s after which an unanswered poll fails: the longest a change can go unnoticed where NOTIFY is lost. */
const POLL_MS = 3_000;

export type SnapshotStore = {
  current(): Snapshot;
  /** Re-reads: resolves once the configuration of this moment, or a later one, is current. */
  refresh(): Promise<void>;
  stop(): Promise<void>;
};

/** Keeps the configuration in memory: loaded once, replaced when NOTIFY `hub_config` says so, and reloaded when an announced
 *  price comes into force. A poll over the listening connection finds lost notifications and a connection that is gone.
 *  Throws where the first load fails. */
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
  let connecting = false;
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

  const lose = (client: pg.Client) => {
    if (listener !== client) return;
    listener = null;
    deps.onListening(false);
  };

  const listen = async () => {
    if (stopped || listener || connecting) return;
    connecting = true;
    let client: pg.Client | null = null;
    try {
      const opened = await deps.connectListener();
      client = opened;
      opened.on("error", deps.onError);
      opened.on("end", () => lose(opened));
      opened.on("notification", ({ channel, payload }) => {
        if (channel === "hub_config") void reload();
        else deps.onKeyChange(payload ?? "");
      });
      await opened.query("listen hub_config; listen hub_key");
      listener = opened;
      deps.onListening(true);
      // what changed while nobody listened
      await reload();
    } catch (error) {
      deps.onError(error);
      void client?.end().catch(() => {});
    } finally {
      connecting = false;
    }
  };

  const poll = async () => {
    await listen();
    const client = listener;
    try {
      if ((await readConfigVersion(client ?? deps.sql)) !== snapshot.version) await reload();
    } catch (error) {
      deps.onError(error);
      if (!client) return;
      // nobody says that a connection is half open: its silence does, and keys must not be trusted for long any more
      lose(client);
      void client.end().catch(() => {});
    }
  };
  const timer = setInterval(() => void poll(), POLL_MS).unref();

  await listen();
  scheduleNextPrice();
  return {
    current: () => snapshot,
    refresh: reload,
    async stop() {
      stopped = true;
      clearInterval(timer);
      if (priceTimer) clearTimeout(priceTimer);
      await listener?.end().catch(() => {});
    },
  };
}
