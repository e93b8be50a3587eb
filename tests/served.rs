//! A relay of its own for a test: `coverglass serve` on a free port, reading one folder.

use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use crate::{PATIENCE, coverglass};

/// A relay that runs until this is dropped.
#[derive(Debug)]
pub struct Served {
    child: Child,
    /// Where it listens: `127.0.0.1:port`.
    pub address: String,
}

impl Served {
    /// Starts a relay that watches the programs of a folder, with more arguments of `serve`.
    pub fn start(folder: &Path, arguments: &[&str]) -> Self {
        let mut command = Command::new(coverglass());
        command.args(["serve", "--listen", "127.0.0.1:0"]).args(arguments);
        command.env("COVERGLASS_DIR", folder);
        Self::spawn(command)
    }

    /// Starts a relay by this command, which prints its address as `serve` does.
    pub fn spawn(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the relay starts");
        let (lines, said) = sync_channel(64);
        let stdout = child.stdout.take().expect("stdout is a pipe");
        let stderr = child.stderr.take().expect("stderr is a pipe");
        follow(stdout, lines.clone());
        follow(stderr, lines);
        let address = await_address(&said);
        // What it says later is read and dropped, so that it never waits for a reader.
        thread::spawn(move || while said.recv().is_ok() {});
        Self { child, address }
    }

    /// Process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn follow(stream: impl Read + Send + 'static, lines: SyncSender<String>) {
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if lines.send(line).is_err() {
                return;
            }
        }
    });
}

fn await_address(said: &Receiver<String>) -> String {
    let mut seen = Vec::new();
    while let Ok(line) = said.recv_timeout(PATIENCE) {
        if let Some((_, rest)) = line.split_once("http://127.0.0.1:") {
            let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
            return format!("127.0.0.1:{port}");
        }
        seen.push(line);
    }
    panic!("the relay names no address:\n{}", seen.join("\n"));
}
