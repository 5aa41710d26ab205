//! A real `redis-server` on a free port, or what `REDIS_SERVER` names: `valkey-server`, say.

use std::{
    env,
    ffi::OsString,
    io::{BufRead, BufReader},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

pub(crate) struct RedisServer {
    process: Child,
    port: u16,
    directory: TempDir,
    arguments: Vec<String>,
}

impl RedisServer {
    /// Starts a server; `None`, loudly, where there is none to start. In CI that is a failure.
    pub(crate) fn start() -> Option<Self> {
        Self::with(&[])
    }

    pub(crate) fn with(arguments: &[&str]) -> Option<Self> {
        let program = program();
        let is_there = Command::new(&program)
            .arg("--version")
            .stdout(Stdio::null())
            .status();
        if is_there.is_err() {
            assert!(
                env::var_os("CI").is_none(),
                "{program:?} is missing, and CI must not leave these tests out"
            );
            eprintln!(
                "LEFT OUT: {program:?} is not installed (Debian: apt-get install redis-server)"
            );
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        let arguments: Vec<_> = arguments
            .iter()
            .map(|argument| (*argument).to_owned())
            .collect();
        let port = free_port();
        let process = launch(port, directory.path(), &arguments);
        Some(Self {
            process,
            port,
            directory,
            arguments,
        })
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn stop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts it again on the same port, with nothing in it.
    pub(crate) fn restart(&mut self) {
        self.process = launch(self.port, self.directory.path(), &self.arguments);
    }

    /// Runs a command at this server, and returns what `redis-cli` prints.
    pub(crate) fn command(&self, words: &[&str]) -> String {
        redis_cli(self.port, words)
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Runs a command through `redis-cli`, and returns what it prints.
pub(crate) fn redis_cli(port: u16, words: &[&str]) -> String {
    let output = Command::new("redis-cli")
        .args(["-p", &port.to_string()])
        .args(words)
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// The server to start, as a master, a replica or a sentinel.
pub(crate) fn program() -> OsString {
    env::var_os("REDIS_SERVER").unwrap_or_else(|| "redis-server".into())
}

fn launch(port: u16, directory: &Path, arguments: &[String]) -> Child {
    let mut process = Command::new(program())
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
        .args(["--save", "", "--dir"])
        .arg(directory)
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let is_ready = lines.any(|line| line.unwrap().contains("eady to accept connections"));
    assert!(is_ready, "the server did not start");
    // What it says later is read, so that it does not stand still.
    std::thread::spawn(move || lines.for_each(drop));
    TcpStream::connect(("127.0.0.1", port)).unwrap();
    process
}
