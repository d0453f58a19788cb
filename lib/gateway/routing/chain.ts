import { AppError } from "@/lib/errors";
import { type ModelRoute, type RouteOptions, routeOf, type SkipReason } from "@/lib/gateway/routing/candidates";
import type { RouteHints } from "@/lib/gateway/routing/hints";
import { fallbacksOf, findModel, type Snapshot, type SnapshotModel } from "@/lib/gateway/snapshot";
import type { Caller } from "@/lib/keys/authenticate";

/** One model that may answer a call, with its route. */
export type Link = ModelRoute & { model: SnapshotModel };

/** Why a model of a chain is left out before anything is tried. */
export type LeftOut = { name: string; reason: "unknown_model" | "model_not_allowed" | "other_type" };

/** The models that may answer, in order: what the client named, what it named besides, what the operator put behind the alias.
 *  Models without any route stay in it, so that they can be explained. */
export type Chain = {
  links: readonly [Link, ...Link[]];
  leftOut: readonly LeftOut[];
  /** Tools that whoever is left in it runs for the call; absent: none. */
  hosted?: ReadonlySet<string>;
};

type Surroundings = Pick<RouteOptions, "random" | "health"> & {
  snapshot: Snapshot;
  caller: Pick<Caller, "mayUseModel">;
};

/** `name` is what the client wrote for `model`. */
export type Asked = Omit<RouteOptions, "random" | "health"> & {
  name: string;
  model: SnapshotModel;
  hints: RouteHints | null;
};

/** Plans every model that may answer. */
export function chainOf(
  { snapshot, caller, random, health }: Surroundings,
  { name: asked, model, ...options }: Asked,
): Chain {
  const link = (of: SnapshotModel): Link => ({ model: of, ...routeOf(of, { ...options, random, health }) });
  const others: Link[] = [];
  const leftOut: LeftOut[] = [];
  for (const name of [...(options.hints?.models ?? []), ...fallbacksOf(snapshot, asked)]) {
    const other = findModel(snapshot, name);
    if (other && [model, ...others.map((one) => one.model)].includes(other)) continue;
    const reason = reasonAgainst(other, model, caller);
    if (other && !reason) others.push(link(other));
    else if (reason) leftOut.push({ name: (other?.id ?? name).slice(0, 200), reason });
  }
  return { links: [link(model), ...others], leftOut };
}

function reasonAgainst(
  other: SnapshotModel | null,
  model: SnapshotModel,
  caller: Surroundings["caller"],
): LeftOut["reason"] | null {
  if (!other) return "unknown_model";
  if (!caller.mayUseModel(other)) return "model_not_allowed";
  return other.type === model.type ? null : "other_type";
}

/** The links that can be called. Throws where none can because of what was asked: that is not the providers' trouble. */
export function callable({ links }: Chain): readonly Link[] {
  const able = links.filter(({ plan }) => plan.length > 0);
  if (able.length > 0) return able;
  const [{ model, considered }] = links;
  const reasons = new Set<string>(considered.flatMap(({ reason }) => reason ?? []));
  // one that could serve it and may not for the moment: another try will do
  if (UNREACHED.some((reason) => reasons.has(reason))) return [];
  const lack = [...reasons].find((reason) => reason.startsWith("lacks:"));
  if (lack)
    throw new AppError("unsupported_parameter", `The model "${model.id}" does not support ${LACKS[lack] ?? lack}.`, {
      param: lack === "lacks:tools" ? "tools" : "model",
    });
  const param = [...reasons].find((reason) => reason.startsWith("untranslatable:"))?.replace("untranslatable:", "");
  if (param)
    throw new AppError("unsupported_parameter", `"${param}" as given is not supported by the provider of this model.`, {
      param,
    });
  if (reasons.has("endpoint_not_served"))
    throw new AppError("unsupported_parameter", `No provider of the model "${model.id}" serves this endpoint.`, {
      param: "model",
    });
  if (["not_in_only", "ignored"].some((reason) => reasons.has(reason)))
    throw new AppError("unsupported_value", `No provider of "${model.id}" is left by what "provider" asks for.`, {
      param: "provider",
    });
  return [];
}

/** What passes over a candidate whatever was asked, for as long as somebody mends it. */
const UNREACHED: readonly SkipReason[] = ["credential_refused", "credential_capped", "credential_sealed_elsewhere"];

const LACKS: Record<string, string> = {
  "lacks:input:image": "images in its input",
  "lacks:input:audio": "audio in its input",
  "lacks:input:video": "video in its input",
  "lacks:input:file": "files in its input",
  "lacks:input:text": "text in its input",
  "lacks:output:audio": "audio in its answer",
  "lacks:output:image": "images in its answer",
  "lacks:tools": "tools",
  "lacks:structured_output": "answers that follow a JSON schema",
};
