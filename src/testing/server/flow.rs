//! The way of a request: rules, fault, site, fault again.

use std::{
    convert::Infallible,
    fmt,
    future::{Future, pending, ready},
    sync::Arc,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, Version, header, request::Parts};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;

use super::{
    desk::Desk,
    fault::{Cue, Fault},
    reply::Reply,
    respond::{json_text, respond},
    wire::Link,
};

/// How much of a body that nobody wants is read, so that the connection can be kept.
const MOST_DRAINED: usize = 64 << 20;

/// What is particular to a simulator.
pub(crate) trait Site: Send + Sync + Sized + 'static {
    /// A part of the service that is counted and made to fail on its own.
    type Endpoint: Copy + PartialEq + fmt::Display + Send + Sync + 'static;
    /// What this service alone can get wrong: handed to [`process`](Self::process) as it was
    /// queued. `Infallible` where there is nothing of the kind.
    type Odd: Send + 'static;
    /// What is settled when the head arrives; `()` where all is settled by the whole request.
    type Verdict: Send;

    fn desk(&self) -> &Desk<Self::Endpoint, Self::Odd>;

    fn endpoint(&self, head: &Parts) -> Self::Endpoint;

    /// Counts a request whose head has arrived, and lets it in or refuses it. One that is refused
    /// uses up no fault.
    fn admit(&self, endpoint: Self::Endpoint, head: &Parts) -> Result<(), Refused>;

    /// Settles what the head alone decides, such as whether its token is good. Not called for a
    /// request that a fault keeps from being processed.
    fn settle(&self, endpoint: Self::Endpoint, head: &Parts) -> Self::Verdict;

    /// Answers a request that has arrived whole.
    fn process(&self, request: Arrived<'_, Self>) -> Response<Reply>;

    /// Words an answer with a status that was ordered, or that the way of the request calls for:
    /// 401 before the body was read, 413 for a body that is too long.
    fn ordered(&self, endpoint: Self::Endpoint, head: &Parts, status: u16) -> Response<Reply>;

    /// Returns how long a body may be, in bytes.
    fn most_bytes(&self, endpoint: Self::Endpoint) -> usize;

    /// Answers a request whose body is longer than that. It breaks a rule, unless the site has it
    /// otherwise.
    fn too_long(
        &self,
        endpoint: Self::Endpoint,
        head: &Parts,
        _: Self::Verdict,
    ) -> Response<Reply> {
        let most = self.most_bytes(endpoint) >> 10;
        let sentence = format!("the body is larger than {most} KiB");
        self.desk().violate(endpoint, &sentence);
        self.ordered(endpoint, head, 413)
    }

    /// How much is kept of the body of a request that a fault keeps from being processed, for
    /// [`missed`](Self::missed). If nothing is, such a body is read only where that keeps the
    /// connection.
    const MOST_MISSED: usize = 0;

    /// Told of a request that a fault keeps from being processed, when its body has arrived.
    fn missed(&self, _: Self::Endpoint, _: &[u8]) {}

    /// Does what is done between processing a request and answering it.
    fn before_answer(&self, _: &mut Response<Reply>) -> impl Future<Output = ()> + Send {
        ready(())
    }

    /// Adds the headers that all answers have but those ordered whole.
    fn stamp(&self, _: &mut HeaderMap) {}

    /// Told of each answer but its date, whoever gave it.
    fn answered(&self, _: Self::Endpoint, _: &Response<Reply>) {}
}

/// An answer that says no, boxed as it is the rarer one.
pub(crate) type Refused = Box<Response<Reply>>;

/// A request that has arrived whole.
pub(crate) struct Arrived<'a, S: Site> {
    pub(crate) endpoint: S::Endpoint,
    pub(crate) head: &'a Parts,
    pub(crate) verdict: S::Verdict,
    pub(crate) body: Bytes,
    pub(crate) trailers: Option<HeaderMap>,
    pub(crate) odd: Option<S::Odd>,
}

pub(super) async fn handle<S: Site>(
    site: Arc<S>,
    link: Arc<Link>,
    request: Request<Incoming>,
) -> Result<Response<Reply>, Infallible> {
    let (head, body) = request.into_parts();
    let endpoint = site.endpoint(&head);
    let mut dated = true;
    let mut response = match site.admit(endpoint, &head) {
        Ok(()) => {
            let cue = site.desk().pop(endpoint);
            dated = !matches!(cue, Some(Cue::Fault(Fault::Answer { .. })));
            answer(&*site, &link, endpoint, &head, body, cue).await
        }
        Err(refusal) => {
            drain(body).await;
            *refusal
        }
    };
    site.answered(endpoint, &response);
    if dated {
        let date = httpdate::fmt_http_date(site.desk().clock().wall());
        let date = HeaderValue::from_str(&date).expect("an HTTP date is visible ASCII and spaces");
        response.headers_mut().insert(header::DATE, date);
        site.stamp(response.headers_mut());
    }
    Ok(response)
}

async fn answer<S: Site>(
    site: &S,
    link: &Link,
    endpoint: S::Endpoint,
    head: &Parts,
    body: Incoming,
    cue: Option<Cue<S::Odd>>,
) -> Response<Reply> {
    let (fault, odd) = match cue {
        None => (None, None),
        Some(Cue::Fault(fault)) => (Some(fault), None),
        Some(Cue::Odd(odd)) => (None, Some(odd)),
    };
    match &fault {
        Some(Fault::Delay(wait)) => site.desk().clock().sleep(*wait).await,
        Some(hang_or_reset @ (Fault::Hang | Fault::Reset)) => {
            if S::MOST_MISSED > 0 {
                miss(site, endpoint, body).await;
            }
            if matches!(hang_or_reset, Fault::Hang) {
                return pending().await;
            }
            return reset(link).await;
        }
        Some(Fault::EarlyUnauthorized) => {
            // Ends with the connection, if the client never ends its body.
            tokio::spawn(drain(body));
            return site.ordered(endpoint, head, 401);
        }
        Some(Fault::EarlyUnauthorizedAndClose) => {
            let mut refusal = site.ordered(endpoint, head, 401);
            if head.version != Version::HTTP_2 {
                let close = HeaderValue::from_static("close");
                refusal.headers_mut().insert(header::CONNECTION, close);
            }
            return refusal;
        }
        Some(fault) => {
            if let Some(canned) = canned(site, endpoint, head, fault) {
                miss(site, endpoint, body).await;
                return canned;
            }
        }
        None => {}
    }
    let verdict = site.settle(endpoint, head);
    let most = site.most_bytes(endpoint);
    let mut response = match Limited::new(body, most).collect().await {
        Ok(body) => site.process(Arrived {
            endpoint,
            head,
            verdict,
            trailers: body.trailers().cloned(),
            body: body.to_bytes(),
            odd,
        }),
        Err(error) if error.is::<LengthLimitError>() => site.too_long(endpoint, head, verdict),
        // The client is gone, and nobody will read this.
        Err(_) => site.ordered(endpoint, head, 400),
    };
    site.before_answer(&mut response).await;
    match fault {
        Some(Fault::ResetAfterwards) => reset(link).await,
        Some(Fault::HangAfterwards) => pending().await,
        Some(Fault::CutAt(bytes)) => {
            link.reset_after(bytes);
            response
        }
        Some(Fault::Truncated) => {
            let (mut head, body) = response.into_parts();
            head.headers
                .insert(header::CONTENT_LENGTH, body.len().into());
            Response::from_parts(head, body.truncated())
        }
        _ => response,
    }
}

/// Returns the answer that `fault` gives in place of the site's.
fn canned<S: Site>(
    site: &S,
    endpoint: S::Endpoint,
    head: &Parts,
    fault: &Fault,
) -> Option<Response<Reply>> {
    const HTML: &str = "<!DOCTYPE html><html><body><h1>Please sign in</h1></body></html>";
    const PLAIN: [(&str, &str); 1] = [("content-type", "text/plain")];
    Some(match fault {
        Fault::Status(status) => site.ordered(endpoint, head, *status),
        Fault::Answer {
            status,
            headers,
            body,
        } => {
            let headers = headers.iter().map(|(name, value)| (name, value));
            respond(*status, headers, Reply::new(body.clone()))
        }
        Fault::Redirect { status, location } => {
            respond(*status, [("location", location)], Reply::new(""))
        }
        Fault::Challenge(challenge) => {
            let mut refusal = site.ordered(endpoint, head, 401);
            let challenge = HeaderValue::from_str(challenge);
            let challenge = challenge.unwrap_or(HeaderValue::from_static("not valid in HTTP"));
            let headers = refusal.headers_mut();
            headers.insert(header::WWW_AUTHENTICATE, challenge);
            refusal
        }
        Fault::Html => respond(200, [("content-type", "text/html")], Reply::new(HTML)),
        Fault::Malformed => json_text(200, r#"{"data":{"token":"abc"#.to_owned()),
        Fault::Endless(status) => respond(*status, PLAIN, Reply::endless()),
        Fault::Stalled(status) => respond(*status, PLAIN, Reply::stalled()),
        _ => return None,
    })
}

async fn reset(link: &Link) -> Response<Reply> {
    link.reset();
    // The connection is dropped with this request in it.
    pending().await
}

/// Reads the body of a request that is not processed, and tells the site of it.
async fn miss<S: Site>(site: &S, endpoint: S::Endpoint, body: Incoming) {
    let mut body = Limited::new(body, MOST_DRAINED);
    let mut kept = Vec::new();
    while let Some(Ok(frame)) = body.frame().await {
        let data = frame.data_ref().map(Bytes::as_ref).unwrap_or_default();
        let room = S::MOST_MISSED - kept.len();
        kept.extend_from_slice(&data[..data.len().min(room)]);
    }
    site.missed(endpoint, &kept);
}

async fn drain(body: Incoming) {
    let mut body = Limited::new(body, MOST_DRAINED);
    while let Some(Ok(_)) = body.frame().await {}
}
