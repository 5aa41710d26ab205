//! Load over real sockets: a client with a fixed header and the same client with the layers take
//! turns, while the server kills tokens or lets them expire. Prints a table, and draws a chart.
//!
//! ```sh
//! cargo run --release --example load
//! cargo run --release --example load -- --http h2 --callers 1024 --kill 0
//! cargo run --release --example load -- --help
//! ```
//!
//! Callers are a closed loop: each begins a call when its last one has ended. Client and server
//! have a thread of their own each, and what the client's thread costs is told for each call.

mod args;
mod chart;
mod contestants;
mod cpu;
mod figures;
mod server;
mod slice;

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};
use tower_reauth::BoxError;

use self::{
    args::{Request, Settings},
    contestants::{Contestant, contestants},
    figures::Figures,
    server::{Counts, Server},
    slice::Slice,
};

fn main() -> ExitCode {
    match args::parse(std::env::args_os().skip(1)) {
        Ok(Request::Help) => {
            print!("{}", args::HELP);
            ExitCode::SUCCESS
        }
        Ok(Request::Load(settings)) => match load(&settings) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => {
                eprintln!("load: {error}");
                ExitCode::FAILURE
            }
        },
        Err(wrong) => {
            eprintln!("load: {wrong}; --help names what there is");
            ExitCode::from(2)
        }
    }
}

/// Returns whether all calls succeeded.
fn load(settings: &Settings) -> Result<bool, BoxError> {
    cpu::allow_many_sockets();
    let server = Server::start(settings)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let begun = Instant::now();
    let mut figures = Vec::new();
    runtime.block_on(async {
        let contestants = contestants(settings, &server)?;
        figures.extend(contestants.iter().map(|one| Figures::new(one.name())));
        take_turns(settings, &server, contestants, begun, &mut figures).await;
        Ok::<_, BoxError>(())
    })?;
    let calls: usize = figures.iter().map(Figures::calls).sum();
    if calls == 0 {
        return Err("no call ended: give it more --seconds".into());
    }
    figures::print(settings, &figures);
    if let Some(path) = &settings.svg {
        chart::draw(path, settings, &figures, &server.changes(), begun)?;
        println!("\nchart: {}", path.display());
    }
    Ok(figures.iter().all(|one| one.failed() == 0))
}

/// Lets one contestant after the other make calls for a slice of time. The first round is for
/// connections and sign-ins, and is not counted.
async fn take_turns(
    settings: &Settings,
    server: &Server,
    mut contestants: Vec<Box<dyn Contestant>>,
    begun: Instant,
    figures: &mut [Figures],
) {
    let rounds = settings.rounds();
    let bar = ProgressBar::new(u64::from(rounds));
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {elapsed} of {duration}  {msg}") {
        bar.set_style(style);
    }
    // A contestant meets in its turn what was killed in the turns of others.
    let mut kills = vec![0; contestants.len()];
    for round in 0..=rounds {
        let each = contestants.iter_mut().zip(&mut *figures).zip(&mut kills);
        for ((contestant, figures), kills) in each {
            let (before, cpu) = (server.counts(), cpu::of_this_thread());
            let calls = contestant.call(settings.slice, begun).await;
            let mut slice = Slice {
                calls,
                cpu: cpu::of_this_thread().saturating_sub(cpu),
                counts: server.counts().since(&before),
            };
            let all = server.counts().kills;
            slice.counts.kills = all - std::mem::replace(kills, all);
            if round > 0 {
                bar.set_message(slice.told(contestant.name(), settings.slice));
                figures.add(slice);
            }
        }
        bar.set_position(u64::from(round));
        let calls: usize = figures.iter().map(Figures::calls).sum();
        if calls >= settings.most_calls {
            break;
        }
    }
    bar.finish_and_clear();
}

impl Slice {
    fn told(&self, name: &str, lasted: Duration) -> String {
        let per_second = self.calls.len() as f64 / lasted.as_secs_f64();
        let Counts { refused, .. } = self.counts;
        format!("{name}: {per_second:.0} calls a second, {refused} answers of 401")
    }
}
