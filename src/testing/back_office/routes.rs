//! The way of a request: limits, rules, fault, endpoint, fault again.

use std::{convert::Infallible, future::pending, sync::Arc};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, Version, header, request::Parts};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;

use super::{
    Endpoint, Fault,
    answer::{self, Refusal},
    api, auth,
    body::Reply,
    state::Shared,
    strict,
    wire::Link,
};

/// Sign-in traffic is short.
const MOST_AUTH_BYTES: usize = 64 << 10;
/// How much of a body that nobody wants is read, so that the connection can be kept.
const MOST_DRAINED: usize = 64 << 20;

pub(super) async fn handle(
    shared: Arc<Shared>,
    link: Arc<Link>,
    request: Request<Incoming>,
) -> Result<Response<Reply>, Infallible> {
    let (head, body) = request.into_parts();
    let endpoint = Endpoint::of(head.uri.path());
    let mut dated = true;
    let mut response = match shared.admit(endpoint, &head) {
        Ok(fault) => {
            dated = !matches!(fault, Some(Fault::Answer { .. }));
            answer(&shared, &link, endpoint, &head, body, fault).await
        }
        Err(refusal) => {
            drain(body).await;
            shared.refuse(refusal)
        }
    };
    if endpoint == Endpoint::Api && response.status() == 401 {
        shared.state().counts.unauthorized += 1;
    }
    if dated {
        let date = httpdate::fmt_http_date(shared.clock.wall());
        let date = HeaderValue::from_str(&date).expect("an HTTP date is visible ASCII and spaces");
        response.headers_mut().insert(header::DATE, date);
    }
    Ok(response)
}

async fn answer(
    shared: &Shared,
    link: &Link,
    endpoint: Endpoint,
    head: &Parts,
    body: Incoming,
    fault: Option<Fault>,
) -> Response<Reply> {
    match &fault {
        Some(Fault::Delay(wait)) => shared.clock.sleep(*wait).await,
        Some(Fault::Hang) => return pending().await,
        Some(Fault::Reset) => return reset(link).await,
        Some(Fault::EarlyUnauthorized) => {
            // Ends with the connection, if the client never ends its body.
            tokio::spawn(drain(body));
            return shared.refuse(shared.unauthorized(strict::bearer(&head.headers)));
        }
        Some(Fault::EarlyUnauthorizedAndClose) => {
            let refusal = shared.unauthorized(strict::bearer(&head.headers));
            return shared.refuse(match head.version {
                Version::HTTP_2 => refusal,
                _ => refusal.header(header::CONNECTION, "close"),
            });
        }
        Some(fault) => {
            if let Some(canned) = canned(shared, fault) {
                drain(body).await;
                return canned;
            }
        }
        None => {}
    }
    let response = match endpoint {
        Endpoint::Api => api::call(shared, head, body).await,
        _ => match read(shared, endpoint, body).await {
            Ok(body) => auth::process(shared, endpoint, head, &body, fault.as_ref()),
            Err(refusal) => Err(refusal),
        },
    };
    let response = response.unwrap_or_else(|refusal| shared.refuse(refusal));
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

/// Returns the answer that `fault` gives in place of the endpoint's.
fn canned(shared: &Shared, fault: &Fault) -> Option<Response<Reply>> {
    const HTML: &str = "<!DOCTYPE html><html><body><h1>Back Office</h1></body></html>";
    const PLAIN: [(&str, &str); 1] = [("content-type", "text/plain")];
    Some(match fault {
        Fault::Status(status) => shared.refuse(Refusal::new(*status, "As ordered.")),
        Fault::Answer {
            status,
            headers,
            body,
        } => {
            let headers = headers.iter().map(|(name, value)| (name, value));
            answer::respond(*status, headers, Reply::new(body.clone()))
        }
        Fault::Redirect { status, location } => {
            answer::respond(*status, [("location", location)], Reply::new(""))
        }
        Fault::Challenge(challenge) => shared.refuse(
            Refusal::new(401, "Unauthenticated.").header(header::WWW_AUTHENTICATE, challenge),
        ),
        Fault::Html => answer::respond(200, [("content-type", "text/html")], Reply::new(HTML)),
        Fault::Malformed => answer::json_text(
            200,
            r#"{"2faRequired":false,"accessToken":{"tok"#.to_owned(),
        ),
        Fault::Endless(status) => answer::respond(*status, PLAIN, Reply::endless()),
        Fault::Stalled(status) => answer::respond(*status, PLAIN, Reply::stalled()),
        _ => return None,
    })
}

async fn reset(link: &Link) -> Response<Reply> {
    link.reset();
    // The connection is dropped with this request in it.
    pending().await
}

async fn read(shared: &Shared, endpoint: Endpoint, body: Incoming) -> Result<Bytes, Refusal> {
    match Limited::new(body, MOST_AUTH_BYTES).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            let breach = (413, "the body is larger than 64 KiB".to_owned());
            Err(shared.state().refuse(endpoint, breach))
        }
        // The client is gone, and nobody will read this.
        Err(_) => Err(Refusal::new(400, "The body broke off.")),
    }
}

async fn drain(body: Incoming) {
    let mut body = Limited::new(body, MOST_DRAINED);
    while let Some(Ok(_)) = body.frame().await {}
}
