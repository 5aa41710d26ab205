//! Secrets are gone from memory when those who held them are.
#![cfg(target_os = "linux")]

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::{BoxError, Layer, ServiceExt, service_fn};
use tower_reauth::{
    Code, Renewal, SecretString, Session, Token,
    replay::ReplayBody,
    store::{StoreKey, StoreLayer},
    stores::MemoryStore,
};

const ORIGIN: &str = "https://api.example.com";

/// So many are used and dropped, because memory that is free is soon used for something else.
const MANY: usize = 64;

/// What secrets are looked for by, so that it is not found here: the end that they have in common,
/// because the allocator writes over the beginning of what is freed.
struct Masked(Vec<u8>);

const MASK: u8 = 0x5A;

impl Masked {
    /// New secrets, and what to look for them by.
    fn new() -> (Vec<String>, Self) {
        let letters =
            |length| -> String { (0..length).map(|_| fastrand::alphanumeric()).collect() };
        let end = letters(16);
        let secrets = (0..MANY).map(|_| letters(24) + &end).collect();
        let masked = end.bytes().map(|byte| byte ^ MASK).collect();
        // Its own is wiped by what comes in its place.
        drop(SecretString::from(end));
        (secrets, Self(masked))
    }

    /// How often it is in this process's memory.
    fn copies(&self) -> usize {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let mut memory = File::open("/proc/self/mem").unwrap();
        let mut copies = 0;
        for line in maps.lines() {
            let (range, rest) = line.split_once(' ').unwrap();
            // The kernel's own are not for reading.
            if !rest.starts_with("rw") || line.ends_with("[vvar]") {
                continue;
            }
            let (from, to) = range.split_once('-').unwrap();
            let [from, to] = [from, to].map(|text| u64::from_str_radix(text, 16).unwrap());
            memory.seek(SeekFrom::Start(from)).unwrap();
            let mut region = vec![0; usize::try_from(to - from).unwrap()];
            if memory.read_exact(&mut region).is_err() {
                continue;
            }
            copies += region
                .windows(self.0.len())
                .filter(|place| self.is_in(place))
                .count();
            region.fill(0);
        }
        copies
    }

    fn is_in(&self, place: &[u8]) -> bool {
        place
            .iter()
            .zip(&self.0)
            .all(|(byte, masked)| byte ^ MASK == *masked)
    }
}

#[test]
fn what_nobody_wiped_is_found() {
    let (secrets, masked) = Masked::new();
    assert!(masked.copies() >= MANY);
    drop(secrets);
    assert!(masked.copies() > MANY / 2);
}

#[test]
fn tokens_are_gone_with_their_sessions_and_requests() {
    let (secrets, access) = Masked::new();
    let (refresh_secrets, refresh) = Masked::new();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    // On a thread of its own, because each thread keeps a copy of what it sends until it ends.
    let used = std::thread::spawn(move || {
        runtime.block_on(async {
            for (secret, refresh_secret) in secrets.into_iter().zip(refresh_secrets) {
                sign_in_and_call(secret, refresh_secret).await;
            }
        })
    });
    used.join().unwrap();
    assert_eq!(access.copies(), 0, "of access tokens");
    assert_eq!(refresh.copies(), 0, "of refresh tokens");
}

async fn sign_in_and_call(secret: String, refresh_secret: String) {
    let token = Token::new(secret).unwrap();
    let token = token.with_refresh_token(refresh_secret).unwrap();
    let tokens = service_fn(move |_: Renewal| {
        let token = token.clone();
        async move { Ok::<_, BoxError>(token) }
    });
    let key = StoreKey::new("memory", ORIGIN, "user");
    let session = Session::builder(tokens)
        .origin(ORIGIN)
        .store(StoreLayer::new(MemoryStore::new(), key))
        .build()
        .unwrap();
    let server = service_fn(|request: Request<ReplayBody>| async move {
        assert!(request.headers().contains_key("authorization"));
        drop(request);
        Ok::<_, BoxError>(Response::new(Full::<Bytes>::default()))
    });
    let client = session.layer().layer(server);
    let request = Request::get(ORIGIN).body(Full::<Bytes>::default()).unwrap();
    client.oneshot(request).await.unwrap();
    session.settled().await;
    assert_eq!(session.token().await.unwrap().generation(), 1);
}

#[test]
fn codes_and_passwords_are_gone_as_well() {
    let (secrets, code) = Masked::new();
    let (passwords, password) = Masked::new();
    let codes: Vec<Code> = secrets
        .into_iter()
        .map(|code| Code::new(code).unwrap())
        .collect();
    let passwords: Vec<SecretString> = passwords.into_iter().map(SecretString::from).collect();
    drop((codes.clone(), passwords.clone()));
    drop((codes, passwords));
    assert_eq!(code.copies(), 0, "of codes");
    assert_eq!(password.copies(), 0, "of passwords");
}
