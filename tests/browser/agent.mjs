// An agent without a program: speaks the frames of shared/wire to a relay, as fast as a test wants.

import { createHash, randomBytes } from "node:crypto";
import { connect } from "node:net";

/** Bytes in the making: unsigned LEB128, strings, and what the frames are made of. */
class Bytes {
  #parts = [];
  uleb(value) {
    const bytes = [];
    while (value >= 128) {
      bytes.push((value % 128) + 128);
      value = Math.floor(value / 128);
    }
    bytes.push(value);
    return this.raw(Buffer.from(bytes));
  }
  zigzag(value) {
    return this.uleb(value < 0 ? -2 * value - 1 : 2 * value);
  }
  raw(bytes) {
    this.#parts.push(bytes);
    return this;
  }
  byte(value) {
    return this.raw(Buffer.from([value]));
  }
  text(text) {
    const bytes = Buffer.from(text);
    return this.uleb(bytes.length).raw(bytes);
  }
  end() {
    return Buffer.concat(this.#parts);
  }
}

const frame = (kind, body) => new Bytes().byte(kind).uleb(body.length).raw(body).end();

/** A package with files of functions of units, each unit one line. */
export function table(path, { module = "example.com/load", files, functions, units }) {
  const bytes = new Bytes().raw(Buffer.from("CGT")).byte(1);
  bytes.text(path).text(path.split("/").pop()).text(module).byte(1).byte(0).uleb(files);
  for (let file = 0; file < files; file++) {
    bytes.text(`${path}/file${file}.go`).raw(Buffer.alloc(16));
  }
  bytes.uleb(files * functions);
  let line = 0;
  for (let file = 0; file < files; file++) {
    let next = 3;
    for (let f = 0; f < functions; f++) {
      bytes.text(`F${f}`).uleb(file).byte(0).uleb(units);
      for (let unit = 0; unit < units; unit++) {
        bytes.zigzag(next - line).uleb(2).uleb(0).uleb(20).uleb(1);
        line = next++;
      }
    }
  }
  return bytes.uleb(0).end();
}

const id = (bytes) => createHash("sha256").update(bytes).digest().subarray(0, 16);

/** Connects to the relay at `url` as the agent of one process with these tables. */
export async function agent(url, tables, { service = "load" } = {}) {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  await new Promise((done, fail) => socket.once("connect", done).once("error", fail));
  socket.write(
    `GET /agent HTTP/1.1\r\nHost: ${hostname}:${port}\r\nUpgrade: websocket\r\n` +
      `Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n` +
      `Sec-WebSocket-Key: ${randomBytes(16).toString("base64")}\r\n\r\n`,
  );
  await new Promise((done, fail) => {
    socket.once("data", (data) => {
      if (`${data}`.startsWith("HTTP/1.1 101")) done();
      else fail(new Error(`the relay refused the agent: ${data}`));
    });
  });
  socket.on("data", () => {});
  socket.on("error", () => {});
  const send = (payload) => {
    const head =
      payload.length < 126
        ? Buffer.from([0x82, 0x80 | payload.length])
        : Buffer.from([0x82, 0xff, ...new Array(8).fill(0)]);
    if (payload.length >= 126) head.writeBigUInt64BE(BigInt(payload.length), 2);
    // A mask of zeros is a mask.
    socket.write(Buffer.concat([head, Buffer.alloc(4), payload]));
  };
  send(frame(1, new Bytes().uleb(1).text("test agent").end()));
  const about = new Bytes().uleb(1).raw(randomBytes(16)).uleb(4242).text("host").text(service);
  send(frame(2, about.uleb(1).text(service).uleb(Date.now()).text("go1.26").end()));
  for (const table of tables) send(frame(3, table));
  const list = new Bytes().uleb(1).uleb(tables.length);
  for (const table of tables) list.raw(id(table));
  send(frame(4, list.end()));
  return {
    /** Sends counts: by package, ascending units with their counts. */
    counts(packages) {
      const body = new Bytes().uleb(1).uleb(Date.now()).byte(0).uleb(packages.length);
      for (const [position, units] of packages) {
        body.uleb(position).uleb(units.length);
        let before = 0;
        for (const [unit, count] of units) {
          body.uleb(unit - before).uleb(count);
          before = unit;
        }
      }
      send(frame(5, body.end()));
    },
    close: () => socket.destroy(),
  };
}
