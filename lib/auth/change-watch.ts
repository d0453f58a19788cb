import { type Viewing, viewingId } from "@/lib/auth/queries";

export type Viewer = Viewing & {
  /** The version of the page that is shown; a later one is announced once. */
  version: string;
  onChange(version: string): void;
  /** The session ended or the person left: nothing more may be told. */
  onEnd(): void;
  onBeat(): void;
};

export type ChangeWatch = {
  /** False: too many are watching; the caller asks for its page now and then instead. */
  add(viewer: Viewer): boolean;
  remove(viewer: Viewer): void;
};

type WatchDeps = {
  read: (viewings: readonly Viewing[]) => Promise<Map<string, string>>;
  onError: (error: unknown) => void;
  max: number;
};

const TICK_MS = 500;
const TICKS_PER_BEAT = 30;

/** Tells open pages that money moved in their organisation. One read a tick for all of a process, none while nobody watches. */
export function createChangeWatch({ read, onError, max }: WatchDeps): ChangeWatch {
  const viewers = new Set<Viewer>();
  let timer: NodeJS.Timeout | null = null;
  let ticks = 0;
  let isReading = false;

  const tick = async () => {
    if (isReading) return;
    isReading = true;
    ticks++;
    try {
      const asked = [...viewers];
      const versions = await read(asked);
      for (const viewer of asked) tell(viewer, versions.get(viewingId(viewer)));
    } catch (error) {
      // the database is away: pages stay as they are, and the next tick looks again
      onError(error);
    } finally {
      isReading = false;
    }
  };
  const tell = (viewer: Viewer, version: string | undefined) => {
    if (!viewers.has(viewer)) return;
    if (version === undefined) {
      viewers.delete(viewer);
      return viewer.onEnd();
    }
    if (version !== viewer.version) {
      viewer.version = version;
      viewer.onChange(version);
    } else if (ticks % TICKS_PER_BEAT === 0) viewer.onBeat();
  };

  return {
    add(viewer) {
      if (viewers.size >= max) return false;
      viewers.add(viewer);
      timer ??= setInterval(() => void tick(), TICK_MS).unref();
      return true;
    },
    remove(viewer) {
      viewers.delete(viewer);
      if (viewers.size > 0 || !timer) return;
      clearInterval(timer);
      timer = null;
    },
  };
}
