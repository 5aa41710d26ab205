//! Q2 Open: plain calls with an API key, or auths that end by webhook.

use std::time::Duration;

use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::net::TcpListener;
use tower::{ServiceBuilder, service_fn};
use tower_reauth::{
    CodeRequest, Error, SecretString,
    providers::q2::{Delivery, Event, NewAuth, Q2, Webhook},
};

use super::request_timeout;
use crate::{
    args::Given,
    body::CallBody,
    call::{self, Answer},
    codes::{self, SIGN_IN},
    environment,
    settings::Settings,
    stack::{Counter, Meters, Setup, Stack},
    urls,
    usage::Usage,
};

/// What means nothing to an auth.
const NOT_FOR_AUTHS: [&str; 10] = [
    "path",
    "method",
    "body",
    "body-file",
    "content-type",
    "stream-body",
    "store",
    "redis",
    "renew-ahead",
    "sign-out",
];

/// What means nothing to plain calls.
const NOT_FOR_KEYS: [&str; 4] = ["store", "redis", "renew-ahead", "sign-out"];

/// Whether each call is an auth.
pub(super) fn is_auth(given: &Given) -> bool {
    given.has("client-id")
}

pub(super) async fn stack<B: CallBody>(setup: Setup<'_, B>) -> Result<Stack, Usage> {
    let (given, settings) = (setup.given, &setup.settings);
    let api_key = environment::required("PROBE_API_KEY", "the API key")?;
    let auth = auth(given)?;
    let rounds = Counter::default();
    let meters = Meters {
        mfa_rounds: rounds.meter(),
        ..Meters::default()
    };
    let patience = patience(settings);
    let q2 = Q2::builder(setup.clients.sign_in.clone(), settings.base_url.as_str())
        .api_key(api_key)
        .code_service(service_fn(|request: CodeRequest| {
            codes::get(SIGN_IN, request)
        }))
        .observer(move |event: &Event, delivery: Delivery| {
            if event.kind() == "auth.mfa-required" && delivery == Delivery::Delivered {
                rounds.add();
            }
        })
        .first_event_timeout(patience)
        .mfa_timeout(patience)
        .request_timeout(request_timeout(settings))
        .build()?;

    let mut notes = Vec::new();
    let mut listening = None;
    if auth.is_some() || given.has("webhook-listen") {
        let webhook = webhook(&q2, given, &mut notes)?;
        listening = Some(listen(webhook, given).await?);
    }
    let Some(auth) = auth else {
        let unused = NOT_FOR_KEYS.into_iter().filter(|name| given.has(name));
        notes.extend(unused.map(|name| format!("--{name} is not used: an API key is no sign-in")));
        let session = q2.session().build().map_err(Error::from)?;
        let layer = ServiceBuilder::new()
            .layer(session.layer())
            .layer(q2.signing_layer());
        // A static key is no sign-in: there is no session whose events would count.
        let stack = setup.stack(None, layer, meters);
        return Ok(Stack {
            listening,
            notes,
            ..stack
        });
    };

    let unused = NOT_FOR_AUTHS.into_iter().filter(|name| given.has(name));
    notes.extend(
        unused.map(|name| format!("--{name} is not used: with --client-id each call is an auth")),
    );
    let timeout = settings.plan.timeout;
    Ok(Stack {
        session: None,
        caller: call::caller_of(timeout, move |_| {
            let (q2, auth) = (q2.clone(), auth.clone());
            async move {
                let verified = q2.create_auth(auth).await?;
                Ok(Answer::new(verified.status()))
            }
        }),
        meters,
        listening,
        notes,
    })
}

/// How long to wait for an event: a little less than for the whole call, so that the caller hears what
/// it was that did not come.
fn patience(settings: &Settings) -> Duration {
    const REST: Duration = Duration::from_millis(500);
    let timeout = settings.plan.timeout;
    (timeout - REST.min(timeout / 10)).max(Duration::from_millis(1))
}

/// Reads which auth is to be created, if any.
fn auth(given: &Given) -> Result<Option<NewAuth>, Usage> {
    let Some(client) = given.get("client-id") else {
        let alone = ["company-id", "form", "form-env"]
            .into_iter()
            .find(|name| given.has(name));
        return match alone {
            None => Ok(None),
            Some(name) => Err(Usage::new(
                format!("--{name} is given without --client-id"),
                "Add --client-id ID to create an auth, or leave it out for a plain call.",
            )),
        };
    };
    let company = given.required("company-id", "579b695decea110719b1874d")?;
    let mut auth = NewAuth::new(client, company);
    let mut has_field = false;
    for (option, field) in fields(given) {
        // What is wrong with it is not shown: it may be a password.
        let Some((name, value)) = field.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            return Err(Usage::new(
                format!("the value of --{option} is not a name and a value"),
                "Write it like --form username=test, or --form-env password=NAME_OF_VARIABLE.",
            ));
        };
        let value: SecretString = match option {
            "form-env" => environment::required(value, "what the field should hold")?,
            _ => value.into(),
        };
        auth = auth.field(name, value);
        has_field = true;
    }
    if !has_field {
        return Err(Usage::new(
            "the auth has no login field",
            "Add those of the company, as in --form username=test --form-env password=NAME",
        ));
    }
    Ok(Some(auth))
}

fn fields(given: &Given) -> impl Iterator<Item = (&'static str, &str)> {
    let of = |option| given.all(option).map(move |field| (option, field));
    of("form").chain(of("form-env"))
}

fn webhook(q2: &Q2, given: &Given, notes: &mut Vec<String>) -> Result<Webhook, Usage> {
    let webhook = q2.webhook();
    let webhook = match given.get("webhook-keys") {
        Some(url) => {
            urls::check_with_query("webhook-keys", url)?;
            webhook.published_keys_at(url)
        }
        None => {
            let note = "events are taken from whoever sends them: --webhook-keys URL requires a \
                        signature";
            notes.push(note.to_owned());
            webhook.insecure_unverified()
        }
    };
    Ok(webhook.build()?)
}

/// Takes events from now on, on any path. Returns where.
async fn listen(webhook: Webhook, given: &Given) -> Result<String, Usage> {
    let address = given.get("webhook-listen").unwrap_or("127.0.0.1:0");
    let cannot = |error: std::io::Error| {
        Usage::new(
            format!("cannot listen on {address}: {error}"),
            "Write an address of this machine, as in --webhook-listen 127.0.0.1:8080",
        )
    };
    let listener = TcpListener::bind(address).await.map_err(cannot)?;
    let local = listener.local_addr().map_err(cannot)?;
    tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                // Too many open files, mostly: that passes.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let service = TowerToHyperService::new(webhook.clone());
            tokio::spawn(async move {
                let server = auto::Builder::new(TokioExecutor::new());
                // A sender that hangs up is no business of ours.
                let _ = server.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    Ok(format!("http://{local}/"))
}
