import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { chromium } from "@playwright/test";

export type Browser = { executablePath: string; env?: Record<string, string> };

export const BROWSER_FLAGS = [
  ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
  ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
];

const ROOT = join(import.meta.dirname, "../..");

/** A Chromium that starts: installed, else from the distribution, else Playwright's own, else the one npm carries.
 *  Throws when there is none: end-to-end tests are never skipped silently. */
export async function findBrowser(): Promise<Browser> {
  const browser = installed() ?? fromDistribution() ?? fromPlaywright() ?? (await fromPackage());
  if (browser) return browser;
  throw new Error(
    "No browser for the end-to-end tests: install Chromium (Debian: apt-get install chromium) or set CHROMIUM_PATH.",
  );
}

function installed(): Browser | undefined {
  const { CHROMIUM_PATH, PATH = "" } = process.env;
  const names = ["google-chrome", "google-chrome-stable", "chromium", "chromium-browser"];
  const onPath = names.flatMap((name) => PATH.split(delimiter).map((directory) => join(directory, name)));
  const place = [CHROMIUM_PATH ?? "", "/usr/bin/chromium", ...onPath].find(
    (path) => path && works({ executablePath: path }),
  );
  return place ? { executablePath: place } : undefined;
}

function fromDistribution(): Browser | undefined {
  if (process.getuid?.() !== 0 || !/^ID(_LIKE)?=.*(debian|ubuntu)/m.test(osRelease())) return undefined;
  console.log("Installing Chromium with apt-get for the end-to-end tests.");
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const install = () =>
    spawnSync("apt-get", ["install", "-y", "--no-install-recommends", "chromium", "fonts-noto-cjk"], {
      env,
      stdio: "ignore",
      timeout: 300_000,
    });
  if (install().status !== 0) {
    spawnSync("apt-get", ["update"], { env, stdio: "ignore", timeout: 120_000 });
    install();
  }
  return installed();
}

function fromPlaywright(): Browser | undefined {
  const own = { executablePath: chromium.executablePath() };
  if (works(own)) return own;
  const cli = join(ROOT, "node_modules/@playwright/test/cli.js");
  spawnSync(process.execPath, [cli, "install", "chromium"], { stdio: "ignore", timeout: 60_000 });
  return works(own) ? own : undefined;
}

/** Carries its own NSS, NSPR, expat and fonts, so that it needs only glibc. No CJK font. */
async function fromPackage(): Promise<Browser | undefined> {
  if (process.platform !== "linux" || process.arch !== "x64") return undefined;
  const place = join(ROOT, "node_modules/.cache/hub-chromium");
  if (!existsSync(place)) await unpack(place);
  const browser = {
    executablePath: join(place, "chromium"),
    env: { LD_LIBRARY_PATH: join(place, "al2023/lib"), FONTCONFIG_PATH: join(place, "conf") },
  };
  return works(browser) ? browser : undefined;
}

async function unpack(place: string): Promise<void> {
  const { inflate } = await import("@sparticuz/chromium");
  const partial = `${place}.${process.pid}`;
  mkdirSync(join(partial, "conf"), { recursive: true });
  const { TMPDIR } = process.env;
  // `inflate` unpacks into the temporary directory of the moment it is called, a path shared by everybody otherwise.
  process.env.TMPDIR = partial;
  const names = ["chromium.br", "al2023.tar.br", "fonts.tar.br"];
  const parts = names.map((name) => inflate(join(ROOT, "node_modules/@sparticuz/chromium/bin", name)));
  if (TMPDIR === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = TMPDIR;
  await Promise.all(parts);
  const fonts = `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig><dir>${join(place, "fonts")}</dir><cachedir>${join(place, "fonts-cache")}</cachedir></fontconfig>`;
  writeFileSync(join(partial, "conf/fonts.conf"), fonts);
  try {
    renameSync(partial, place);
  } catch {
    rmSync(partial, { recursive: true }); // another process was faster
  }
}

function works({ executablePath, env }: Browser): boolean {
  if (!existsSync(executablePath)) return false;
  const { status } = spawnSync(executablePath, ["--version", "--no-sandbox"], {
    env: { ...process.env, ...env },
    stdio: "ignore",
    timeout: 20_000,
  });
  return status === 0;
}

function osRelease(): string {
  return existsSync("/etc/os-release") ? readFileSync("/etc/os-release", "utf8") : "";
}
