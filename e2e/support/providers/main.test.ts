import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

test.each(["openai", "anthropic", "google", "bedrock", "deepseek"])(
  "the %s simulator runs as a process of its own",
  async (wire) => {
    const child = spawn(process.execPath, [fileURLToPath(new URL("main.ts", import.meta.url)), "--wire", wire], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [line] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
    const { url } = JSON.parse(line) as { url: string };
    expect(await (await fetch(`${url}/__truth?summary`)).json()).toMatchObject({ total: 0, active: 0 });
    child.kill("SIGTERM");
    expect(await once(child, "exit")).toEqual([0, null]);
  },
);
