//! Ten thousand replicas of a program share one account, on virtual time: they start within half a
//! minute, the server revokes everything, the store goes away while the token runs out, and the
//! server kills access tokens. Prints what the server saw and what callers felt, and draws it.
//!
//! ```sh
//! cargo run --release --example fleet -- [REPLICAS] [SVG]
//! ```
//!
//! The replicas are real sessions with the real layers over a store in memory; the server, the
//! network and the clock are simulated, so an hour takes seconds and a run can be repeated.

mod chart;
mod replica;
mod server;
mod store;

use std::{process::ExitCode, sync::Arc, time::Duration};

use tokio::{task::JoinSet, time::sleep};
use tower_reauth::BoxError;

use self::{replica::Felt, server::Server, store::Store};

/// How long the story takes.
const WHOLE: Duration = Duration::from_secs(20 * 60);

/// What happens when.
const STORY: [(u64, &str); 4] = [
    (300, "all tokens revoked"),
    (540, "store away for 30 s"),
    (840, "access tokens killed"),
    (1020, "all tokens revoked while the store is away"),
];

fn main() -> Result<ExitCode, BoxError> {
    let mut arguments = std::env::args().skip(1);
    let replicas = arguments.next().map_or(Ok(10_000), |text| text.parse())?;
    let path = arguments
        .next()
        .unwrap_or_else(|| "target/fleet.svg".into());
    fastrand::seed(7);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()?;
    let (server, felt) = runtime.block_on(run(replicas));
    chart::draw(&path, &server, &felt)?;
    let is_good = tell(replicas, &server, &felt);
    println!("  chart                             {path}");
    Ok(if is_good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn run(replicas: usize) -> (Server, Felt) {
    let (server, store) = (Server::new(), Store::default());
    let felt = Felt::default();
    let mut fleet = JoinSet::new();
    for _ in 0..replicas {
        fleet.spawn(replica::live(server.clone(), store.clone(), felt.clone()));
    }
    fleet.spawn(tell_the_story(server.clone(), store.clone()));
    sleep(WHOLE).await;
    fleet.shutdown().await;
    (server, felt)
}

async fn tell_the_story(server: Server, store: Store) {
    let [revoked, away, killed, both] = STORY.map(|(at, _)| at);
    let begun = tokio::time::Instant::now();
    let at = |seconds| tokio::time::sleep_until(begun + Duration::from_secs(seconds));
    at(revoked).await;
    server.revoke_all();
    at(away).await;
    store.go_away();
    at(away + 30).await;
    store.come_back();
    at(killed).await;
    server.kill_access_tokens();
    at(both).await;
    store.go_away();
    server.revoke_all();
    at(both + 30).await;
    store.come_back();
    std::future::pending::<()>().await;
}

fn tell(replicas: usize, server: &Server, felt: &Felt) -> bool {
    let log = server.log();
    let felt = felt.read();
    let busiest = server::busiest_minute(&log.sign_ins);
    let within = busiest <= server::LIMIT;
    println!("  replicas                {replicas:>15}");
    println!("  virtual time            {:>13} s", WHOLE.as_secs());
    println!("  calls                   {:>15}", felt.calls);
    println!("  failed                  {:>15}", felt.failed.len());
    println!(
        "    while the store was away{:>15}",
        felt.failed_without_store
    );
    println!("  sign-ins                {:>15}", log.sign_ins.len());
    println!(
        "    most in any minute    {busiest:>15}  (the provider allows {})",
        server::LIMIT
    );
    println!("  renewals                {:>15}", log.refreshes.len());
    println!("  refresh tokens reused   {:>15}", log.reuses);
    println!("  answers of 401          {:>15}", felt.hidden);
    println!(
        "  worst wait              {:>13.1} s",
        felt.worst.as_secs_f64()
    );
    let others = felt.failed.len() as u64 - felt.failed_without_store;
    // If the store goes away in the middle of a renewal, whoever is next cannot know what came of it.
    let outages = STORY
        .iter()
        .filter(|(_, what)| what.contains("away"))
        .count() as u64;
    within && log.reuses <= outages && others == 0
}

/// How long a step over the network takes.
async fn network() {
    sleep(Duration::from_micros(fastrand::u64(500..20_000))).await;
}

type Shared<T> = Arc<std::sync::Mutex<T>>;
