import { BlockList, isIP } from "node:net";

/** What an address may be dialled for. `forbidden` is refused to everybody: link-local (cloud metadata among it),
 *  unspecified, multicast, reserved. `private` is loopback, site-local and carrier-grade NAT. `transitional` tells that an
 *  IPv6 form hides an IPv4 address; its class is then that of the address inside. */
export type AddressClass = { kind: "public" | "private" | "forbidden"; transitional: boolean };

const FORBIDDEN = blockList(
  ["0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4"],
  // metadata services outside link-local: Alibaba, Azure, Oracle
  ["100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32"],
  ["::/128", "fe80::/10", "ff00::/8", "100::/64", "fd00:ec2::254/128", "fd20:ce::254/128"],
);

const PRIVATE = blockList(
  ["10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"],
  // special purpose, never a public service: IETF, documentation, old 6to4 relays, benchmarks
  ["192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"],
  ["::1/128", "fc00::/7", "fec0::/10", "2001:db8::/32", "3fff::/20", "5f00::/16"],
);

/** Throws TypeError when `address` is no IP literal. */
export function classifyAddress(address: string): AddressClass {
  const family = isIP(address);
  if (family === 0) throw new TypeError(`"${address}" is not an IP address`);
  if (family === 4) return { kind: classify4(address), transitional: false };
  const words = expand6(address);
  const inside = embedded4(words);
  if (inside) return { kind: inside === "none" ? "forbidden" : classify4(inside), transitional: true };
  if (FORBIDDEN.check(stripZone(address), "ipv6")) return { kind: "forbidden", transitional: false };
  return { kind: PRIVATE.check(stripZone(address), "ipv6") ? "private" : "public", transitional: false };
}

function classify4(address: string): AddressClass["kind"] {
  if (FORBIDDEN.check(address, "ipv4")) return "forbidden";
  return PRIVATE.check(address, "ipv4") ? "private" : "public";
}

/** IPv4-mapped and -compatible, NAT64, 6to4 and Teredo carry an IPv4 address to which the packet may really go.
 *  Local-use NAT64 may place it anywhere, so nothing can be said of it: "none". */
function embedded4(words: number[]): string | "none" | null {
  const [w0 = 0, w1 = 0, w2 = 0, w3 = 0, w4 = 0, w5 = 0, w6 = 0, w7 = 0] = words;
  const zeros = (...list: number[]) => list.every((word) => word === 0);
  if (zeros(w0, w1, w2, w3, w4) && w5 === 0xffff) return dotted(w6, w7);
  if (zeros(w0, w1, w2, w3) && w4 === 0xffff && w5 === 0) return dotted(w6, w7);
  if (zeros(w0, w1, w2, w3, w4, w5) && (w6 !== 0 || w7 > 1)) return dotted(w6, w7);
  if (w0 === 0x64 && w1 === 0xff9b) return zeros(w2, w3, w4, w5) ? dotted(w6, w7) : "none";
  if (w0 === 0x2002) return dotted(w1, w2);
  if (w0 === 0x2001 && w1 === 0) return dotted(w6 ^ 0xffff, w7 ^ 0xffff);
  return null;
}

function dotted(high: number, low: number): string {
  return [high >> 8, high & 255, low >> 8, low & 255].join(".");
}

/** The eight 16-bit words of an IPv6 literal that `isIP` has accepted. */
function expand6(address: string): number[] {
  let text = stripZone(address);
  const quad = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  if (quad) {
    const [, head, a, b, c, d] = quad;
    text = `${head}${((Number(a) << 8) | Number(b)).toString(16)}:${((Number(c) << 8) | Number(d)).toString(16)}`;
  }
  const [left = "", right] = text.split("::");
  const head = left ? left.split(":") : [];
  const tail = right ? right.split(":") : [];
  const gap = right === undefined ? 0 : 8 - head.length - tail.length;
  return [...head, ...Array<string>(gap).fill("0"), ...tail].map((word) => Number.parseInt(word, 16));
}

function stripZone(address: string): string {
  return address.replace(/%.*$/, "");
}

function blockList(...groups: string[][]): BlockList {
  const list = new BlockList();
  for (const cidr of groups.flat()) {
    const [network = "", bits] = cidr.split("/");
    list.addSubnet(network, Number(bits), isIP(network) === 4 ? "ipv4" : "ipv6");
  }
  return list;
}
