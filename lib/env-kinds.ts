import { BlockList, isIP } from "node:net";
import { z } from "zod";

/** The kinds of value a setting may have. Each message follows the variable's name and says what to write instead. */

export function integer(range: { min: number; max: number }) {
  const message = `must be a whole number from ${range.min} to ${range.max}`;
  return z
    .string()
    .regex(/^\d{1,9}$/, message)
    .transform(Number)
    .refine((value) => value >= range.min && value <= range.max, message);
}

export function port() {
  return integer({ min: 1, max: 65_535 });
}

export function boolean() {
  return z
    .string()
    .toLowerCase()
    .pipe(z.enum(["true", "1", "yes", "on", "false", "0", "no", "off"], "must be true or false"))
    .transform((value) => ["true", "1", "yes", "on"].includes(value));
}

export function oneOf<const Values extends readonly [string, ...string[]]>(values: Values) {
  return z.enum(values, `must be one of ${values.join(", ")}`);
}

export function url(protocols: readonly string[]) {
  const example = protocols.map((protocol) => `${protocol}//`).join(" or ");
  return z.string().refine((text) => protocols.includes(protocolOf(text)), `must be a URL that starts with ${example}`);
}

export function stripeKey() {
  return z.string().regex(/^[rs]k_(live|test)_\w{8,}$/, "must be a secret or restricted key, such as sk_test_…");
}

/** One signing secret, or two with a comma while they are exchanged. */
export function webhookSecrets() {
  return z
    .string()
    .transform((text) => text.split(",").map((secret) => secret.trim()))
    .refine(
      (secrets) => secrets.length <= 2 && secrets.every((secret) => /^whsec_[\w+/=-]{16,}$/.test(secret)),
      "must be the signing secret of the webhook endpoint, which starts with whsec_ (two, with a comma, while they are exchanged)",
    );
}

/** Scheme, host and port of the address people open; a path would break links and cookies. */
export function origin() {
  return z
    .string()
    .refine(
      (text) => ["http:", "https:"].includes(protocolOf(text)) && isBareOrigin(new URL(text)),
      "must be an address without a path, such as https://hub.example.com",
    )
    .transform((text) => new URL(text).origin);
}

/** Another process of this machine. */
export function loopbackOrigin() {
  return z
    .string()
    .refine(
      (text) => protocolOf(text) === "http:" && ["127.0.0.1", "localhost", "[::1]"].includes(new URL(text).hostname),
      "must be an address of this machine, such as http://127.0.0.1:12112",
    )
    .transform((text) => new URL(text).origin);
}

export function postgresUrl() {
  return z
    .string()
    .refine(
      (text) => ["postgres:", "postgresql:"].includes(protocolOf(text)),
      "must look like postgresql://user:password@host:5432/database",
    );
}

export function cidrs() {
  return z
    .string()
    .default("")
    .transform((text) => text.split(",").flatMap((part) => part.trim() || []))
    .refine((list) => list.every(isCidr), "must be addresses or CIDRs separated by commas, such as 10.0.0.0/8,::1");
}

/** `1.<base64url>`; during a rotation several, separated by commas. The leading number is the key's version. */
export function sealingKey() {
  const message = "must be a key made by the hub (a number, a point, base64url), such as the ones in .data/secrets";
  return z.string().regex(/^\d+\.[\w-]{40,}(,\d+\.[\w-]{40,})*$/, message);
}

export function secret() {
  return z.string().min(32, "must have at least 32 characters: make one with `openssl rand -base64 33`");
}

export function managementKey() {
  return z
    .string()
    .regex(/^aigne_mk_[0-9A-Za-z]{32,}$/, "must be aigne_mk_ followed by at least 32 letters and digits");
}

export function email() {
  return z.email("must be an e-mail address");
}

export function password() {
  return z.string().min(12, "must have at least 12 characters");
}

export function nodeName() {
  return z.string().regex(/^[\w.:-]{1,100}$/, "must be at most 100 letters, digits and . _ : -");
}

function protocolOf(text: string): string {
  return URL.canParse(text) ? new URL(text).protocol : "";
}

function isBareOrigin(url: URL): boolean {
  return url.pathname === "/" && !url.search && !url.hash && !url.username && !url.password;
}

function isCidr(text: string): boolean {
  const [address = "", bits, extra] = text.split("/");
  const family = isIP(address);
  if (family === 0 || extra !== undefined) return false;
  if (bits === undefined) return true;
  if (!/^\d{1,3}$/.test(bits)) return false;
  try {
    new BlockList().addSubnet(address, Number(bits), family === 6 ? "ipv6" : "ipv4");
    return true;
  } catch {
    return false;
  }
}
