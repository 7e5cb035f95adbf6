// What the OpenAPI and AsyncAPI documents say, as the pages about them show it.

export type Schema = Record<string, unknown>;

function at(document: Schema, reference: string): Schema {
  return reference.replace(/^#\//, "").split("/").reduce<unknown>((inside, name) => (inside as Schema | undefined)?.[name.replaceAll("~1", "/").replaceAll("~0", "~")], document) as Schema ?? {};
}
export function resolve(document: Schema, schema: unknown): Schema {
  let found = (schema ?? {}) as Schema;
  for (let i = 0; i < 10 && typeof found["$ref"] === "string"; ++i) found = at(document, found["$ref"]);
  return found;
}

/** A value such as the schema describes. */
export function example(document: Schema, schema: unknown, depth = 0): unknown {
  const found = resolve(document, schema);
  if ("example" in found) return found["example"];
  if (Array.isArray(found["examples"]) && found["examples"].length > 0) return found["examples"][0];
  if ("const" in found) return found["const"];
  if ("default" in found) return found["default"];
  if (Array.isArray(found["enum"])) return found["enum"][0];
  if (depth > 6) return null;
  for (const choice of ["oneOf", "anyOf"]) if (Array.isArray(found[choice])) return example(document, found[choice][0], depth + 1);
  if (Array.isArray(found["allOf"])) return Object.assign({}, ...found["allOf"].map((one) => example(document, one, depth + 1)));
  const type = Array.isArray(found["type"]) ? found["type"][0] : found["type"];
  switch (type) {
    case "object": return Object.fromEntries(Object.entries((found["properties"] ?? {}) as Schema).map(([name, inner]) => [name, example(document, inner, depth + 1)]));
    case "array": return [example(document, found["items"], depth + 1)];
    case "integer": case "number": return found["minimum"] ?? 1;
    case "boolean": return true;
    case "string": return found["format"] === "date-time" ? "2026-01-31T09:30:00Z" : found["format"] === "uuid" ? "0193a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b" : found["format"] === "email" ? "marie@acme.example" : "…";
    default: return found["properties"] ? example(document, { ...found, type: "object" }, depth + 1) : null;
  }
}

export interface Operation { id: string; method: string; path: string; tag: string; summary: string; access: "open" | "tenant" | "admin"; parameters: { name: string; in: string; description: string; required: boolean }[]; body: unknown; answers: { status: string; description: string; body: unknown }[] }
export function operations(document: Schema): Operation[] {
  const out: Operation[] = [];
  for (const [path, methods] of Object.entries((document["paths"] ?? {}) as Record<string, Schema>)) {
    for (const [method, raw] of Object.entries(methods)) {
      const operation = raw as Schema;
      if (typeof operation["operationId"] !== "string") continue;
      const body = (content: unknown) => { const first = Object.values((content ?? {}) as Record<string, Schema>)[0]; return first ? first["example"] ?? example(document, first["schema"]) : undefined; };
      const security = (operation["security"] ?? []) as Schema[];
      out.push({
        id: operation["operationId"], method: method.toUpperCase(), path, tag: String((operation["tags"] as string[] | undefined)?.[0] ?? ""), summary: String(operation["summary"] ?? ""),
        access: security.some((one) => "admin" in one) ? "admin" : security.some((one) => "tenant" in one) ? "tenant" : "open",
        parameters: ((operation["parameters"] ?? []) as unknown[]).map((one) => { const p = resolve(document, one); return { name: String(p["name"]), in: String(p["in"]), description: String(p["description"] ?? ""), required: Boolean(p["required"]) }; }),
        body: body(resolve(document, operation["requestBody"])["content"]),
        answers: Object.entries((operation["responses"] ?? {}) as Schema).map(([status, answer]) => { const one = resolve(document, answer); return { status, description: String(one["description"] ?? ""), body: status.startsWith("2") ? body(one["content"]) : undefined }; }),
      });
    }
  }
  return out;
}

/** The call as a command to copy. */
export function curl(operation: Operation, origin: string): string {
  const query = operation.parameters.filter((one) => one.in === "query" && one.required).map((one) => `${one.name}=…`).join("&");
  const lines = [`curl -X ${operation.method} '${origin}${operation.path}${query ? `?${query}` : ""}'`];
  if (operation.access !== "open") lines.push(`-H "Authorization: Bearer $TOKEN"`);
  if (operation.body !== undefined) lines.push(`-H 'Content-Type: application/json'`, `-d '${JSON.stringify(operation.body).replaceAll("'", "'\\''")}'`);
  return lines.join(" \\\n  ");
}
