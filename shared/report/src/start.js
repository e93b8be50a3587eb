
// Starts a report: what the page would fetch is in elements of this file.
const unpack = async (name) => {
  const element = document.getElementById(`report-${name}`);
  const text = atob(element.textContent);
  element.remove();
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
};

// What only a running program has a use for.
const keys = ["m", "Space", "t", "3", "4", "N", "P"];
for (const row of document.querySelectorAll("#dialog-keys .keys > div")) {
  const marks = [...row.querySelectorAll("kbd")];
  const dead = marks.filter((mark) => keys.includes(mark.textContent));
  if (dead.length === marks.length) row.remove();
  else for (const mark of dead) mark.remove();
}
document.querySelector(".scope").disabled = true;

const [program, frames, packed] = await Promise.all(["program", "frames", "sources"].map(unpack));
const sources = new Map();
const view = new DataView(packed.buffer);
for (let at = 0; at < packed.length; ) {
  const id = [...packed.subarray(at, at + 16)].map((b) => b.toString(16).padStart(2, "0")).join("");
  const end = at + 20 + view.getUint32(at + 16, true);
  sources.set(id, packed.subarray(at + 20, end));
  at = end;
}
window.coverglassReport = {
  frames,
  source(id) {
    const bytes = sources.get(id);
    return bytes && new TextDecoder().decode(bytes);
  },
};
await INIT({ module_or_path: program });
