import { expect, it, test } from "vitest";
import { createClientAddress } from "@/lib/http/client-address";

const PEER = "10.0.0.1";

/** trusted proxies, peer, x-forwarded-for, client */
it.each<[string, string[], string | undefined, string | string[] | undefined, string | null]>([
  ["nobody is trusted: the header is noise", [], PEER, "1.2.3.4", PEER],
  ["the peer is no proxy of ours", ["10.0.0.2"], PEER, "1.2.3.4", PEER],
  ["a trusted peer names the client", [PEER], PEER, "1.2.3.4", "1.2.3.4"],
  ["by network", ["10.0.0.0/8"], PEER, "1.2.3.4", "1.2.3.4"],
  ["what the client wrote itself stands further left", [PEER], PEER, "6.6.6.6, 1.2.3.4", "1.2.3.4"],
  ["past every trusted hop", ["10.0.0.0/8"], PEER, "6.6.6.6, 1.2.3.4, 10.0.0.9,10.0.0.8", "1.2.3.4"],
  ["all hops trusted: the first of them", ["10.0.0.0/8"], PEER, "10.0.0.9, 10.0.0.8", "10.0.0.9"],
  ["no header", [PEER], PEER, undefined, PEER],
  ["an empty header", [PEER], PEER, "", PEER],
  ["nonsense", [PEER], PEER, "unknown", PEER],
  ["nonsense behind the client", [PEER], PEER, "1.2.3.4, nonsense", PEER],
  ["repeated headers", [PEER], PEER, ["6.6.6.6", "1.2.3.4"], "1.2.3.4"],
  ["IPv6", ["fd00::/8"], "fd00::1", "2001:db8::5", "2001:db8::5"],
  ["IPv4 written as IPv6", [PEER], `::ffff:${PEER}`, "::ffff:1.2.3.4", "1.2.3.4"],
  ["a trusted network of one kind says nothing of the other", ["0.0.0.0/0"], "fd00::1", "1.2.3.4", "fd00::1"],
  ["no peer", [PEER], undefined, "1.2.3.4", null],
])("%s", (_title, trusted, remoteAddress, forwarded, client) => {
  const peer = { headers: { "x-forwarded-for": forwarded }, socket: { remoteAddress } };
  expect(createClientAddress(trusted).addressOf(peer)).toBe(client);
});

test("trust is by the peer's own address", () => {
  const { isTrusted } = createClientAddress(["10.0.0.0/8", "fd00::1"]);
  const at = (remoteAddress: string | undefined) => isTrusted({ headers: {}, socket: { remoteAddress } });
  expect([at(PEER), at("::ffff:10.9.9.9"), at("fd00::1")]).toEqual([true, true, true]);
  expect([at("11.0.0.1"), at("fd00::2"), at(undefined), at("")]).toEqual([false, false, false, false]);
});
