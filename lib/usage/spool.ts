import fs from "node:fs";
import path from "node:path";

/** An append-only file of settlements that are not committed yet. A line is written before the last byte of its answer
 *  leaves, so that a crash between the two loses no charge: the next start of the same node settles what it finds. */
export type Spool = {
  /** Writes one line (one JSON object, no newline inside). Returns the function to call once it is committed. */
  append(line: string): () => void;
  /** Keeps a line that the database refused, in a file of its own: the next start of the same node tries it again. */
  quarantine(line: string): void;
  /** Lines that previous lives of this node left behind, oldest first, and the function that removes their files. */
  leftovers(): { lines: string[]; discard(): void };
  close(): void;
};

const ROTATE_BYTES = 16 * 1024 * 1024;
/** A file whose every line is committed is emptied once it is worth the call. */
const EMPTY_BYTES = 256 * 1024;
const SYNC_AFTER_MS = 20;

type Generation = { file: string; descriptor: number; bytes: number; pending: number };

/** Opens the spool of one node below `directory`. Several processes may share the directory, never a node name.
 *  `onError` hears of a full or broken disk; calls go on, covered by their checkpoints alone. */
export function openSpool(options: {
  directory: string;
  node: string;
  epoch: string;
  onError: (error: unknown) => void;
}): Spool {
  const name = options.node.replace(/[^a-zA-Z0-9.-]/g, "_");
  fs.mkdirSync(options.directory, { recursive: true, mode: 0o700 });
  const left = fs
    .readdirSync(options.directory)
    .filter((file) => file.startsWith(`${name}@`) && file.endsWith(".jsonl"))
    .sort(byAge)
    .map((file) => path.join(options.directory, file));

  let rotations = 0;
  let current = open();
  let syncTimer: NodeJS.Timeout | null = null;

  function open(): Generation {
    const file = path.join(options.directory, `${name}@${options.epoch}.${rotations++}.jsonl`);
    return { file, descriptor: fs.openSync(file, "a", 0o600), bytes: 0, pending: 0 };
  }

  /** Puts what is not committed by then on the disk. The death of the process loses nothing that was written; only that of
   *  the machine does, and at most this long. A sync at every call would take more time than the calls. */
  function sync(): void {
    if (syncTimer) return;
    syncTimer = setTimeout(() => {
      if (current.pending === 0) {
        syncTimer = null;
        return;
      }
      fs.fdatasync(current.descriptor, (error) => {
        syncTimer = null;
        // a rotated file is closed before its last sync may have run
        if (error && error.code !== "EBADF") options.onError(error);
        if (current.pending > 0) sync();
      });
    }, SYNC_AFTER_MS).unref();
  }

  function committed(generation: Generation): void {
    generation.pending--;
    if (generation.pending > 0) return;
    try {
      if (generation !== current) remove(generation);
      else if (generation.bytes > EMPTY_BYTES) {
        fs.ftruncateSync(generation.descriptor, 0);
        generation.bytes = 0;
      }
    } catch (error) {
      options.onError(error);
    }
  }

  return {
    append(line) {
      // a later life may have taken this one for dead and cleared its file away
      if (current.bytes > ROTATE_BYTES || isRemoved(current)) current = open();
      const generation = current;
      generation.pending++;
      try {
        generation.bytes += writeWhole(generation.descriptor, `${line}\n`);
        sync();
      } catch (error) {
        options.onError(error);
      }
      return () => committed(generation);
    },
    quarantine(line) {
      try {
        fs.appendFileSync(path.join(options.directory, `${name}@${options.epoch}.refused.jsonl`), `${line}\n`, {
          mode: 0o600,
        });
      } catch (error) {
        options.onError(error);
      }
    },
    leftovers() {
      const read = left.map((file) => ({ file, content: fs.readFileSync(file) }));
      return {
        lines: read.flatMap(({ content }) => wholeLines(content.toString("utf8"))),
        discard: () => {
          // what grew meanwhile belongs to a life that goes on: the next start reads it
          for (const { file, content } of read)
            if (fs.statSync(file, { throwIfNoEntry: false })?.size === content.length) fs.rmSync(file, { force: true });
        },
      };
    },
    close() {
      if (current.pending === 0) remove(current);
      else fs.closeSync(current.descriptor);
    },
  };
}

function remove(generation: Generation): void {
  fs.closeSync(generation.descriptor);
  fs.rmSync(generation.file, { force: true });
}

/** All of it or nothing: a full disk takes the beginning of a line, which would spoil the next one. Returns the bytes. */
function writeWhole(descriptor: number, text: string): number {
  const bytes = Buffer.from(text);
  let written = 0;
  try {
    while (written < bytes.length) written += fs.writeSync(descriptor, bytes, written);
  } catch (error) {
    if (written > 0) fs.ftruncateSync(descriptor, fs.fstatSync(descriptor).size - written);
    throw error;
  }
  return written;
}

function isRemoved({ descriptor }: Generation): boolean {
  try {
    return fs.fstatSync(descriptor).nlink === 0;
  } catch {
    return false; // writing to it fails too, and says why
  }
}

/** A line without its newline was being written when the process died: its answer never ended. */
function wholeLines(text: string): string[] {
  return text
    .slice(0, text.lastIndexOf("\n") + 1)
    .split("\n")
    .filter(Boolean);
}

function byAge(a: string, b: string): number {
  return a.localeCompare(b, "en", { numeric: true });
}
