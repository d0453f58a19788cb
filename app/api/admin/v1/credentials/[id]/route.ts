import { credentialDelete, credentialUpdate } from "@/lib/http/admin/providers";
import { adminRoute } from "@/lib/http/admin-api";

export const { GET, POST, PUT, PATCH, DELETE } = adminRoute(credentialDelete, credentialUpdate);
