// Requests to the dashboard's own address: relative, so it works wherever it is mounted.

export class ApiError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

async function answered(answer) {
  let body;
  try {
    body = await answer.json();
  } catch {
    // A login of the application around it may have answered in its place.
    throw new ApiError(`the dashboard answers ${answer.status}: you may have to log in again`, answer.status);
  }
  if (!answer.ok) throw new ApiError(body.error || `the dashboard answers ${answer.status}`, answer.status);
  return body;
}

async function send(path, options) {
  let answer;
  try {
    answer = await fetch(path, { redirect: "manual", ...options });
  } catch {
    throw new ApiError("the dashboard does not answer", 0);
  }
  if (answer.type === "opaqueredirect") throw new ApiError("you have to log in again", 401);
  return answered(answer);
}

export function get(name, parameters) {
  const query = parameters ? `?${new URLSearchParams(parameters)}` : "";
  return send(`api/${name}${query}`);
}

export function post(name, body) {
  return send(`api/${name}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
}
