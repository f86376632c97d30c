// What the collector is asked, and what it says where it says no.

let token;

export class Refused extends Error {}

async function get(path) {
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  const response = await fetch(path, { headers, cache: "no-store" });
  if (response.status === 401) throw new Refused("A token is needed.");
  if (!response.ok) {
    // The collector's own words, in JSON or as text.
    const text = await response.text();
    throw Object.assign(new Error(message(text) || `${response.status} ${response.statusText}`), { status: response.status });
  }
  return response;
}

function message(text) {
  try {
    const { error, errors } = JSON.parse(text);
    return error?.message ?? errors?.[0]?.msg;
  } catch {
    return text.trim();
  }
}

// The token for everything that is asked from now on; a reload forgets it.
export function use(given) {
  token = given;
}

export const json = async (path) => (await get(path)).json();
export const text = async (path) => (await get(path)).text();

const DAY_MS = 24 * 60 * 60 * 1000;

// The traces that came last, in a line each.
export async function summaries(service, limit) {
  const now = Date.now();
  const query = new URLSearchParams({
    "query.startTimeMin": new Date(now - 2 * DAY_MS).toISOString(),
    "query.startTimeMax": new Date(now + DAY_MS).toISOString(),
    "query.searchDepth": limit,
  });
  if (service) query.set("query.serviceName", service);
  const { summaries = [], warnings = [] } = await json(`/api/v3/trace-summaries?${query}`);
  return { summaries, warnings };
}

export const services = async () => (await json("/api/v3/services")).services ?? [];

export const trace = async (id) => (await json(`/api/v3/traces/${encodeURIComponent(id)}`)).result.resourceSpans;

export const profiled = async () => (await json("/api/profiles/services")).data;

// The profiles of the last so many minutes as one, decompressed; 0: all that are kept.
export async function profile(service, minutes) {
  const query = new URLSearchParams({ service });
  if (minutes > 0) query.set("start", String((Date.now() - minutes * 60_000) * 1000));
  const { body } = await get(`/api/pprof?${query}`);
  return new Uint8Array(await new Response(body.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer());
}
