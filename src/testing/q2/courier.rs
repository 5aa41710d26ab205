//! The way of an event to the webhook.

use std::{io, sync::Arc, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use serde::Deserialize;

use super::{
    Delivered, Delivery, Envelope, Event, Forgery, Signature, jose::Recipient, post::post,
    state::Shared,
};

/// What the builder says about webhooks.
#[derive(Clone)]
pub(super) struct Webhooks {
    pub(super) envelope: Envelope,
    pub(super) signature: Option<Signature>,
    pub(super) recipient: Option<Recipient>,
    pub(super) token: Option<TokenRequest>,
    /// How many more attempts follow one that fails.
    pub(super) retries: usize,
    pub(super) retry_pause: Duration,
    pub(super) timeout: Duration,
}

/// Where the bearer token for the webhook comes from.
#[derive(Clone)]
pub(super) struct TokenRequest {
    pub(super) url: Uri,
    /// A form.
    pub(super) payload: String,
}

/// A bearer token for the webhook.
#[derive(Clone)]
pub(super) struct Token {
    bearer: String,
    /// On the monotonic clock.
    expires: Option<Duration>,
}

/// The events that came about at once, each with how it is delivered; `None` is as usual.
#[derive(Clone, Default)]
pub(super) struct Batch {
    before: Vec<(Event, Option<Delivery>)>,
    after: Vec<(Event, Option<Delivery>)>,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    expires_in: Option<u64>,
}

impl Default for Webhooks {
    fn default() -> Self {
        Self {
            envelope: Envelope::Wrapped,
            signature: None,
            recipient: None,
            token: None,
            retries: 2,
            retry_pause: Duration::ZERO,
            timeout: Duration::from_secs(30),
        }
    }
}

/// Sorts events by whether they go out before the answer, each with its script.
pub(super) fn sort(shared: &Shared, events: Vec<Event>) -> Batch {
    let mut state = shared.state();
    state.counts.events += events.len() as u64;
    let mut batch = Batch::default();
    for event in events {
        match state.outbox.next_script(&event) {
            Some(Delivery::BeforeAnswer) => {
                // Those ahead of it do not wait any longer either.
                batch.before.append(&mut batch.after);
                batch.before.push((event, None));
            }
            script => batch.after.push((event, script)),
        }
    }
    batch
}

/// Delivers events in order, and returns when those that come before the answer are through. The
/// others go on by themselves.
pub(super) async fn send(shared: &Arc<Shared>, batch: Batch) {
    for (event, script) in batch.before {
        carry(shared, event, script).await;
    }
    if !batch.after.is_empty() {
        let courier = shared.clone();
        shared.spawn(async move {
            for (event, script) in batch.after {
                carry(&courier, event, script).await;
            }
        });
    }
}

async fn carry(shared: &Arc<Shared>, event: Event, script: Option<Delivery>) {
    match script {
        None | Some(Delivery::BeforeAnswer) => usual(shared, &event).await,
        Some(Delivery::Twice) => {
            usual(shared, &event).await;
            usual(shared, &event).await;
        }
        Some(Delivery::AfterNext) => shared.state().outbox.put_behind(event),
        Some(Delivery::Late(wait)) => {
            let courier = shared.clone();
            shared.spawn(async move {
                courier.desk.clock().sleep(wait).await;
                usual(&courier, &event).await;
            });
        }
        Some(Delivery::Held) => {
            shared.state().outbox.hold(event);
            shared.changed.notify_waiters();
        }
        Some(Delivery::Never) => {}
        Some(Delivery::AfterUnknown) => {
            let unknown = Event::new("auth.never-heard-of").like(&event);
            usual(shared, &unknown).await;
            usual(shared, &event).await;
        }
        Some(Delivery::Forged(forgery)) => {
            attempt(shared, &event, Some(forgery)).await;
            usual(shared, &event).await;
        }
    }
}

/// Delivers `event`, again if that fails, and then those that waited for another to go first.
async fn usual(shared: &Arc<Shared>, event: &Event) {
    persist(shared, event).await;
    let behind = shared.state().outbox.take_behind();
    for event in behind {
        persist(shared, &event).await;
    }
}

async fn persist(shared: &Arc<Shared>, event: &Event) {
    let webhooks = &shared.settings.webhooks;
    for left in (0..=webhooks.retries).rev() {
        let status = attempt(shared, event, None).await;
        if left == 0 || status.is_some_and(|status| (200..300).contains(&status)) {
            return;
        }
        shared.desk.clock().sleep(webhooks.retry_pause).await;
    }
}

/// Delivers `event` once, and returns the status that comes back, if any does.
pub(super) async fn attempt(
    shared: &Shared,
    event: &Event,
    forgery: Option<Forgery>,
) -> Option<u16> {
    let url = shared.state().webhook.clone()?;
    // Whoever takes the event may act on it before its answer is here.
    let concluded = match (event.outcome_of(), forgery) {
        (Some((client, company)), None) => shared.state().submissions.conclude(client, company),
        _ => Vec::new(),
    };
    let timeout = shared.desk.clock().sleep(shared.settings.webhooks.timeout);
    let sent = async {
        let headers = headers(shared, forgery).await?;
        post(&url, headers, body(shared, event)).await
    };
    let status = tokio::select! {
        // An answer that is there counts, however late it is.
        biased;
        sent = sent => sent.ok().map(|(status, _)| status.as_u16()),
        () = timeout => None,
    };
    let mut state = shared.state();
    if status == Some(401) {
        // The token may be to blame, and the next attempt gets another.
        state.webhook_token = None;
    }
    let accepted = status.is_some_and(|status| (200..300).contains(&status));
    if !accepted {
        state.submissions.reopen(concluded);
    }
    state.counts.deliveries += 1;
    match (status, forgery) {
        (_, Some(forgery)) => {
            state.counts.forged += 1;
            if accepted {
                state.counts.forged_accepted += 1;
                let sentence = format!("a forged event is accepted ({forgery:?})");
                shared.desk.violate("webhook", &sentence);
            }
        }
        (Some(_), None) if accepted => {
            state.counts.delivered += 1;
        }
        (Some(_), None) => state.counts.refused_deliveries += 1,
        (None, None) => state.counts.unanswered_deliveries += 1,
    }
    state.outbox.note(Delivered {
        id: event.id().to_owned(),
        kind: event.kind().to_owned(),
        status,
        forgery,
    });
    drop(state);
    shared.changed.notify_waiters();
    status
}

fn body(shared: &Shared, event: &Event) -> String {
    let webhooks = &shared.settings.webhooks;
    let plain = event.write(webhooks.envelope, shared.desk.clock().wall());
    match &webhooks.recipient {
        Some(recipient) => recipient.encrypt(plain.as_bytes()),
        None => plain,
    }
}

async fn headers(shared: &Shared, forgery: Option<Forgery>) -> io::Result<HeaderMap> {
    let webhooks = &shared.settings.webhooks;
    let kind = match webhooks.recipient {
        Some(_) => "application/jose+json",
        None => "application/json",
    };
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Some(signature) = &webhooks.signature {
        let now = shared.desk.clock().wall();
        let state = shared.state();
        let jwt = match forgery {
            None => state.keys.sign(signature, now),
            Some(forgery) => {
                let signer = state.keys.signer();
                signer.and_then(|signer| forgery.forge(signer, signature, now, &state.base_url))
            }
        };
        drop(state);
        if let Some(jwt) = jwt {
            let name = signature.header_name().parse::<HeaderName>();
            headers.insert(name.map_err(io::Error::other)?, value(&jwt)?);
        }
    }
    if let Some(request) = &webhooks.token {
        let bearer = bearer(shared, request).await?;
        headers.insert(header::AUTHORIZATION, value(&format!("Bearer {bearer}"))?);
    }
    Ok(headers)
}

fn value(text: &str) -> io::Result<HeaderValue> {
    HeaderValue::from_str(text).map_err(io::Error::other)
}

/// Returns the bearer token for the webhook: the one in hand, or a new one if that ends soon.
async fn bearer(shared: &Shared, request: &TokenRequest) -> io::Result<String> {
    const SOON: Duration = Duration::from_secs(30);
    let now = shared.desk.clock().monotonic();
    let lives = |token: &Token| token.expires.is_none_or(|at| now.saturating_add(SOON) < at);
    let held = shared.state().webhook_token.clone();
    if let Some(token) = held.filter(lives) {
        return Ok(token.bearer);
    }
    let mut headers = HeaderMap::new();
    let form = HeaderValue::from_static("application/x-www-form-urlencoded");
    headers.insert(header::CONTENT_TYPE, form);
    let json = HeaderValue::from_static("application/json");
    headers.insert(header::ACCEPT, json);
    shared.state().counts.webhook_tokens += 1;
    let (status, body) = post(&request.url, headers, request.payload.clone()).await?;
    if !status.is_success() {
        return Err(io::Error::other("the webhook's token endpoint refused"));
    }
    let answer: TokenAnswer = serde_json::from_slice(&body)?;
    let lifetime = answer.expires_in.map(Duration::from_secs);
    let token = Token {
        bearer: answer.access_token.clone(),
        expires: lifetime.map(|lifetime| now.saturating_add(lifetime)),
    };
    shared.state().webhook_token = Some(token);
    Ok(answer.access_token)
}
