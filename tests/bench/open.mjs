// What it takes to open large coverage data in a real browser: a text profile of 300 000 lines, and
// a folder of thousands of binary files, of three builds. From the drop to the first rows, the
// longest task of the page's main thread, frames it could not show, and memory; beside it the same
// data read by the command line, and Go's tool on the text profile.
//
//     node tests/bench/open.mjs [ROUNDS] [tasks]
//
// With `tasks` it names what the longest tasks of the main thread are made of.
// Needs the release binary, Go, and `npm ci` in tests/browser.
import { spawn, spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { loadavg, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const repository = join(dirname(fileURLToPath(import.meta.url)), "../..");
const require = createRequire(join(repository, "tests/browser/package.json"));
const { chromium } = require("playwright-core");

const binary = process.env.COVERGLASS_BIN ?? join(repository, "target/release/coverglass");
const rounds = Number(process.argv[2] ?? 5);
const names = process.argv.includes("tasks");
const scratch = mkdtempSync(join(tmpdir(), "coverglass-open-"));
/** Milliseconds between two frames. */
const FRAME = 1000 / 60;

function run(command, args, options = {}) {
  const done = spawnSync(command, args, { maxBuffer: 1 << 30, ...options });
  if (done.status !== 0) throw new Error(`${command} ${args.join(" ")}: ${done.stderr ?? done.error}`);
  return done;
}

// A module of a thousand files, and a profile of it with 300 blocks for each, as `go test` would
// write it.
function textProfile() {
  const folder = join(scratch, "large");
  mkdirSync(folder);
  writeFileSync(join(folder, "go.mod"), "module example.com/large\n\ngo 1.21\n");
  const lines = ["mode: count"];
  for (let p = 0; p < 100; p++) {
    mkdirSync(join(folder, `p${p}`));
    for (let f = 0; f < 10; f++) {
      const name = `p${p}/f${f}.go`;
      const source = [`package p${p}`];
      for (let i = 0; i < 100; i++) {
        const head = `func F${f}x${i}(x int) int `;
        const at = source.push(`${head}{`, `\tif x > ${i} {`, "\t\treturn x", "\t}", `\treturn ${i}`, "}") - 5;
        const count = (at * 7919 + p) % 13 === 0 ? 0 : (at * 31 + f) % 1000;
        const end = `\treturn ${i}`.length + 1;
        lines.push(`example.com/large/${name}:${at}.${head.length + 1},${at + 1}.${`\tif x > ${i} `.length + 1} 1 ${count}`);
        lines.push(`example.com/large/${name}:${at + 1}.${`\tif x > ${i} `.length + 1},${at + 3}.3 1 ${count >> 1}`);
        lines.push(`example.com/large/${name}:${at + 4}.2,${at + 4}.${end} 1 ${count - (count >> 1)}`);
      }
      writeFileSync(join(folder, name), source.join("\n") + "\n");
    }
  }
  const profile = join(scratch, "cover.out");
  writeFileSync(profile, lines.join("\n") + "\n");
  return { folder, profile };
}

// Counter files of three builds of a program that type-checks, again and again under the numbers of
// other processes.
function binaryData() {
  const folder = join(scratch, "covdata");
  mkdirSync(folder);
  const program = join(repository, "tests/programs/bench");
  for (const [build, packages] of [[0, "go/..."], [1, "go/...,text/..."], [2, "go/...,encoding/..."]]) {
    const built = join(scratch, `program${build}`);
    run("go", ["build", "-cover", "-covermode=atomic", `-coverpkg=./...,${packages}`, "-o", built, "./typecheck"], {
      cwd: program,
      env: { ...process.env, GOFLAGS: "" },
    });
    const first = join(scratch, `first${build}`);
    mkdirSync(first);
    run(built, ["-n", "1"], { env: { ...process.env, GOCOVERDIR: first } });
    for (const name of readdirSync(first)) {
      const [kind, hash] = name.split(".");
      if (kind === "covmeta") copyFileSync(join(first, name), join(folder, name));
      for (let pid = 1; kind === "covcounters" && pid <= 1100; pid++) {
        copyFileSync(join(first, name), join(folder, `covcounters.${hash}.${pid}.${1_700_000_000_000 + pid}`));
      }
    }
  }
  return folder;
}

function size(path) {
  const files = statSync(path).isDirectory() ? readdirSync(path).map((name) => join(path, name)) : [path];
  const bytes = files.reduce((sum, file) => sum + statSync(file).size, 0);
  return `${files.length} files, ${(bytes / 1e6).toFixed(1)} MB`;
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const ms = (value) => `${value.toFixed(value < 100 ? 1 : 0)} ms`;
const mb = (bytes) => `${(bytes / (1 << 20)).toFixed(1)} MB`;

// Wall time and CPU time of a command, in milliseconds.
function timed(command, args, options) {
  const script = 'TIMEFORMAT="%R %U %S"; time "$0" "$@" > /dev/null';
  const { stderr } = run("bash", ["-c", script, command, ...args], options);
  const [real, user, system] = stderr.toString().trim().split("\n").at(-1).split(" ").map(Number);
  return { wall: 1000 * real, cpu: 1000 * (user + system) };
}

// What the kernel says of a process or thread: from its state on.
function stat(path) {
  const text = readFileSync(`/proc/${path}/stat`, "utf8");
  return text.slice(text.lastIndexOf(")") + 2).split(" ");
}

// Whether a process was started by this one, or by one that was.
function isOurs(pid) {
  while (Number(pid) > 1 && Number(pid) !== process.pid) pid = stat(pid)[1];
  return Number(pid) === process.pid;
}

// CPU time of the worker that still lives, in milliseconds; Linux only.
function workerCpu() {
  const times = [0];
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      if (!isOurs(pid)) continue;
      for (const task of readdirSync(`/proc/${pid}/task`)) {
        const thread = `${pid}/task/${task}`;
        if (!readFileSync(`/proc/${thread}/comm`, "utf8").startsWith("DedicatedWorker")) continue;
        const fields = stat(thread);
        times.push((Number(fields[11]) + Number(fields[12])) * 10);
      }
    } catch {
      // It ended meanwhile.
    }
  }
  return Math.max(...times);
}

// What the page is given before it starts: it notes when something is dropped, when rows are there
// and how late frames come, and lets no worker end before its memory was looked at.
function watch() {
  const seen = (window.seen = { gaps: [], workers: 0 });
  addEventListener("TrunkApplicationStarted", (event) => (seen.memory = event.detail.wasm.memory));
  addEventListener("drop", () => (seen.dropped = performance.now()), { capture: true });
  let last;
  const step = (now) => {
    if (seen.dropped !== undefined && !seen.rows) {
      if (last !== undefined) seen.gaps.push(now - last);
      // This frame comes when the one with the rows was painted.
      if (document.querySelector("#tree .node:not([hidden])")) seen.rows = performance.now();
    }
    last = now;
    requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
  Worker.prototype.end = Worker.prototype.terminate;
  Worker.prototype.terminate = function () {
    (seen.ended ??= []).push(this);
  };
  const post = Worker.prototype.postMessage;
  Worker.prototype.postMessage = function (message, ...more) {
    seen.asked = performance.now();
    this.addEventListener("message", ({ data: [what] }) => {
      if (what === "frames") seen.frames = performance.now();
      if (what === "over") seen.done = performance.now();
    });
    post.call(this, message, ...more);
  };
}

// Tasks of the page's main thread that were recorded after the drop, longest first.
function longTasks(trace) {
  const events = JSON.parse(trace.toString()).traceEvents;
  const mains = events.filter((event) => event.name === "thread_name" && event.args.name === "CrRendererMain");
  const is = (event) => mains.some(({ pid, tid }) => event.pid === pid && event.tid === tid);
  const all = events.filter((event) => event.ph === "X" && is(event));
  const tasks = all.filter((event) => /RunTask$/.test(event.name)).sort((a, b) => b.dur - a.dur);
  return tasks.slice(0, 6).map((task) => {
    const inside = all.filter(
      (event) => event !== task && event.tid === task.tid && event.ts >= task.ts && event.ts < task.ts + task.dur && event.dur > task.dur / 10,
    );
    return { ms: task.dur / 1000, cpu: task.tdur / 1000, inside: inside.map((event) => `${event.name} ${(event.dur / 1000).toFixed(1)}`) };
  });
}

async function drop(page, path) {
  const devtools = await page.context().newCDPSession(page);
  const data = { items: [], files: [path], dragOperationsMask: 1 };
  for (const type of ["dragEnter", "dragOver", "dragOver", "drop"]) {
    await devtools.send("Input.dispatchDragEvent", { type, x: 200, y: 300, data });
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => done())));
  }
}

async function openOnce(browser, address, path) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  const page = await context.newPage();
  await page.addInitScript(watch);
  // The same loader, which also shows the worker's memory.
  await page.route("**/worker_loader.js", (route) =>
    route.fulfill({
      contentType: "text/javascript",
      body: "import init from './worker.js'; self.program = await init({ module_or_path: new URL('worker_bg.wasm', import.meta.url) });",
    }),
  );
  await page.goto(address);
  await page.waitForFunction(() => window.coverglass?.getState().link === "live");
  await page.waitForTimeout(500);
  await browser.startTracing(page, { categories: ["toplevel", "devtools.timeline", "disabled-by-default-devtools.timeline"] });
  await drop(page, path);
  await page.waitForFunction(() => window.seen.rows > 0 && window.seen.done !== undefined, undefined, { timeout: 60_000 });
  await page.waitForTimeout(300);
  const tasks = longTasks(await browser.stopTracing());
  const seen = await page.evaluate(() => {
    const { dropped, rows, asked, frames, done, gaps, memory } = window.seen;
    return { rows: rows - dropped, asked: asked - dropped, read: frames - asked, done: done - dropped, gaps, wasm: memory.buffer.byteLength };
  });
  const cpu = workerCpu();
  const workers = await Promise.all(page.workers().map((worker) => worker.evaluate(() => self.program?.memory.buffer.byteLength ?? 0)));
  const devtools = await context.newCDPSession(page);
  const heap = (await devtools.send("Runtime.getHeapUsage")).usedSize;
  const state = await page.evaluate(() => window.coverglass.getState());
  await context.close();
  return { ...seen, tasks, heap, cpu, worker: Math.max(0, ...workers), units: state.units };
}

async function open(browser, address, what, path) {
  const native = [];
  const runs = [];
  const go = [];
  const ours = [];
  for (let round = 0; round < rounds; round++) {
    native.push(timed(binary, ["summary", path]));
    runs.push(await openOnce(browser, address, path));
    if (what.html) {
      const html = join(scratch, "cover.html");
      go.push(timed("go", ["tool", "cover", `-html=${path}`, "-o", html], { cwd: what.html }));
      ours.push(timed(binary, ["cover", `-html=${path}`, "-o", html], { cwd: what.html }));
    }
  }
  const of = (key) => median(runs.map((run) => run[key]));
  const longest = runs.map((run) => run.tasks[0].ms);
  const busiest = runs.map((run) => Math.max(...run.tasks.map((task) => task.cpu)));
  const dropped = runs.map((run) => run.gaps.reduce((sum, gap) => sum + Math.max(0, Math.round(gap / FRAME) - 1), 0));
  const shown = runs.map((run) => run.gaps.length);
  console.log(`${what.name}: ${size(path)}, ${runs[0].units} units; medians of ${rounds}, load average ${loadavg()[0].toFixed(1)}`);
  console.log(`  drop → first rows     ${ms(of("rows"))} (folders looked through after ${ms(of("asked"))}; all kept after ${ms(of("done"))})`);
  console.log(`  longest task          ${ms(median(longest))} (at most ${ms(Math.max(...longest))}); of CPU ${ms(median(busiest))} (at most ${ms(Math.max(...busiest))})`);
  console.log(`  frames while reading  ${median(shown)} shown, ${median(dropped)} dropped; longest gap ${ms(median(runs.map((run) => Math.max(...run.gaps))))}`);
  console.log(`  memory at the end     page: ${mb(of("heap"))} JS, ${mb(of("wasm"))} wasm; worker: ${mb(of("worker"))} wasm`);
  const middle = (list, key) => median(list.map((one) => one[key]));
  const read = { wall: of("read"), cpu: of("cpu") };
  const summary = { wall: middle(native, "wall"), cpu: middle(native, "cpu") };
  const both = (one) => `${ms(one.wall)} (${ms(one.cpu)} of CPU)`;
  console.log(`  read in the worker    ${both(read)}, to the last frames sent`);
  console.log(`  coverglass summary    ${both(summary)}: the worker takes ${(read.wall / summary.wall).toFixed(2)} times that, of CPU ${(read.cpu / summary.cpu).toFixed(2)}`);
  if (go.length > 0) {
    const [theirs, page] = [middle(go, "wall"), middle(ours, "wall")];
    console.log(`  go tool cover -html   ${ms(theirs)}: ${(theirs / of("rows")).toFixed(1)} times as long as to the first rows; coverglass cover -html: ${ms(page)}, ${(theirs / page).toFixed(1)} times`);
  }
  if (names) {
    for (const task of runs.at(-1).tasks) console.log(`    ${ms(task.ms)}, ${ms(task.cpu)} of CPU: ${task.inside.join(", ")}`);
  }
}

// A relay for the page alone.
const relay = spawn(binary, ["serve", "--no-collector", "--listen", "127.0.0.1:0"], {
  env: { ...process.env, COVERGLASS_DIR: scratch },
});
const browser = await chromium.launch({
  executablePath: process.env.COVERGLASS_BROWSER ?? run(join(repository, "tests/browser-path"), []).stdout.toString().trim(),
  args: ["--no-sandbox"],
});
try {
  const address = await new Promise((done, fail) => {
    relay.stdout.on("data", (data) => done(data.toString().trim()));
    relay.on("exit", () => fail(new Error("the relay ended")));
  });
  const { folder, profile } = textProfile();
  await open(browser, address, { name: "text profile", html: folder }, profile);
  await open(browser, address, { name: "folder of binary data" }, binaryData());
} finally {
  await browser.close();
  relay.kill();
  rmSync(scratch, { recursive: true, force: true });
}
