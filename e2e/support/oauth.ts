import { createSign, generateKeyPairSync, randomUUID } from "node:crypto";
import http, { type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

// GitHub and Google as far as signing in needs them: a consent page with one button per person, codes that work once, and
// what each says about a person afterwards. The hub is pointed here by AUTH_SIMULATOR_URL.

export type OAuthPerson = {
  id: number;
  name: string;
  email: string;
  /** Google says so; GitHub never does. */
  isVerified?: boolean;
};

export type OAuthSimulator = { url: string; people: OAuthPerson[]; stop(): Promise<void> };

type Grant = { person: OAuthPerson; challenge: string | null; nonce: string | null; client: string; redirect: string };

const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });

export async function startOAuthSimulator(): Promise<OAuthSimulator> {
  const people: OAuthPerson[] = [];
  const codes = new Map<string, Grant>();
  const tokens = new Map<string, OAuthPerson>();
  const server = http.createServer((request, response) => {
    void answer(request, response).catch((error) => {
      response.writeHead(500).end(String(error));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? "/", url);
    const body = new URLSearchParams(await text(request));
    const json = (value: unknown, status = 200) =>
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
    const bearer = tokens.get(/^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1] ?? "");
    switch (pathname) {
      case "/google/.well-known/openid-configuration":
        return void json(discovery(`${url}/google`));
      case "/google/jwks":
        return void json({ keys: [{ ...publicKey.export({ format: "jwk" }), kid: "1", alg: "RS256", use: "sig" }] });
      case "/github/login/oauth/authorize":
      case "/google/authorize":
        return void response.writeHead(200, { "content-type": "text/html" }).end(consentPage(people, searchParams));
      case "/decide":
        return void response.writeHead(303, { location: decide(body) }).end();
      case "/github/login/oauth/access_token":
      case "/google/token":
        return void token(request, body, json, pathname.startsWith("/google"));
      case "/github/api/v3/user":
        // no public address, as most people have it
        return void (bearer
          ? json({ id: bearer.id, login: "x", name: bearer.name, email: null, created_at: "2020-01-01T00:00:00Z" })
          : json({}, 401));
      case "/github/api/v3/user/emails":
        return void (bearer ? json([{ email: bearer.email, primary: true, verified: true }]) : json({}, 401));
      case "/google/userinfo":
        return void (bearer ? json(claimsOf(bearer)) : json({}, 401));
    }
    json({ error: "not found" }, 404);
  }

  function decide(form: URLSearchParams): string {
    const to = new URL(form.get("redirect_uri") ?? "");
    const state = form.get("state");
    if (state) to.searchParams.set("state", state);
    const person = people.find(({ id }) => String(id) === form.get("person"));
    if (!person) to.searchParams.set("error", "access_denied");
    else {
      const code = randomUUID();
      const { challenge, nonce, client_id: client = "" } = Object.fromEntries(form);
      codes.set(code, {
        person,
        challenge: challenge || null,
        nonce: nonce || null,
        client,
        redirect: `${form.get("redirect_uri")}`,
      });
      to.searchParams.set("code", code);
    }
    return String(to);
  }

  async function token(
    request: IncomingMessage,
    body: URLSearchParams,
    json: (value: unknown, status?: number) => void,
    isGoogle: boolean,
  ): Promise<void> {
    const code = body.get("code") ?? "";
    const grant = codes.get(code);
    codes.delete(code);
    const verifier = body.get("code_verifier") ?? "";
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
    const isProved = !grant?.challenge || Buffer.from(digest).toString("base64url") === grant.challenge;
    const client = Buffer.from(`${request.headers.authorization}`.replace("Basic ", ""), "base64").toString();
    if (!grant || !isProved || client !== `${grant.client}:simulated` || body.get("redirect_uri") !== grant.redirect) {
      return json({ error: "invalid_grant" }, 400);
    }
    const access = randomUUID();
    tokens.set(access, grant.person);
    const answer = { access_token: access, token_type: "bearer", scope: "" };
    json(isGoogle ? { ...answer, id_token: idToken(`${url}/google`, grant) } : answer);
  }

  return {
    url,
    people,
    stop: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function consentPage(people: readonly OAuthPerson[], asked: URLSearchParams): string {
  const kept = ["redirect_uri", "state", "nonce", "client_id"].map((name) => hidden(name, asked.get(name)));
  const fields = [...kept, hidden("challenge", asked.get("code_challenge"))].join("");
  const buttons = people.map(({ id, name }) => `<button name="person" value="${id}">Continue as ${name}</button>`);
  return `<!doctype html><title>Consent</title><form method="post" action="/decide">${fields}${buttons.join("")}<button>Cancel</button></form>`;
}

function hidden(name: string, value: string | null): string {
  return `<input type="hidden" name="${name}" value="${(value ?? "").replaceAll('"', "&quot;")}">`;
}

function discovery(issuer: string) {
  return {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    userinfo_endpoint: `${issuer}/userinfo`,
    jwks_uri: `${issuer}/jwks`,
    response_types_supported: ["code"],
    subject_types_supported: ["public"],
    id_token_signing_alg_values_supported: ["RS256"],
    code_challenge_methods_supported: ["S256"],
  };
}

function claimsOf({ id, name, email, isVerified = true }: OAuthPerson) {
  return { sub: String(id), name, email, email_verified: isVerified };
}

function idToken(issuer: string, { person, nonce, client }: Grant): string {
  const now = Math.floor(Date.now() / 1000);
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const claims = { iss: issuer, aud: client, iat: now, exp: now + 300, ...claimsOf(person), ...(nonce && { nonce }) };
  const signed = `${part({ alg: "RS256", kid: "1", typ: "JWT" })}.${part(claims)}`;
  return `${signed}.${createSign("RSA-SHA256").update(signed).sign(privateKey).toString("base64url")}`;
}

async function text(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString("utf8");
}
