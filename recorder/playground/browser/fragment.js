// A text in the fragment of an address: compressed, and never sent to a server.
async function through(bytes, stream) {
  const written = new Blob([bytes]).stream().pipeThrough(stream);
  return new Uint8Array(await new Response(written).arrayBuffer());
}

export async function write(text, file) {
  const bytes = await through(new TextEncoder().encode(text), new CompressionStream("deflate-raw"));
  const code = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  const fields = new URLSearchParams({ code: code.replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "") });
  if (file !== "example.py") fields.set("file", file);
  return `#${fields}`;
}

// The text and the file's name in a fragment; null when there is none, or when it is damaged.
export async function read(fragment) {
  const fields = new URLSearchParams(fragment.slice(1));
  if (!fields.get("code")) return null;
  try {
    const code = atob(fields.get("code").replace(/-/g, "+").replace(/_/g, "/"));
    const bytes = Uint8Array.from(code, (letter) => letter.charCodeAt(0));
    const text = await through(bytes, new DecompressionStream("deflate-raw"));
    return { text: new TextDecoder().decode(text), file: fields.get("file") || "example.py" };
  } catch {
    return null;
  }
}
