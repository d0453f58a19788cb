import fs from "node:fs";
import path from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type ContractHub, startContractHub, type Tenant } from "@/e2e/contract/hub";
import { type Cell, type Ended, openCell } from "./terminal";

// `npm run clients`: coding agents of the terminal, installed by scripts/clients.mjs and never part of the product.

const installed = path.join(process.env.HUB_TEST_CLIENTS ?? "", "node_modules");

let hub: ContractHub;
let tenant: Tenant;
let cell: Cell;

beforeAll(async () => {
  hub = await startContractHub();
});
beforeEach(async () => {
  [tenant, cell] = await Promise.all([hub.tenant(), openCell()]);
});
afterEach(async () => {
  await cell.leave();
  await hub.assertHealthy(tenant);
});
afterAll(() => hub.stop());

const ANSWER = /amber anchor apple/;
/** The agent makes a file and then speaks. */
const agent = (tool: string, args: Record<string, unknown>) =>
  `agent:tool=${tool},args=${Buffer.from(JSON.stringify(args)).toString("base64url")}`;
const COMMAND = "echo it was here > proof.txt";

/** Every call that reached an upstream was metered and paid, and nobody else was asked anything. */
async function expectPaid(least: number): Promise<void> {
  await hub.quiet(tenant);
  const calls = await hub.calls(tenant);
  expect(calls.length).toBeGreaterThanOrEqual(least);
  for (const call of calls) {
    expect(call).toMatchObject({ outcome: "ok", usageSource: "reported" });
    expect(call.priceNano).toBeGreaterThan(0n);
  }
  expect(cell.strangers).toEqual([]);
}

function expectWell(ended: Ended): void {
  expect(ended.code, `${ended.stdout.slice(-3_000)}\n${ended.stderr.slice(-3_000)}`).toBe(0);
}

describe.each([
  ["relay", (scenario: string) => hub.relayModel(scenario)],
  ["translate", (scenario: string) => hub.translatedModel(scenario)],
] as const)("Codex CLI, %s", (_route, modelOf) => {
  const codex = async (model: string, prompt: string) => {
    const { baseUrl } = hub.door("fast");
    fs.writeFileSync(
      path.join(cell.home, "config.toml"),
      [
        `model = "${model}"`,
        'model_provider = "hub"',
        "check_for_update_on_startup = false",
        "[analytics]",
        "enabled = false",
        "[feedback]",
        "enabled = false",
        // what it would fetch from strangers
        "[features]",
        "plugins = false",
        "apps = false",
        "[model_providers.hub]",
        'name = "AIGNE Hub"',
        `base_url = "${baseUrl}"`,
        'env_key = "HUB_KEY"',
        'wire_api = "responses"',
        "request_max_retries = 0",
        "stream_max_retries = 0",
      ].join("\n"),
    );
    const program = path.join(installed, "@openai/codex/bin/codex.js");
    const options = ["--json", "--skip-git-repo-check", "--sandbox", "danger-full-access", "--cd", cell.workdir];
    return cell.run([process.execPath, program, "exec", ...options, prompt], {
      ...{ CODEX_HOME: cell.home, HUB_KEY: tenant.key },
    });
  };

  test("a turn", async () => {
    const ended = await codex(await modelOf("text"), "say some words");
    expectWell(ended);
    expect(ended.stdout).toMatch(ANSWER);
    await expectPaid(1);
  });

  test("a tool loop", async () => {
    const ended = await codex(await modelOf(agent("exec_command", { cmd: COMMAND })), "leave a proof");
    expectWell(ended);
    expect(ended.stdout).toMatch(ANSWER);
    expect(fs.readFileSync(path.join(cell.workdir, "proof.txt"), "utf8")).toBe("it was here\n");
    await expectPaid(2);
  });
});

describe.each([
  ["relay", (scenario: string) => hub.translatedModel(scenario)],
  ["translate", (scenario: string) => hub.compatibleModel(scenario)],
] as const)("Claude Code, %s", (_route, modelOf) => {
  const claude = async (model: string, prompt: string) => {
    const program = path.join(installed, "@anthropic-ai/claude-code/cli-wrapper.cjs");
    const options = ["--output-format", "json", "--model", model, "--allowedTools", "Bash", "--max-turns", "4"];
    return cell.run([process.execPath, program, "--print", prompt, ...options], {
      ANTHROPIC_BASE_URL: `${hub.origin("fast")}/api`,
      ANTHROPIC_AUTH_TOKEN: tenant.key,
      ANTHROPIC_MODEL: model,
      ANTHROPIC_SMALL_FAST_MODEL: model,
      ANTHROPIC_DEFAULT_HAIKU_MODEL: model,
      CLAUDE_CONFIG_DIR: cell.home,
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
      DISABLE_TELEMETRY: "1",
      DISABLE_ERROR_REPORTING: "1",
      DISABLE_AUTOUPDATER: "1",
    });
  };

  test("a turn", async () => {
    const ended = await claude(await modelOf("text"), "say some words");
    expectWell(ended);
    expect(JSON.parse(ended.stdout)).toMatchObject({ is_error: false, result: expect.stringMatching(ANSWER) });
    await expectPaid(1);
  });

  test("a tool loop", async () => {
    const tool = agent("Bash", { command: COMMAND, description: "leaves a proof" });
    const ended = await claude(await modelOf(tool), "leave a proof");
    expectWell(ended);
    expect(JSON.parse(ended.stdout)).toMatchObject({ is_error: false, result: expect.stringMatching(ANSWER) });
    expect(fs.readFileSync(path.join(cell.workdir, "proof.txt"), "utf8")).toBe("it was here\n");
    await expectPaid(2);
  });
});
