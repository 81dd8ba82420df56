// Times, in the reader's own zone. All of them are seconds since the epoch.

const UNITS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];

export function span(seconds) {
  const long = Math.abs(seconds);
  if (long < 1) return `${Math.round(long * 1000)} ms`;
  const [size, unit] = UNITS.find(([size]) => long >= size);
  return `${Math.round(long / size)} ${unit}`;
}

export function clock(seconds) {
  return new Date(seconds * 1000).toLocaleString();
}

function element(seconds, text) {
  const made = document.createElement("time");
  made.dateTime = new Date(seconds * 1000).toISOString();
  made.title = clock(seconds);
  made.textContent = text;
  return made;
}

export function ago(seconds, now) {
  if (!seconds) return "";
  return element(seconds, seconds > now + 1 ? `in ${span(seconds - now)}` : `${span(now - seconds)} ago`);
}

export function at(seconds) {
  return seconds ? element(seconds, clock(seconds)) : "";
}
