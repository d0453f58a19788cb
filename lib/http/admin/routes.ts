import { explainRoute } from "@/lib/gateway/admin-route";
import { routeQuestion, staffRoute } from "@/lib/gateway/schema";
import { endpoint } from "@/lib/http/admin-api";

export const routeExplain = endpoint({
  method: "POST",
  path: "/route",
  summary: "Explain where a call would go now; nothing is called",
  permission: "models.read",
  body: routeQuestion,
  response: staffRoute,
  run: (scope, { body }) => explainRoute(scope, body),
});
