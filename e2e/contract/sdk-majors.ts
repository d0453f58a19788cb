import Anthropic from "@anthropic-ai/sdk";
import { betaZodTool } from "@anthropic-ai/sdk/helpers/beta/zod";
import EarlierAnthropic from "anthropic-sdk-0";
import { betaZodTool as earlierBetaZodTool } from "anthropic-sdk-0/helpers/beta/zod";
import OpenAI from "openai";
import { zodResponseFormat, zodTextFormat } from "openai/helpers/zod";
import EarlierOpenAI from "openai-6";
import * as earlierOpenAIHelpers from "openai-6/helpers/zod";

/** The official SDKs in their current major and the one before it, under the current one's types: what tests use of both is
 *  called alike. */
export const OPENAI_SDKS = [
  { major: "7", Client: OpenAI, zodResponseFormat, zodTextFormat },
  {
    major: "6",
    ...({ Client: EarlierOpenAI, ...earlierOpenAIHelpers } as unknown as {
      Client: typeof OpenAI;
      zodResponseFormat: typeof zodResponseFormat;
      zodTextFormat: typeof zodTextFormat;
    }),
  },
];

export const ANTHROPIC_SDKS = [
  { major: "1", Client: Anthropic, betaZodTool },
  {
    major: "0",
    ...({ Client: EarlierAnthropic, betaZodTool: earlierBetaZodTool } as unknown as {
      Client: typeof Anthropic;
      betaZodTool: typeof betaZodTool;
    }),
  },
];
