import { BlockList, isIP } from "node:net";

export type Peer = {
  headers: Readonly<Record<string, string | string[] | undefined>>;
  socket: { remoteAddress?: string | undefined };
};

export type ClientAddress = {
  /** The address of the client: the peer, or what a trusted proxy says of it. */
  addressOf(peer: Peer): string | null;
  isTrusted(peer: Peer): boolean;
};

/** `x-forwarded-for` is believed only from the configured proxies, read from the right past every trusted hop. */
export function createClientAddress(trustedProxies: readonly string[]): ClientAddress {
  const trusted = new BlockList();
  for (const cidr of trustedProxies) {
    const [network = "", bits] = cidr.split("/");
    const family = isIP(network) === 6 ? "ipv6" : "ipv4";
    trusted.addSubnet(network, bits === undefined ? (family === "ipv6" ? 128 : 32) : Number(bits), family);
  }
  const isTrustedAddress = (address: string) =>
    isIP(address) !== 0 && trusted.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");
  const peerAddress = ({ socket }: Peer) => plainAddress(socket.remoteAddress);
  return {
    isTrusted: (peer) => isTrustedAddress(peerAddress(peer) ?? ""),
    addressOf(peer) {
      let address = peerAddress(peer);
      if (trustedProxies.length === 0) return address;
      const hops = String(peer.headers["x-forwarded-for"] ?? "").split(",");
      while (address && isTrustedAddress(address) && hops.length > 0) {
        const hop = plainAddress(hops.pop()?.trim());
        if (!hop || isIP(hop) === 0) break;
        address = hop;
      }
      return address;
    },
  };
}

function plainAddress(address: string | undefined): string | null {
  return address ? address.replace(/^::ffff:(?=\d+\.)/, "") : null;
}
