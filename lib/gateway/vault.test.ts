import { afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import {
  fakeClock,
  makeCandidate,
  makeCredentialValue,
  makeOfferValue,
  makeProviderValue,
} from "@/e2e/support/gateway-values";
import { createVault } from "@/lib/gateway/vault";
import { generateSecretsKeyPair, sealSecret } from "@/lib/secrets";

const ORIGIN = "https://api.example.com";
let keys: { secretKey: string; publicKey: string };
let clock: ReturnType<typeof fakeClock>;
let errors: unknown[];
let stops: (() => void)[];

beforeAll(async () => {
  keys = await generateSecretsKeyPair();
});
beforeEach(() => {
  clock = fakeClock();
  errors = [];
  stops = [];
});
afterEach(() => {
  for (const stop of stops) stop();
  vi.useRealTimers();
});

function open(secretsKey: string | undefined = keys.secretKey) {
  const vault = createVault({ secretsKey, clock, onError: (error) => errors.push(error) });
  stops.push(vault.stop);
  return vault;
}

async function candidateWith(id = "cred_1", sealedFor = id) {
  const binding = { table: "credential", row: sealedFor, org: "platform", column: "sealed", origin: ORIGIN };
  const sealed = await sealSecret(keys.publicKey, JSON.stringify({ apiKey: "sk-secret" }), binding);
  const credentials = [makeCredentialValue({ id, sealed, sealedOrigin: ORIGIN })];
  return makeCandidate(makeOfferValue({ provider: makeProviderValue({ credentials }) }));
}

test("opens a credential, once for all who ask at the same time", async () => {
  const vault = open();
  const candidate = await candidateWith();
  const [one, other] = await Promise.all([vault.secretFor(candidate), vault.secretFor(candidate)]);
  expect(one).toEqual({ apiKey: "sk-secret" });
  expect(other).toBe(one);
});

test("a provider that needs no secret gets an empty one, even without a key", async () => {
  const candidate = { ...(await candidateWith()), credential: null };
  expect(await open("").secretFor(candidate)).toEqual({});
});

test("a record moved to another row does not open, and is tried again next time", async () => {
  const vault = open();
  const stolen = await candidateWith("cred_2", "cred_1");
  expect(await vault.secretFor(stolen)).toBeNull();
  expect(await vault.secretFor(stolen)).toBeNull();
  expect(errors).toHaveLength(2);
});

test("without a key the process says that it cannot call providers", async () => {
  await expect(open("").secretFor(await candidateWith())).rejects.toMatchObject({
    code: "unavailable",
    details: { retry: false },
  });
});

test("a secret is dropped a minute after its last use", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  const vault = open();
  const candidate = await candidateWith();
  const first = await vault.secretFor(candidate);
  const wait = (milliseconds: number) => {
    clock.advance(milliseconds);
    vi.advanceTimersByTime(milliseconds);
  };
  wait(45_000);
  expect(await vault.secretFor(candidate)).toBe(first);
  wait(60_000);
  expect(await vault.secretFor(candidate)).toBe(first);
  wait(75_000);
  expect(await vault.secretFor(candidate)).not.toBe(first);
});
