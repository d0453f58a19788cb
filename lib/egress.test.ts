import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { request } from "undici";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { addressRefusal, assertEgressUrl, EgressError, egressAgent, egressFetch, judgeEgressUrl } from "@/lib/egress";
import { classifyAddress } from "@/lib/egress-addresses";

const FORBIDDEN = [
  "0.0.0.0",
  "0.1.2.3",
  "169.254.169.254",
  "169.254.0.1",
  "224.0.0.1",
  "239.255.255.255",
  "255.255.255.255",
  "240.0.0.1",
  "100.100.100.200",
  "168.63.129.16",
  "::",
  "fe80::1",
  "fe80::1%eth0",
  "ff02::1",
  "fd00:ec2::254",
  "::ffff:169.254.169.254",
  "::ffff:a9fe:a9fe",
  "64:ff9b::a9fe:a9fe",
  "2002:a9fe:a9fe::1",
  "2001:0:0:0:0:0:5601:5601",
  "64:ff9b:1::1",
  "::169.254.169.254",
  "::ffff:0:169.254.169.254",
];
const PRIVATE = [
  "10.0.0.1",
  "127.0.0.1",
  "127.255.255.254",
  "172.16.0.1",
  "172.31.255.255",
  "192.168.1.1",
  "100.64.0.1",
  "100.127.255.255",
  "198.18.0.1",
  "::1",
  "fc00::1",
  "fd12::1",
  "::ffff:127.0.0.1",
  "::ffff:10.0.0.1",
  "64:ff9b::7f00:1",
  "2002:0a00:0001::1",
  "2001:0:1:2:3:4:80ff:fffe",
];
const PUBLIC = [
  "1.1.1.1",
  "8.8.8.8",
  "172.32.0.1",
  "100.128.0.1",
  "11.0.0.1",
  "2606:4700:4700::1111",
  "::ffff:8.8.8.8",
  "64:ff9b::808:808",
];

describe("addresses", () => {
  test.each(FORBIDDEN)("%s is called by nobody", (address) => {
    expect(classifyAddress(address).kind).toBe("forbidden");
    for (const protocol of ["http:", "https:"]) expect(addressRefusal("operator", protocol, address)).not.toBeNull();
    expect(addressRefusal("tenant", "https:", address)).not.toBeNull();
  });
  test.each(PRIVATE)("%s is for the operator only", (address) => {
    expect(classifyAddress(address).kind).toBe("private");
    expect(addressRefusal("operator", "http:", address)).toBeNull();
    expect(addressRefusal("tenant", "https:", address)).not.toBeNull();
  });
  test.each(PUBLIC)("%s needs https", (address) => {
    expect(classifyAddress(address).kind).toBe("public");
    expect(addressRefusal("operator", "https:", address)).toBeNull();
    expect(addressRefusal("operator", "http:", address)).toMatch(/https/);
  });
  test("a transitional form is never for tenants, whatever it hides", () => {
    for (const address of ["::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"]) {
      expect(addressRefusal("tenant", "https:", address)).not.toBeNull();
    }
  });
});

describe("when saved", () => {
  test.each([
    "ftp://example.com",
    "file:///etc/passwd",
    "https://user:pw@example.com",
    "https://user@example.com",
    "not a url",
    "http://169.254.169.254/latest",
    "http://0x7f.1/",
    "http://2130706433/",
  ])("tenant: %s", (url) => {
    expect(() => assertEgressUrl("tenant", url)).toThrow(EgressError);
  });
  test.each([
    "ftp://example.com",
    "https://u:p@example.com",
    "http://169.254.169.254/",
    "http://0xa9fea9fe/",
    "http://[fe80::1]/",
    "http://8.8.8.8/",
  ])("operator: %s", (url) => {
    expect(() => assertEgressUrl("operator", url)).toThrow(EgressError);
  });
  test.each([
    "https://api.openai.com/v1",
    "http://127.0.0.1:11434",
    "http://[::1]:8080/v1",
    "http://ollama.internal:11434",
    "https://8.8.8.8/v1",
  ])("operator may use %s", (url) => {
    expect(assertEgressUrl("operator", url)).toBeInstanceOf(URL);
  });
  test("tenant: only https on 443 to a name", () => {
    expect(assertEgressUrl("tenant", "https://example.com/a.png")).toBeInstanceOf(URL);
    for (const url of ["http://example.com/", "https://example.com:8443/", "https://1.1.1.1/"]) {
      expect(() => assertEgressUrl("tenant", url)).toThrow(EgressError);
    }
  });
  test("every address behind a name is judged; a name that does not resolve yet passes", async () => {
    const behind =
      (...addresses: string[]) =>
      async () =>
        addresses.map((address) => ({ address }));
    await expect(judgeEgressUrl("operator", "https://a.test", behind("1.1.1.1", "169.254.169.254"))).rejects.toThrow(
      EgressError,
    );
    await expect(judgeEgressUrl("tenant", "https://a.test", behind("1.1.1.1", "10.0.0.1"))).rejects.toThrow(
      EgressError,
    );
    await expect(judgeEgressUrl("operator", "http://a.test", behind("1.1.1.1"))).rejects.toThrow(/https/);
    await expect(judgeEgressUrl("operator", "http://a.test", behind("10.0.0.1"))).resolves.toBeInstanceOf(URL);
    await expect(
      judgeEgressUrl("operator", "https://a.test", async () => Promise.reject(new Error("ENOTFOUND"))),
    ).resolves.toBeInstanceOf(URL);
  });
});

describe("at connect time", () => {
  let server: Server;
  let origin: string;
  let hits = 0;
  beforeAll(async () => {
    server = createServer((incoming, response) => {
      hits++;
      if (incoming.url === "/silent") return;
      if (incoming.url === "/stuck") return void response.write("hel");
      if (incoming.url === "/redirect") response.writeHead(302, { location: "/elsewhere" }).end();
      else response.end("hello");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });

  test("operator reaches loopback by address and by name", async () => {
    const answer = await request(`${origin}/`, { dispatcher: egressAgent("operator") });
    expect(await answer.body.text()).toBe("hello");
    expect(await (await egressFetch("operator")(origin.replace("127.0.0.1", "localhost"))).text()).toBe("hello");
  });
  test("a name that leads to a private address is refused when dialled", async () => {
    const before = hits;
    // the name passes the URL test; only the resolved address gives it away
    await expect(request("https://localhost/", { dispatcher: egressAgent("tenant") })).rejects.toThrow(/not a public/);
    await expect(request(`${origin}/`, { dispatcher: egressAgent("tenant") })).rejects.toThrow(/https on port 443/);
    expect(hits).toBe(before);
  });
  test("a literal address is judged although no name is looked up", async () => {
    await expect(request("http://169.254.169.254/", { dispatcher: egressAgent("operator") })).rejects.toThrow(
      /reserved/,
    );
    await expect(egressFetch("operator")("http://[::ffff:169.254.169.254]/")).rejects.toThrow(/reserved/);
  });
  test("an upstream that says nothing, or no more, is given up after the time that was given", async () => {
    const impatient = egressFetch("operator", { firstByteMs: 50, idleMs: 50 });
    const causeOf = (error: unknown) => String((error as { cause?: { code?: unknown } }).cause?.code);
    await expect(impatient(`${origin}/silent`).catch(causeOf)).resolves.toBe("UND_ERR_HEADERS_TIMEOUT");
    const stuck = await impatient(`${origin}/stuck`);
    await expect(stuck.text().catch(causeOf)).resolves.toBe("UND_ERR_BODY_TIMEOUT");
  });
  test("redirects are handed back, not followed", async () => {
    const before = hits;
    const answer = await egressFetch("operator")(`${origin}/redirect`);
    expect(answer.status).toBe(302);
    expect(hits).toBe(before + 1);
  });
});
