import { spawnSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";

/** An id that no account has: what a hole in the web framework can reach is then neither a key file nor another process. */
const WEB_ID = 61_901;

/** As root: the user web runs as, once it is proved that it can read its program. Else nothing, saying why. */
export function webUser(
  paths: readonly string[],
  say: (sentence: string) => void,
): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const id = unusedId();
  const user = { uid: id, gid: id };
  const probe = "for (const path of process.argv.slice(1)) require('node:fs').accessSync(path, 4)";
  const result = spawnSync(process.execPath, ["-e", probe, ...paths], {
    ...user,
    cwd: "/",
    env: { NODE_ENV: "production" },
    stdio: "ignore",
  });
  if (result.status === 0) return user;
  say(
    `Web runs as root, with access to the key files: user ${id} cannot read ${paths[0]}. Move the project to a directory that others can enter to separate them.`,
  );
  return undefined;
}

/** A key file that everybody may read undoes the separation. Returns a sentence with the mend, or nothing. */
export function exposedKeyFile(files: readonly (string | undefined)[]): string | undefined {
  for (const file of files) {
    const stat = file ? statSync(file, { throwIfNoEntry: false }) : undefined;
    if (!file || !stat || (stat.mode & 0o004) === 0) continue;
    if (file.endsWith(".env") && !/^[ \t]*HUB_SECRETS_KEY[ \t]*=[ \t]*\S/m.test(readFileSync(file, "utf8"))) continue;
    return `${file} holds HUB_SECRETS_KEY and everybody on this machine may read it: \`chmod 600 ${file}\`.`;
  }
  return undefined;
}

function unusedId(): number {
  const taken = new Set(accountIds());
  let id = WEB_ID;
  while (taken.has(id)) id++;
  return id;
}

function accountIds(): number[] {
  try {
    return ["/etc/passwd", "/etc/group"].flatMap((file) =>
      readFileSync(file, "utf8")
        .split("\n")
        .map((line) => Number(line.split(":")[2])),
    );
  } catch {
    return [];
  }
}
