//! What a contestant's turns came to, and the table of all.

use std::time::Duration;

use crate::{
    args::Settings,
    server::Counts,
    slice::{Call, Slice},
};

pub(crate) struct Figures {
    pub(crate) name: &'static str,
    pub(crate) calls: Vec<Call>,
    turns: u32,
    cpu: Duration,
    counts: Counts,
}

// === impl Figures ===

impl Figures {
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            calls: Vec::new(),
            turns: 0,
            cpu: Duration::ZERO,
            counts: Counts::default(),
        }
    }

    pub(crate) fn add(&mut self, slice: Slice) {
        self.calls.extend(slice.calls);
        self.turns += 1;
        self.cpu += slice.cpu;
        self.counts.add(&slice.counts);
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.len()
    }

    /// Calls that the caller saw fail.
    pub(crate) fn failed(&self) -> usize {
        self.count(|call| !call.status.is_some_and(|status| status.is_success()))
    }

    fn count(&self, is: impl Fn(&Call) -> bool) -> usize {
        self.calls.iter().filter(|call| is(call)).count()
    }

    /// Microseconds of the client's thread for each call.
    fn cpu_per_call(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.calls.len().max(1) as f64
    }
}

pub(crate) fn print(settings: &Settings, all: &[Figures]) {
    let http = if settings.http2 { "h2" } else { "h1" };
    println!(
        "{http}, {} callers, {} s each in turns of {} ms\n",
        settings.callers,
        settings.whole.as_secs(),
        settings.slice.as_millis(),
    );
    println!(
        "{:<12}{:>10}{:>10}{:>10}{:>10}{:>10}{:>8}{:>8}{:>8}{:>8}{:>8}{:>8}{:>8}",
        "",
        "calls/s",
        "p50 ms",
        "p99 ms",
        "p99.9 ms",
        "CPU us",
        "ratio",
        "failed",
        "waited",
        "kills",
        "tokens",
        "401s",
        "a kill",
    );
    let base = all.first().map_or(0.0, Figures::cpu_per_call);
    for one in all {
        let mut times: Vec<_> = one.calls.iter().map(|call| call.took).collect();
        times.sort_unstable();
        let at = |part: f64| {
            let place = (times.len() as f64 * part) as usize;
            let time = times.get(place).or(times.last());
            time.map_or(0.0, Duration::as_secs_f64) * 1e3
        };
        let lasted = settings.slice.as_secs_f64() * f64::from(one.turns);
        let Counts {
            tokens,
            kills,
            refused,
        } = one.counts;
        let per_kill = match kills {
            0 => "-".into(),
            kills => format!("{:.0}", refused as f64 / kills as f64),
        };
        let cpu = one.cpu_per_call();
        println!(
            "{:<12}{:>10.0}{:>10.3}{:>10.3}{:>10.3}{cpu:>10.2}{:>8.3}{:>8}{:>8}{kills:>8}{tokens:>8}\
             {refused:>8}{per_kill:>8}",
            one.name,
            one.calls.len() as f64 / lasted,
            at(0.5),
            at(0.99),
            at(0.999),
            if base > 0.0 { cpu / base } else { 0.0 },
            one.failed(),
            one.count(|call| call.waited),
        );
    }
    println!(
        "\nCPU: of the client's thread for each call, and against the first contestant's. waited: \
         calls that had no token to begin with."
    );
}
