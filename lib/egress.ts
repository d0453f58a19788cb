import { lookup as dnsLookup, type LookupAddress } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import {
  Agent,
  buildConnector,
  type Dispatcher,
  type RequestInit as UndiciRequestInit,
  fetch as undiciFetch,
} from "undici";
import { classifyAddress } from "@/lib/egress-addresses";

/** The only way out to an address that somebody configured. Redirects are never followed.
 *  `operator`: provider base URLs, OIDC, Stripe base; private addresses are normal (Ollama on localhost), plain http only there.
 *  `tenant`: images, webhooks, whatever a tenant can influence; public https on port 443, no literal addresses. */
export type EgressPolicy = "operator" | "tenant";

/** An address the policy refuses; the message is safe to show and names the mend. */
export class EgressError extends Error {
  override readonly name = "EgressError";
  readonly code = "EGRESS_REFUSED";
}

export type Resolver = (hostname: string) => Promise<{ address: string }[]>;

const CONNECT_TIMEOUT_MS = 3_000;
const agents = new Map<string, Agent>();

/** The shared keep-alive agent of a policy, for `undici.request` and as a dispatcher. How long it waits for a connection is a
 *  matter of the agent: each time in use has one. */
export function egressAgent(policy: EgressPolicy, connectMs = CONNECT_TIMEOUT_MS): Agent {
  const name = `${policy} ${connectMs}`;
  let agent = agents.get(name);
  if (!agent) {
    agent = new Agent({ connect: egressConnector(policy, { timeoutMs: connectMs }), allowH2: false });
    agents.set(name, agent);
  }
  return agent;
}

/** Until the response headers arrive, and between two chunks of the body; 3 s for a connection unless said otherwise. */
export type EgressTimeouts = { firstByteMs: number; idleMs: number; connectMs?: number };

/** `fetch` for AI SDK modules: judged before and at connect time, a 3xx comes back as it is. Without `timeouts` undici's own
 *  five minutes hold. */
export function egressFetch(policy: EgressPolicy, timeouts?: EgressTimeouts): typeof globalThis.fetch {
  const agent = egressAgent(policy, timeouts?.connectMs);
  const dispatcher = timeouts ? agent.compose(withTimeouts(timeouts)) : agent;
  const egress = async (input: string | URL, init?: UndiciRequestInit) => {
    assertEgressUrl(policy, input);
    return undiciFetch(input, { ...init, redirect: "manual", dispatcher });
  };
  // safe because undici's Response and RequestInit are the ones Node's own fetch is made of
  return egress as unknown as typeof globalThis.fetch;
}

/** `fetch` itself takes no timeouts, but the dispatcher below it does. */
function withTimeouts({ firstByteMs, idleMs }: EgressTimeouts): Dispatcher.DispatcherComposeInterceptor {
  return (dispatch) => (options, handler) =>
    dispatch({ ...options, headersTimeout: firstByteMs, bodyTimeout: idleMs }, handler);
}

/** A connector for an own `Pool` or `Client`: judges the address actually dialled, after name resolution. */
export function egressConnector(policy: EgressPolicy, options: { timeoutMs?: number } = {}): buildConnector.connector {
  const build = (protocol: string) =>
    buildConnector({
      timeout: options.timeoutMs ?? CONNECT_TIMEOUT_MS,
      allowH2: false,
      autoSelectFamily: true,
      lookup: guardedLookup(policy, protocol),
    } as buildConnector.BuildOptions);
  const connectors = new Map(["http:", "https:"].map((protocol) => [protocol, build(protocol)]));
  return (target, callback) => {
    try {
      const port = target.port ? `:${target.port}` : "";
      assertEgressUrl(policy, `${target.protocol}//${bracketed(target.hostname)}${port}`);
    } catch (error) {
      callback(error as Error, null);
      return;
    }
    // safe because assertEgressUrl has refused every other scheme
    (connectors.get(target.protocol) as buildConnector.connector)(target, callback);
  };
}

/** Judges scheme, user info, port and literal addresses; names are judged when dialled. Throws EgressError. */
export function assertEgressUrl(policy: EgressPolicy, value: string | URL): URL {
  const url = URL.canParse(String(value)) ? new URL(String(value)) : null;
  if (!url) throw new EgressError(`"${String(value).slice(0, 200)}" is not a URL.`);
  if (url.protocol !== "https:" && url.protocol !== "http:")
    throw new EgressError("The address must begin with https:// or http://.");
  if (url.username || url.password) throw new EgressError("The address must not hold a user name or password.");
  if (policy === "tenant" && (url.protocol !== "https:" || url.port !== "")) {
    throw new EgressError("The address must be https on port 443.");
  }
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (isIP(host) === 0) return url;
  if (policy === "tenant") throw new EgressError("The address must be a host name, not an IP address.");
  const refusal = addressRefusal(policy, url.protocol, host);
  if (refusal) throw new EgressError(refusal);
  return url;
}

/** For the moment an address is saved: the URL itself and, where its name resolves now, every address behind it.
 *  A name that does not resolve yet is accepted: it is judged again at connect time. Throws EgressError. */
export async function judgeEgressUrl(
  policy: EgressPolicy,
  value: string,
  resolve: Resolver = resolveAll,
): Promise<URL> {
  const url = assertEgressUrl(policy, value);
  if (isIP(url.hostname.replace(/^\[|\]$/g, "")) !== 0) return url;
  const addresses = await resolve(url.hostname).catch(() => []);
  for (const { address } of addresses) {
    const refusal = addressRefusal(policy, url.protocol, address);
    if (refusal) throw new EgressError(refusal);
  }
  return url;
}

/** null: may be dialled. Otherwise the sentence to show. */
export function addressRefusal(policy: EgressPolicy, protocol: string, address: string): string | null {
  const { kind, transitional } = classifyAddress(address);
  if (kind === "forbidden")
    return "This address is reserved (link-local, cloud metadata, multicast or unspecified) and is never called.";
  if (policy === "tenant" && (kind === "private" || transitional)) return "This address is not a public one.";
  if (protocol === "http:" && kind === "public") return "Plain http is allowed to private addresses only; use https.";
  return null;
}

/** Refuses the connection when any of the name's addresses is refused, so no retry can reach the bad one. */
function guardedLookup(policy: EgressPolicy, protocol: string): LookupFunction {
  return (hostname, options, callback) => {
    dnsLookup(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
      if (error) return callback(error, "", 0);
      for (const { address } of addresses) {
        const refusal = addressRefusal(policy, protocol, address);
        if (refusal) return callback(new EgressError(refusal), "", 0);
      }
      const [first] = addresses;
      if (!first) return callback(new EgressError("The name has no address."), "", 0);
      if (options.all) return callback(null, addresses);
      callback(null, first.address, first.family);
    });
  };
}

function resolveAll(hostname: string): Promise<{ address: string }[]> {
  return new Promise((resolve, reject) => {
    dnsLookup(hostname, { all: true }, (error, addresses) => (error ? reject(error) : resolve(addresses)));
  });
}

function bracketed(hostname: string): string {
  return isIP(hostname) === 6 ? `[${hostname}]` : hostname;
}
