//! A process of the example `shared`.

use std::{
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread::JoinHandle,
};

use tokio::sync::{Notify, mpsc};

use crate::{EMAIL, HUNG, PASSWORD, example};

pub(crate) struct Worker {
    process: Child,
    told: Arc<Told>,
    reader: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Told {
    calls: AtomicUsize,
    failed: Mutex<Vec<String>>,
    called: Notify,
}

/// A process tells that it asks for a token, or that it is answered.
pub(crate) struct Exchange {
    pub(crate) process: u32,
    pub(crate) is_answered: bool,
}

/// What a process told before it ended.
pub(crate) struct Past {
    pub(crate) calls: usize,
    pub(crate) failed: Vec<String>,
}

impl Worker {
    pub(crate) fn start(
        base_url: &str,
        place: &str,
        lost_answer: &str,
        exchanges: mpsc::UnboundedSender<Exchange>,
    ) -> Self {
        let mut process = Command::new(example::executable("shared", "examples/shared.rs"))
            .args([base_url, "/api/v2/accounts", place])
            .env("SHARED_EMAIL", EMAIL)
            .env("SHARED_PASSWORD", PASSWORD)
            .env("SHARED_LIMIT", "1000")
            .env("SHARED_LOST_ANSWER", lost_answer)
            .env("SHARED_DEAD_AFTER_MS", "500")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let id = process.id();
        let told = Arc::new(Told::default());
        let output = process.stdout.take().unwrap();
        let reader = std::thread::spawn({
            let told = Arc::clone(&told);
            move || {
                use std::io::{BufRead, BufReader};
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    if let Some(what) = line.strip_prefix("exchange: ") {
                        // Nobody listens any more when the test ends.
                        let _ = exchanges.send(Exchange {
                            process: id,
                            is_answered: !what.starts_with('/'),
                        });
                        continue;
                    }
                    if line != "200 OK" {
                        told.failed.lock().unwrap().push(line);
                    }
                    told.calls.fetch_add(1, Ordering::Relaxed);
                    told.called.notify_one();
                }
            }
        });
        Self {
            process,
            told,
            reader: Some(reader),
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Waits until a call has ended that began after this.
    pub(crate) async fn wait_for_a_call(&mut self) {
        // The first may have begun before.
        let enough = self.told.calls.load(Ordering::Relaxed) + 2;
        let waiting = async {
            while self.told.calls.load(Ordering::Relaxed) < enough {
                self.told.called.notified().await;
            }
        };
        let waited = tokio::time::timeout(HUNG, waiting).await;
        assert!(waited.is_ok(), "a process hangs");
    }

    /// Sends it the signal of this name.
    pub(crate) fn signal(&self, name: &str) {
        let signal = format!("-{name}");
        let kill = Command::new("kill")
            .args([signal, self.id().to_string()])
            .status();
        assert!(kill.unwrap().success());
    }

    /// Kills it as `kill -9` does.
    pub(crate) fn kill(mut self) -> Past {
        self.process.kill().unwrap();
        self.past()
    }

    /// Lets it end.
    pub(crate) async fn end(mut self) -> Past {
        drop(self.process.stdin.take());
        let status = tokio::task::block_in_place(|| self.process.wait()).unwrap();
        assert!(status.success(), "{status}");
        self.past()
    }

    fn past(&mut self) -> Past {
        self.process.wait().unwrap();
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        Past {
            calls: self.told.calls.load(Ordering::Relaxed),
            failed: std::mem::take(&mut self.told.failed.lock().unwrap()),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
