import { providerCallback } from "@/lib/auth/next-auth";

export const GET = providerCallback();
