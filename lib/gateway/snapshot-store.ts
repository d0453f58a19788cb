import type pg from "pg";
import { loadSnapshot, readConfigVersion, type Snapshot } from "@/lib/gateway/snapshot";
import type { Sql } from "@/lib/pg";

/** Together with the 2 s after which an unanswered poll fails: the longest a change can go unnoticed where NOTIFY is lost. */
const POLL_MS = 3_000;

export type SnapshotStore = {
  current(): Snapshot;
  /** Resolves once the configuration of this moment, or a later one, is current; costs one small query where nothing changed.
   *  Never rejects: where the database does not answer, the snapshot stays as it is. */
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
  /** A node found out something about a route. */
  onHealthChange: () => void;
  /** The notification channel was lost or came back. */
  onListening: (listening: boolean) => void;
  onError: (error: unknown) => void;
}): Promise<SnapshotStore> {
  let snapshot = await loadSnapshot(deps.sql);
  /** The version alone does not tell: an announced price is in force now, or a reading failed. */
  let isStale = false;
  let reading: Promise<void> | null = null;
  let queued: Promise<void> | null = null;
  let stopped = false;
  let listener: pg.Client | null = null;
  let connecting = false;
  let priceTimer: NodeJS.Timeout | null = null;

  const readIfChanged = async (): Promise<void> => {
    try {
      if (!isStale && (await readConfigVersion(deps.sql)) === snapshot.version) return;
      isStale = false;
      snapshot = await loadSnapshot(deps.sql);
      scheduleNextPrice();
    } catch (error) {
      isStale = true;
      deps.onError(error);
    }
  };
  // a reading under way may have looked before the change that is asked about: the promise is that of one begun afterwards
  const refresh = (): Promise<void> => {
    if (!reading) {
      reading = stopped ? Promise.resolve() : readIfChanged();
      void reading.then(() => {
        reading = null;
      });
      return reading;
    }
    queued ??= reading.then(() => {
      queued = null;
      return refresh();
    });
    return queued;
  };

  const scheduleNextPrice = () => {
    if (priceTimer) clearTimeout(priceTimer);
    if (snapshot.nextPriceInMs === null || stopped) return;
    const enterPrice = () => {
      isStale = true;
      void refresh();
    };
    priceTimer = setTimeout(enterPrice, Math.min(snapshot.nextPriceInMs + 1, 2 ** 31 - 1)).unref();
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
        if (channel === "hub_config") void refresh();
        else if (channel === "hub_health") deps.onHealthChange();
        else deps.onKeyChange(payload ?? "");
      });
      await opened.query("listen hub_config; listen hub_key; listen hub_health");
      listener = opened;
      deps.onListening(true);
      // what changed while nobody listened
      await refresh();
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
      const version = await readConfigVersion(client ?? deps.sql);
      if (isStale || version !== snapshot.version) await refresh();
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
    refresh,
    async stop() {
      stopped = true;
      clearInterval(timer);
      if (priceTimer) clearTimeout(priceTimer);
      await listener?.end().catch(() => {});
    },
  };
}
