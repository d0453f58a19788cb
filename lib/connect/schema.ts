import { z } from "zod";
import { keyInput } from "@/lib/keys/schema";

/** The session id in the form that the program puts into the address of its browser. */
const token = z.string().min(1).max(200);

export const allowInput = z.strictObject({ token, key: keyInput });
export type AllowInput = z.infer<typeof allowInput>;

export const denyInput = z.strictObject({ token });
export type DenyInput = z.infer<typeof denyInput>;
