//! No secret is in anything that is printed: not in our `Debug`, `Display` and error chains, not
//! in our log, and not in that of the HTTP client below us, in no encoding.
#![cfg(all(feature = "back-office", feature = "testing"))]

mod run;
mod search;

use std::{
    collections::{BTreeSet, HashMap},
    fmt::Write as _,
    time::Duration,
};

use bytes::Bytes;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tower_reauth::testing::back_office::ErrorShape;
use tracing_subscriber::fmt::{format::FmtSpan, writer::MakeWriterExt};

use crate::{
    run::Run,
    search::{Log, Secrets, base64, contains, forms},
};

/// Returns the places in which `evidence` holds a secret.
fn search(evidence: &[(String, String)], secrets: &Secrets) -> Vec<String> {
    // All forms by their first bytes, so that each text is passed through once.
    const KEY: usize = 5;
    let mut index = HashMap::<[u8; KEY], Vec<(String, String)>>::new();
    // Most places are ruled out by three bytes, without a hash.
    let mut begins = vec![false; 1 << 24];
    let begin =
        |key: &[u8]| usize::from(key[0]) << 16 | usize::from(key[1]) << 8 | usize::from(key[2]);
    for (what, secret) in secrets.known.lock().unwrap().iter() {
        for (encoding, form) in forms(secret) {
            let key: [u8; KEY] = form.as_bytes()[..KEY].try_into().unwrap();
            begins[begin(&key)] = true;
            let entry = index.entry(key).or_default();
            entry.push((format!("{what}, {encoding}"), form));
        }
    }
    let mut found = BTreeSet::new();
    let mut seen = std::collections::HashSet::new();
    for (place, text) in evidence {
        if !seen.insert(text) {
            continue;
        }
        let keys = text.as_bytes().windows(KEY);
        let candidates: BTreeSet<_> = keys
            .filter(|key| begins[begin(key)])
            .filter_map(|key| index.get(key))
            .flatten()
            .collect();
        for (what, form) in candidates {
            if contains(text, form) {
                found.insert(format!("{what} in {place}: {text}"));
            }
        }
    }
    found.into_iter().collect()
}

fn the_search_finds_every_encoding() {
    let secrets = Secrets::default();
    let secret = secrets.random("planted", "p\"ä/\\ %+");
    let hits = |text: String| {
        let found = search(&[("here".into(), text.clone())], &secrets);
        assert_eq!(found.is_empty(), secrets.found_in(&text).is_empty());
        found.len()
    };
    let json = serde_json::to_string(&secret).unwrap();
    assert!(hits(format!("x{secret}y")) > 0);
    assert!(hits(format!("x{secret:?}y")) > 0);
    assert!(hits(format!("{:?}", Bytes::from(secret.clone()))) > 0);
    assert!(hits(format!("{:?}", secret.as_bytes())) > 0);
    assert!(hits(json.clone()) > 0);
    assert!(hits(serde_json::to_string(&json).unwrap()) > 0);
    for prefix in ["", "a", "ab", "abc"] {
        for suffix in ["", "a", "ab"] {
            let mut padded = format!("{prefix}{secret}{suffix}").into_bytes();
            padded.extend(std::iter::repeat_n(0, 3));
            padded.truncate(padded.len() / 3 * 3);
            let encoded = base64(&padded);
            assert!(hits(encoded.clone()) > 0, "{prefix} {suffix}");
            assert!(hits(encoded.replace('+', "-").replace('/', "_")) > 0);
        }
    }
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    assert!(hits(hex.to_uppercase()) > 0);
    assert!(hits(hex) > 0);
    let percent = |byte: u8| match byte.is_ascii_alphanumeric() {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    assert!(hits(secret.bytes().map(percent).collect()) > 0);
    assert_eq!(hits(secret[..secret.len() - 4].to_owned()), 0);

    let codes = Secrets::default();
    codes.add("code", "123456");
    let hits = |text: &str| search(&[("here".into(), text.into())], &codes).len();
    assert!(hits("code=123456,") > 0);
    assert_eq!(hits("id=91234567"), 0);
}

#[test]
fn no_secret_is_in_anything_that_is_printed() {
    the_search_finds_every_encoding();

    let (ours, others) = (Log::default(), Log::default());
    let is_ours = |target: &str| target.starts_with("tower_reauth");
    let writer = ours
        .clone()
        .with_filter(move |metadata| is_ours(metadata.target()))
        .or_else(others.clone());
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .without_time()
        .with_ansi(false)
        // Entering and leaving a span says nothing that its beginning and its events do not.
        .with_span_events(FmtSpan::NEW | FmtSpan::CLOSE)
        .with_writer(writer)
        .init();
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let planted = panic.payload().downcast_ref::<String>();
        if !planted.is_some_and(|message| message.starts_with("planted")) {
            usual(panic);
        }
    }));

    let secrets = Secrets::default();
    let mut evidence = Vec::new();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        for (http2, shape) in [
            (false, ErrorShape::Message),
            (false, ErrorShape::Error),
            (false, ErrorShape::List),
            (false, ErrorShape::Map),
            (false, ErrorShape::Empty),
            (true, ErrorShape::Message),
        ] {
            let client = Client::builder(TokioExecutor::new())
                .http2_only(http2)
                .build_http();
            let run = Run::new(client, shape, secrets.clone()).await;
            tokio::time::timeout(Duration::from_secs(120), run.everything(http2))
                .await
                .expect("it hangs");
            evidence.append(&mut run.evidence.texts.lock().unwrap());
        }
    });
    // Nothing is proven by secrets that nobody knows of, or by a log that is empty.
    for what in [
        "access token",
        "refresh token",
        "2FA token",
        "code",
        "password",
    ] {
        assert!(secrets.count(what) >= 6, "{what}");
    }
    for target in ["h2::", "hyper_util::"] {
        assert!(
            others.lines().iter().any(|line| line.contains(target)),
            "{target}"
        );
    }
    for said in ["signed in", "renewed", "no new token could be had", "amiss"] {
        assert!(
            ours.lines().iter().any(|line| line.contains(said)),
            "{said}"
        );
    }
    evidence.extend(
        ours.lines()
            .into_iter()
            .map(|line| ("our log".to_owned(), line)),
    );
    let found = search(&evidence, &secrets);
    let mut report = String::new();
    for hit in found.iter().take(10) {
        writeln!(report, "{hit}").unwrap();
    }
    assert!(found.is_empty(), "{} hits:\n{report}", found.len());

    let others = others
        .lines()
        .into_iter()
        .map(|line| ("other log".to_owned(), line));
    let found = search(&others.collect::<Vec<_>>(), &secrets);
    for hit in found.iter().take(10) {
        writeln!(report, "{hit}").unwrap();
    }
    assert!(found.is_empty(), "{} hits:\n{report}", found.len());
}
