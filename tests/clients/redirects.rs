//! No credential of any kind arrives at another origin, whoever follows the redirect.

use std::net::Ipv4Addr;

use http::{HeaderName, StatusCode, header, response};
use tokio::net::TcpListener;
use tower::{Layer, ServiceExt};
use tower_http::follow_redirect::FollowRedirectLayer;
use tower_reauth::{Code, Placement, layers::Mfa};

use crate::{
    kinds::{Kind, on_each_client},
    server::{Act, Server},
    support::World,
};

on_each_client!(
    a_redirect_elsewhere_is_not_followed,
    above_the_layers_it_is_followed_without_credential,
    nor_does_a_code_go_there,
);

const STATUSES: [StatusCode; 5] = [
    StatusCode::MOVED_PERMANENTLY,
    StatusCode::FOUND,
    StatusCode::SEE_OTHER,
    StatusCode::TEMPORARY_REDIRECT,
    StatusCode::PERMANENT_REDIRECT,
];

const KEY: HeaderName = HeaderName::from_static("x-session-key");

fn placements() -> [Placement; 2] {
    [Placement::bearer(), Placement::header(KEY)]
}

async fn a_redirect_elsewhere_is_not_followed(kind: Kind) {
    for placement in placements() {
        let world = World::with_tokens_in(kind, placement).await;
        let port = world.server.address().port();
        let other_port = Server::start().await;
        // The same port at another of this machine's addresses.
        let other_host = TcpListener::bind((Ipv4Addr::new(127, 0, 0, 2), port)).await;
        let other_host = Server::on(other_host.unwrap());
        let targets = [
            other_port.url("/there"),
            other_host.url("/there"),
            other_host.url("/there").replace("http:", ""),
            format!("http://localhost:{port}/there"),
            format!("https://127.0.0.1:{port}/there"),
            format!("http://127.0.0.1:{port}@127.0.0.2:{port}/there"),
        ];
        for status in STATUSES {
            for target in &targets {
                world.server.next(Act::Redirect(status, target.clone()));
                let answer = world.send(world.post("secret")).await.unwrap();
                assert_eq!(answer.status, status, "{target}");
                assert_eq!(answer.headers[header::LOCATION], **target);
            }
        }
        assert_eq!(world.server.counts().sends, STATUSES.len() * targets.len());
        assert_eq!(other_port.counts().connections, 0);
        assert_eq!(other_host.counts().connections, 0);
    }
}

async fn above_the_layers_it_is_followed_without_credential(kind: Kind) {
    for placement in placements() {
        let world = World::with_tokens_in(kind, placement).await;
        let other = Server::start().await;
        let client = FollowRedirectLayer::new().layer(world.client.clone());
        for status in STATUSES {
            world
                .server
                .next(Act::Redirect(status, other.url("/there")));
            other.next(Act::Redirect(status, world.server.url("/back")));
            let response = client.clone().oneshot(world.get("/")).await.unwrap();
            assert_eq!(response.status(), StatusCode::OK);
        }
        // There and back again: it is there where it belongs.
        assert_eq!(world.server.counts().sends, 2 * STATUSES.len());
        let seen = other.seen();
        assert_eq!(seen.len(), STATUSES.len());
        for seen in seen {
            assert_eq!(seen.uri.path(), "/there");
            let shown = format!("{:?}", seen.headers).to_lowercase();
            assert!(
                !shown.contains("token") && !shown.contains("bearer"),
                "{shown}"
            );
            assert!(!seen.headers.contains_key(KEY));
        }
        assert_eq!(world.minted(), 1);
    }
}

async fn nor_does_a_code_go_there(kind: Kind) {
    const OTP: HeaderName = HeaderName::from_static("x-otp");
    let world = World::new(kind).await;
    let other = Server::start().await;
    let challenge = |_: &response::Parts, _: &[u8]| None;
    let mfa = Mfa::builder(OTP, challenge)
        .origin(world.server.url(""))
        .build()
        .unwrap();
    mfa.set(Code::new("123456").unwrap());
    let client = kind.signed_in(world.session.layer().mfa(&mfa));
    let client = FollowRedirectLayer::new().layer(client);
    for status in STATUSES {
        world
            .server
            .next(Act::Redirect(status, other.url("/there")));
        other.next(Act::Redirect(status, world.server.url("/back")));
        let response = client.clone().oneshot(world.get("/")).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
    }
    let codes = |server: &Server| {
        let seen = server.seen().into_iter();
        seen.filter(|seen| seen.headers.contains_key(OTP)).count()
    };
    assert_eq!(codes(&world.server), 2 * STATUSES.len());
    assert_eq!((codes(&other), other.seen().len()), (0, STATUSES.len()));
}
