//! One request and its answer: sent once, never redirected, read up to a cap and in time.

use std::{future::Future, io, pin::pin, time::Duration};

use bytes::{Buf, Bytes};
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri,
    header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE},
};
use http_body::Body;
use http_body_util::{BodyExt, combinators::UnsyncBoxBody};
use serde::Serialize;
use tower::{
    ServiceExt,
    util::{BoxCloneSyncService, MapErr, MapRequest, MapResponse},
};
use tower_service::Service;
use zeroize::Zeroizing;

use super::advice::{Secrets, chain, quotable};
use crate::{BoxError, Clock, Error, ErrorKind, renew::SignInTraffic, token::wiped_bytes};

const JSON: HeaderValue = HeaderValue::from_static("application/json");

const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");

/// Frames without data cost time and no cap: no honest server sends so many.
const MAX_EMPTY_FRAMES: usize = 1024;

/// The user's HTTP client, whatever its bodies are.
pub(crate) type Client =
    BoxCloneSyncService<Request<Bytes>, Response<UnsyncBoxBody<Bytes, BoxError>>, BoxError>;

/// What a request is called, and what its answer may cost.
#[derive(Debug)]
pub(crate) struct Exchange<'a> {
    /// What an error's text calls it: `sign-in`.
    pub(crate) name: &'a str,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) timeout: Duration,
    /// The longest answer that is read.
    pub(crate) max_answer: usize,
    /// What the client's errors must not repeat.
    pub(crate) secrets: &'a Secrets,
}

/// An answer, read.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Zeroizing<Vec<u8>>,
    /// What a layer of ours inside the client says of it.
    pub(crate) said: Option<Error>,
}

/// Counts what is written.
struct Length(usize);

/// Why a body was not read to its end.
enum Unread {
    TooLong,
    TooLate,
    Broken(BoxError),
}

/// Makes `client` one type for all clients.
pub(crate) fn erase<S, B, R>(client: S) -> Client
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: From<Bytes> + 'static,
    R: Body + Send + 'static,
    R::Data: Send,
    R::Error: Into<BoxError>,
{
    let client = MapErr::new(client, Into::into);
    let client = MapResponse::new(client, |response: Response<R>| {
        response.map(|body| {
            body.map_frame(|frame| frame.map_data(|mut data| data.copy_to_bytes(data.remaining())))
                .map_err(Into::into)
                .boxed_unsync()
        })
    });
    let client = MapRequest::new(client, |request: Request<Bytes>| request.map(B::from));
    BoxCloneSyncService::new(client)
}

/// Makes a JSON object of `fields` that is wiped after use.
pub(crate) fn json(fields: &[(&str, &str)]) -> Zeroizing<Vec<u8>> {
    // At worst a byte is escaped as six. A buffer that grew would leave copies that are not wiped.
    let length = |(name, value): &(&str, &str)| name.len() + value.len() * 6 + 6;
    let capacity = fields.iter().map(length).sum::<usize>() + 2;
    let mut body = Zeroizing::new(Vec::with_capacity(capacity));
    body.push(b'{');
    for (index, (name, value)) in fields.iter().enumerate() {
        body.extend_from_slice(if index == 0 { b"" } else { b"," });
        for (part, end) in [(name, &b":"[..]), (value, b"")] {
            serde_json::to_writer(&mut *body, part).expect("a text is JSON and memory takes it");
            body.extend_from_slice(end);
        }
    }
    body.push(b'}');
    debug_assert!(body.len() <= capacity, "the buffer grew");
    body
}

/// Makes JSON of `value` that is wiped after use.
pub(crate) fn to_json(value: &impl Serialize) -> Zeroizing<Vec<u8>> {
    // Measured first: a buffer that grew would leave copies that are not wiped.
    let mut length = Length(0);
    serde_json::to_writer(&mut length, value).expect("names are texts, and nothing else can fail");
    let mut body = Zeroizing::new(Vec::with_capacity(length.0));
    serde_json::to_writer(&mut *body, value).expect("it was written once");
    debug_assert_eq!(body.len(), length.0, "the buffer grew");
    body
}

/// Makes a form (`application/x-www-form-urlencoded`) of `fields` that is wiped after use.
pub(crate) fn form(fields: &[(&str, &str)]) -> Zeroizing<Vec<u8>> {
    // At worst a byte is escaped as three. A buffer that grew would leave copies that are not wiped.
    let length = |(name, value): &(&str, &str)| (name.len() + value.len()) * 3 + 2;
    let capacity = fields.iter().map(length).sum::<usize>();
    let mut body = Zeroizing::new(Vec::with_capacity(capacity));
    for (index, (name, value)) in fields.iter().enumerate() {
        if index > 0 {
            body.push(b'&');
        }
        for (part, end) in [(name, &b"="[..]), (value, b"")] {
            for piece in form_urlencoded::byte_serialize(part.as_bytes()) {
                body.extend_from_slice(piece.as_bytes());
            }
            body.extend_from_slice(end);
        }
    }
    debug_assert!(body.len() <= capacity, "the buffer grew");
    body
}

/// Makes a `POST` to `uri` that asks for JSON, and brings `body` as JSON if there is one.
pub(crate) fn post(uri: Uri, body: Option<Zeroizing<Vec<u8>>>) -> Request<Bytes> {
    let mut request = Request::new(Bytes::new());
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri;
    request.headers_mut().insert(ACCEPT, JSON);
    if let Some(body) = body {
        request.headers_mut().insert(CONTENT_TYPE, JSON);
        *request.body_mut() = wiped_bytes(body);
    }
    request
}

/// Makes a `POST` to `uri` that asks for JSON, and brings `body`, a form.
pub(crate) fn post_form(uri: Uri, body: Zeroizing<Vec<u8>>) -> Request<Bytes> {
    let mut request = post(uri, Some(body));
    request.headers_mut().insert(CONTENT_TYPE, FORM);
    request
}

/// Waits for `future`, but no longer than `wait`.
pub(crate) async fn within<F: Future>(
    clock: &dyn Clock,
    wait: Duration,
    future: F,
) -> Option<F::Output> {
    let future = pin!(future);
    let sleep = clock.sleep(wait);
    tokio::select! {
        biased;
        output = future => Some(output),
        () = sleep => None,
    }
}

// === impl Length ===

impl io::Write for Length {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.0 += data.len();
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

// === impl Exchange ===

impl Exchange<'_> {
    /// Sends `request` as it is, marked as a part of a sign-in, and returns whatever is answered.
    ///
    /// `Accept` and the rest of the head are the caller's to set: see [`post`].
    pub(crate) async fn send(
        &self,
        client: Client,
        mut request: Request<Bytes>,
    ) -> Result<Reply, Error> {
        request.extensions_mut().insert(SignInTraffic);
        self.call(client, request).await
    }

    /// Sends `request` as it is, through a client that may sign it, and returns whatever is
    /// answered.
    pub(crate) async fn call(
        &self,
        client: Client,
        request: Request<Bytes>,
    ) -> Result<Reply, Error> {
        let start = self.clock.monotonic();
        let (head, body) = within(self.clock, self.timeout, client.oneshot(request))
            .await
            .ok_or_else(|| self.timed_out())?
            .map_err(|error| self.failed(error))?
            .into_parts();
        let mut reply = Reply {
            status: head.status,
            headers: head.headers,
            body: Zeroizing::default(),
            said: head.extensions.get::<Error>().cloned(),
        };
        if reply.status.is_redirection() {
            // Nobody looks at it: following would hand the password to somebody else.
            return Ok(reply);
        }
        if reply.status.is_success() {
            self.check_encoding(&reply.headers)?;
        }

        let elapsed = self.clock.monotonic().saturating_sub(start);
        let left = self.timeout.saturating_sub(elapsed);
        let read = within(
            self.clock,
            left,
            read(body, self.max_answer, &mut reply.body),
        )
        .await;
        match read.unwrap_or(Err(Unread::TooLate)) {
            Ok(()) => Ok(reply),
            // The status says what failed. The body would only have said why.
            Err(_) if !reply.status.is_success() => Ok(reply),
            Err(Unread::TooLate) => Err(self.timed_out()),
            Err(Unread::Broken(error)) => Err(self.failed(error)),
            Err(Unread::TooLong) => Err(Error::with_message(
                ErrorKind::Protocol,
                format!(
                    "the answer to the {} is longer than {} bytes: is the base URL that of the API?",
                    self.name, self.max_answer
                ),
            )),
        }
    }

    fn check_encoding(&self, headers: &HeaderMap) -> Result<(), Error> {
        let encoded = headers
            .get_all(CONTENT_ENCODING)
            .iter()
            .any(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"));
        if !encoded {
            return Ok(());
        }
        Err(Error::with_message(
            ErrorKind::Protocol,
            format!(
                "the answer to the {} is compressed, which was not asked for here: let the client \
                 decompress, or not ask",
                self.name
            ),
        ))
    }

    fn timed_out(&self) -> Error {
        Error::with_message(
            ErrorKind::Timeout,
            format!(
                "the {} had no answer within {} s",
                self.name,
                self.timeout.as_secs_f64()
            ),
        )
    }

    fn failed(&self, error: BoxError) -> Error {
        // A layer of ours inside the client knows better than we do.
        let ours = chain(&*error).find_map(|error| error.downcast_ref::<Error>());
        if let Some(ours) = ours {
            let text = Zeroizing::new(format!("{ours} {ours:?}"));
            if !self.secrets.are_in(&text) {
                return ours.clone();
            }
        }
        let late = chain(&*error)
            .filter_map(|error| error.downcast_ref::<io::Error>())
            .any(|error| error.kind() == io::ErrorKind::TimedOut);
        let kind = match ours {
            Some(ours) => ours.kind(),
            None if late => ErrorKind::Timeout,
            None => ErrorKind::Transport,
        };
        Error::with_message(
            kind,
            format!("the request for the {} did not get through", self.name),
        )
        .caused_by(quotable(&*error, self.secrets))
    }
}

/// Reads `body` to its end into `buffer`, and not a frame further than `cap` bytes.
async fn read(
    body: UnsyncBoxBody<Bytes, BoxError>,
    cap: usize,
    buffer: &mut Zeroizing<Vec<u8>>,
) -> Result<(), Unread> {
    let mut body = body;
    if body.size_hint().lower() > cap as u64 {
        return Err(Unread::TooLong);
    }
    let mut empty = 0;
    while let Some(frame) = body.frame().await {
        let data = frame
            .map_err(Unread::Broken)?
            .into_data()
            .unwrap_or_default();
        empty += usize::from(data.is_empty());
        if data.len() > cap - buffer.len() || empty > MAX_EMPTY_FRAMES {
            return Err(Unread::TooLong);
        }
        append(buffer, &data);
    }
    Ok(())
}

/// Appends `data`, and wipes the memory that a buffer leaves behind when it grows.
pub(crate) fn append(buffer: &mut Zeroizing<Vec<u8>>, data: &[u8]) {
    let length = buffer.len() + data.len();
    if length > buffer.capacity() {
        let mut larger = Zeroizing::new(Vec::with_capacity(length.max(buffer.capacity() * 2)));
        larger.extend_from_slice(buffer);
        *buffer = larger;
    }
    buffer.extend_from_slice(data);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_body_is_json_and_its_buffer_never_grows() {
        let body = json(&[("email", "a\"b\\c\n\u{1}é"), ("password", "\u{7}\u{7}")]);
        let value: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(value["email"], "a\"b\\c\n\u{1}é");
        assert_eq!(value["password"], "\u{7}\u{7}");
        assert_eq!(value.as_object().unwrap().len(), 2);
        assert_eq!(**json(&[]), *b"{}");
        assert_eq!(to_json(&value).len(), to_json(&value).capacity());
        assert_eq!(*to_json(&value), serde_json::to_vec(&value).unwrap());
    }

    #[test]
    fn a_form_is_encoded_and_its_buffer_never_grows() {
        let body = form(&[("a b", "\u{1}\u{1}"), ("secret", "p&=+ é~*-._"), ("", "")]);
        let text = std::str::from_utf8(&body).unwrap();
        assert_eq!(text, "a+b=%01%01&secret=p%26%3D%2B+%C3%A9%7E*-._&=");
        assert!(form(&[]).is_empty());
    }
}
