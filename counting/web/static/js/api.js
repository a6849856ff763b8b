/** The HTTP API. Every failure is an `ApiError` with words for the user. */

const RETRIES = 8;
let token = sessionStorage.getItem("token");
let askForToken = null;

/** `badPhoto`: the photo itself cannot be counted, so that it is of no use to try again. */
export class ApiError extends Error {
  constructor(message, badPhoto = false) {
    super(message);
    this.badPhoto = badPhoto;
  }
}

/** `ask` is called when the server wants a token, and answers with one, or with null. */
export function onTokenNeeded(ask) {
  askForToken = ask;
}

/** The result of one photo, as `CountResult.to_dict` writes it; `tile` is as in the API, or null. */
export async function count(photo, { tile = null, ...options } = {}) {
  const { results } = await post("v1/count", photo, tile ? { tile } : {}, options);
  if (results[0].error) throw new ApiError(results[0].error, true);
  return results[0];
}

let counter = null;

/** The name of the counter that answers; null if the server does not say. Asked for once. */
export function counterName() {
  counter ??= send("v1/models", {})
    .then((response) => response.json())
    .then((models) => models.counter ?? null)
    .catch(() => (counter = null));
  return counter;
}

export const ask = (photo, question, options) => post("v1/ask", photo, { question }, options);

export async function questions(photo, options) {
  const answer = await post("v1/questions", photo, {}, options);
  return (answer.questions ?? []).map((one) => (typeof one === "string" ? { question: one } : one));
}

export const explain = (photo, category, options) => post("v1/explain", photo, { category }, options);

async function post(path, photo, fields, { signal } = {}) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  form.append("photo", photo.blob, photo.name);
  const response = await send(path, { method: "POST", body: form, signal });
  return response.json();
}

async function send(path, request, tries = 0) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  let response;
  try {
    response = await fetch(path, { ...request, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError("The server does not answer. Is `counting serve` still running?");
  }
  if (response.ok) return response;
  if (response.status === 503 && tries < RETRIES) {
    await wait(Number(response.headers.get("Retry-After") ?? 1), request.signal);
    return send(path, request, tries + 1);
  }
  if (response.status === 401 && askForToken && (await renewToken())) return send(path, request, tries);
  throw new ApiError(await wordsOf(response), [400, 413, 415, 422].includes(response.status));
}

let renewing = null;

/** Asks once, however many requests wait for the token. */
function renewToken() {
  renewing ??= askForToken(token !== null).then((given) => {
    renewing = null;
    if (given) sessionStorage.setItem("token", (token = given));
    return Boolean(given);
  });
  return renewing;
}

async function wordsOf(response) {
  try {
    const { error } = await response.json();
    if (typeof error === "string" && error) return error;
  } catch {
    // not JSON: the status says what is known
  }
  if (response.status === 413) return "The photo is too large for this server.";
  if (response.status === 503) return "The server is busy. Try again in a moment.";
  return `The server answered with status ${response.status}.`;
}

function wait(seconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, Math.min(Math.max(seconds, 0.2), 30) * 1000);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("stopped", "AbortError"));
    });
  });
}
