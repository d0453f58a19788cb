import { changeStream } from "@/lib/auth/change-stream";

export const GET = changeStream();
