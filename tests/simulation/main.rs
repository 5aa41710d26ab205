//! Sessions over a network that fails in every way at once, on virtual time: what callers see is
//! held against a model of what they may see.
//!
//! Each seed is a story of its own, and the same story each time:
//!
//! ```sh
//! cargo test --test simulation                         # 200 seeds
//! SIMULATION_SEEDS=100000 cargo test --release --test simulation
//! SIMULATION_SEED=17 cargo test --test simulation      # one of them
//! ```

mod callers;
mod clock;
mod net;
mod server;
mod soak;

use std::{
    env,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    time::Duration,
};

use tokio::{runtime::Builder, time::sleep};
use tower::{Layer, util::BoxCloneSyncService};
use tower_reauth::{
    layers::{NormalizeLayer, normalize::OAuthErrors},
    providers::oauth2::OAuth2,
};

use self::{callers::Seen, clock::JumpyClock, net::Net, server::Server};

/// How long things go wrong.
const TROUBLE: Duration = Duration::from_secs(120);

/// The longest pause after a failure is five minutes, and a twentieth.
const RECOVERY: Duration = Duration::from_secs(330);

/// How long all has to be well in the end.
const CALM: Duration = Duration::from_secs(60);

#[test]
fn whatever_the_network_does_callers_see_what_the_model_allows() {
    let number = |name| env::var(name).ok().map(|text| text.parse().unwrap());
    let seeds: Vec<u64> = match number("SIMULATION_SEED") {
        Some(seed) => vec![seed],
        None => (0..number("SIMULATION_SEEDS").unwrap_or(200)).collect(),
    };
    let mut all = Told::default();
    for seed in &seeds {
        match catch_unwind(AssertUnwindSafe(|| story(*seed))) {
            Ok(told) => all.add(&told),
            Err(panic) => {
                eprintln!("again: SIMULATION_SEED={seed} cargo test --test simulation");
                resume_unwind(panic);
            }
        }
    }
    println!("{} seeds: {all:?}", seeds.len());
    // A story in which nothing happens proves nothing.
    let each = seeds.len() as u64;
    assert!(all.calls > 100 * each && all.failed > each && all.renewals > each);
    assert!(all.lost_tokens > each / 2 && all.sign_ins > each);
}

/// What happened, as far as it tells that something did.
#[derive(Debug, Default)]
struct Told {
    calls: u64,
    failed: u64,
    dropped: u64,
    sign_ins: u64,
    renewals: u64,
    /// Answers with tokens that never arrived.
    lost_tokens: u64,
    /// Refresh tokens that came a second time, each after its answer was lost.
    came_twice: u64,
}

impl Told {
    fn add(&mut self, more: &Self) {
        self.calls += more.calls;
        self.failed += more.failed;
        self.dropped += more.dropped;
        self.sign_ins += more.sign_ins;
        self.renewals += more.renewals;
        self.lost_tokens += more.lost_tokens;
        self.came_twice += more.came_twice;
    }
}

fn story(seed: u64) -> Told {
    // All that is random, in the crate as well, comes from here.
    fastrand::seed(seed);
    let runtime = Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let told = runtime.block_on(async {
        let told = live().await;
        // What nobody wants any more ends by itself.
        sleep(Duration::from_secs(120)).await;
        told
    });
    let left = runtime.metrics().num_alive_tasks();
    assert_eq!(left, 0, "tasks are left over");
    told
}

async fn live() -> Told {
    let (net, server) = (Net::default(), Server::default());
    let clock = JumpyClock::new();
    let http = net.over(&server);
    let oauth2 = OAuth2::builder(http.clone(), "https://auth.example.com/token")
        .client_id("simulated")
        .client_secret("s3cret")
        .client_credentials()
        .clock(clock.clone())
        .build()
        .unwrap();
    let session = oauth2
        .session()
        .origin("https://api.example.com")
        .clock(clock.clone())
        .build()
        .unwrap();
    let layers = (session.layer(), NormalizeLayer::new(OAuthErrors::new()));
    let api = BoxCloneSyncService::new(layers.layer(http));

    let seen = Seen::default();
    let trouble = tokio::spawn(net::trouble(
        net.clone(),
        server.clone(),
        clock,
        session.clone(),
    ));
    callers::call(&api, &seen, TROUBLE).await;
    trouble.abort();
    let _ = trouble.await;
    net.is_well();

    callers::call(&api, &seen, RECOVERY).await;
    seen.all_is_well_now();
    callers::call(&api, &seen, CALM).await;
    session.settled().await;
    check(&net, &server, &seen)
}

fn check(net: &Net, server: &Server, seen: &Seen) -> Told {
    let (told, log) = (seen.told(), server.log());
    // What was on its way when the session was cleared comes to its end beside the new sign-in.
    let most = 1 + net.clears();
    assert!(
        log.most_at_once <= most,
        "{} asked for a token at once",
        log.most_at_once
    );
    assert!(net.most_sends() <= 2, "a call was sent oftener than twice");
    for (id, effects) in &log.effects {
        assert_eq!(*effects, 1, "call {id} had more than one effect");
    }
    // Without an answer nobody can know, and it is asked once more.
    assert!(
        log.came_twice <= net.lost_tokens(),
        "{} refresh tokens came twice, {} answers were lost",
        log.came_twice,
        net.lost_tokens()
    );
    Told {
        calls: told.calls,
        failed: told.failed,
        dropped: told.dropped,
        sign_ins: log.sign_ins,
        renewals: log.renewals,
        lost_tokens: net.lost_tokens(),
        came_twice: log.came_twice,
    }
}
