import { statfs } from "node:fs/promises";

export type DiskSpace = { freeBytes: number; totalBytes: number };

/** The room where a process writes. Each call tells the last reading and begins the next, so that nobody waits for a disk;
 *  null until there is one, and where the directory cannot be read. */
export function createDiskWatch(directory: string | null): () => DiskSpace | null {
  let last: DiskSpace | null = null;
  const read = async (path: string) => {
    const { bavail, blocks, bsize } = await statfs(path);
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
  };
  const look = () => {
    if (directory === null) return;
    read(directory).then(
      (space) => {
        last = space;
      },
      () => {
        last = null;
      },
    );
  };
  look();
  return () => {
    look();
    return last;
  };
}
