import { expect, it } from "vitest";
import { z } from "zod";
import { randomUuid } from "@/components/ui/random-uuid";

it("makes what forms are named by", () => {
  for (let i = 0; i < 100; i++) expect(z.uuidv4().safeParse(randomUuid()).success).toBe(true);
});
