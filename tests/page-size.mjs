// Fetches the page from the real binary as a browser does, and says what the first load takes
// over the wire, Brotli-compressed. Fails where that is over the budget.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

const BUDGET_BYTES = 150 * 1024;

const binary = process.env.COVERGLASS_BIN ?? "target/release/coverglass";
const folder = mkdtempSync(join(tmpdir(), "coverglass-size-"));
const relay = spawn(binary, ["serve", "--listen", "127.0.0.1:0"], {
  env: { ...process.env, COVERGLASS_DIR: folder },
});

const address = await new Promise((resolve, reject) => {
  let seen = "";
  const read = (chunk) => {
    seen += chunk;
    const found = /http:\/\/127\.0\.0\.1:\d+/.exec(seen);
    if (found) resolve(found[0]);
  };
  relay.stdout.on("data", read);
  relay.stderr.on("data", read);
  relay.on("error", reject);
  relay.on("exit", () => reject(new Error(`the relay ended:\n${seen}`)));
});

// The answer as it came over the wire, and its text where it isn't compressed.
function get(path, encoding) {
  return new Promise((resolve, reject) => {
    const headers = { "accept-encoding": encoding };
    http
      .get(new URL(path, address), { headers }, (answer) => {
        const chunks = [];
        answer.on("data", (chunk) => chunks.push(chunk));
        answer.on("end", () => resolve({ answer, body: Buffer.concat(chunks) }));
      })
      .on("error", reject);
  });
}

// Paths in HTML, CSS and JavaScript that lead to more files of the page.
function links(text) {
  const found = text.matchAll(/["'(]((?:\.?\/)?[\w./-]+\.(?:js|wasm|css|svg|png|woff2|webmanifest))["')]/g);
  return [...found].map((match) => match[1].replace(/^\.?\//, "/").replace(/^(?!\/)/, "/"));
}

let failed = false;
try {
  const sizes = new Map();
  const waiting = ["/"];
  while (waiting.length > 0) {
    const path = waiting.pop();
    if (sizes.has(path)) continue;
    const { answer, body } = await get(path, "br");
    if (answer.statusCode !== 200 || (path !== "/" && answer.headers["content-type"]?.startsWith("text/html"))) {
      continue;
    }
    sizes.set(path, body.length);
    if (/\.(wasm|png|svg)$/.test(path)) continue;
    const plain = await get(path, "identity");
    waiting.push(...links(plain.body.toString()));
  }
  const total = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  for (const [path, size] of [...sizes].sort((a, b) => b[1] - a[1])) {
    console.log(`${String(size).padStart(8)}  ${path}`);
  }
  console.log(`${String(total).padStart(8)}  in all; budget ${BUDGET_BYTES} bytes`);
  if (![...sizes.keys()].some((path) => path.endsWith(".wasm"))) {
    console.log("The page has no program: it was not built");
    failed = true;
  } else if (total > BUDGET_BYTES) {
    console.log(`The page is ${total - BUDGET_BYTES} bytes over its budget`);
    failed = true;
  }
} finally {
  relay.kill();
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = failed ? 1 : 0;
