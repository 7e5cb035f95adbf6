// The HTTP API as the console calls it: by the cookie that the browser has, and with what shows that our own pages ask
// (docs/adr/0028). An answer that is none throws Problem.
import { signal } from "@preact/signals";
import { language } from "./i18n.ts";

export interface FieldError { pointer: string; code: string; detail: string }

export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly title: string,
    readonly detail: string,
    readonly errors: FieldError[] = [],
    readonly trace = "",
    readonly retryAfter = 0,
  ) {
    super(detail || title);
  }
  field(name: string): string | undefined {
    return this.errors.find((error) => error.pointer === `/${name}`)?.detail;
  }
}

/** The session has ended while somebody was looking: the page says so and leads to the login. */
export const sessionEnded = signal(false);

async function problemOf(response: Response): Promise<Problem> {
  const text = await response.text();
  try {
    const body = JSON.parse(text);
    return new Problem(
      response.status, body.code ?? "", body.title ?? "", body.detail ?? "", body.errors ?? [],
      body.trace_id ?? response.headers.get("X-Request-Id") ?? "", Number(response.headers.get("Retry-After") ?? 0),
    );
  } catch {
    return new Problem(response.status, "unreadable", response.statusText, text.slice(0, 300), [], response.headers.get("X-Request-Id") ?? "");
  }
}

export interface Options {
  query?: Record<string, string | number | undefined>;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  /** A token instead of the cookie, for who is not logged in yet. */
  bearer?: string;
}

export async function call(method: string, path: string, options: Options = {}): Promise<Response> {
  const url = new URL(path, location.origin);
  for (const [name, value] of Object.entries(options.query ?? {})) {
    if (value !== undefined && value !== "") url.searchParams.set(name, String(value));
  }
  const headers: Record<string, string> = { "Accept-Language": language.value, ...options.headers };
  const reads = method === "GET";
  if (!reads) headers["Content-Type"] ??= "application/json";
  if (options.bearer) headers["Authorization"] = `Bearer ${options.bearer}`;
  else if (!reads && options.bearer === undefined) headers["X-Tenantry"] = "1";
  let response: Response;
  try {
    response = await fetch(url, {
      method,
      headers,
      credentials: options.bearer === undefined ? "same-origin" : "omit",
      redirect: "error",
      ...(reads ? {} : { body: options.body === undefined ? "" : JSON.stringify(options.body) }),
      ...(options.signal ? { signal: options.signal } : {}),
    });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Problem(0, "offline", "", "");
  }
  if (response.ok) return response;
  const problem = await problemOf(response);
  if (problem.status === 401 && ["session_ended", "token_invalid", "token_expired", "session_revoked", "token_revoked", "visit_ended"].includes(problem.code)) sessionEnded.value = true;
  throw problem;
}

async function json<T>(response: Promise<Response>): Promise<T> {
  const answer = await response;
  if (answer.status === 204) return undefined as T;
  return (await answer.json()) as T;
}

export const api = {
  get: <T>(path: string, query?: Options["query"], signal?: AbortSignal) => json<T>(call("GET", path, { ...(query ? { query } : {}), ...(signal ? { signal } : {}) })),
  text: async (path: string, query?: Options["query"]) => (await call("GET", path, query ? { query } : {})).text(),
  post: <T>(path: string, body?: unknown, options: Options = {}) => json<T>(call("POST", path, { ...options, body })),
  put: <T>(path: string, body?: unknown, options: Options = {}) => json<T>(call("PUT", path, { ...options, body })),
  patch: <T>(path: string, body?: unknown, options: Options = {}) => json<T>(call("PATCH", path, { ...options, body })),
  remove: <T>(path: string, options: Options = {}) => json<T>(call("DELETE", path, options)),
};

/** Part of a path. */
export const part = encodeURIComponent;
