use std::{fmt, sync::Arc};

use http::{Request, StatusCode, Uri, response};
use serde_json::value::RawValue;

use super::{
    error::FintivError,
    status::{Status, StatusClass, StatusClassifier},
    success,
};
use crate::{
    layers::normalize::{
        End, Envelope, Failure, Reader, Verdict,
        json::{JsonReader, Members, Unreadable},
    },
    origin::{Destination, Origins},
    providers::common::json,
};

/// [`Envelope`] of Fintiv: `{"contextResponse": {"statusCode": …}, "responseData": …}` in a `200`.
///
/// [`Fintiv::envelope`](super::Fintiv::envelope) makes one with the provider's settings; this is for
/// stacks without it. See the [module docs](super#envelopes) for what it makes of an answer.
#[derive(Clone, Default)]
#[must_use]
pub struct FintivEnvelope {
    settings: Arc<Settings>,
}

/// What becomes of a `200` without an envelope: none at all, not JSON, compressed, or too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnMissing {
    /// It is a failure, of status `502`: strict.
    Fail,
    /// It passes untouched: lenient.
    Pass,
}

type Matcher = Arc<dyn Fn(&Uri) -> bool + Send + Sync>;

#[derive(Clone, Default)]
struct Settings {
    classifier: Option<Arc<dyn StatusClassifier>>,
    matcher: Option<Matcher>,
    on_missing: Option<OnMissing>,
    origins: Option<Origins>,
}

/// Reads one answer of Fintiv.
pub struct FintivReader {
    json: JsonReader<Context>,
    /// How much was looked at for a success by the short way, if that may be taken.
    looked_at: Option<usize>,
}

/// Looks for the `contextResponse`.
struct Context {
    classifier: Option<Arc<dyn StatusClassifier>>,
    on_missing: OnMissing,
}

// === impl FintivEnvelope ===

impl FintivEnvelope {
    /// Creates an envelope that every `200` must have.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a judge of statuses. Default: none, and [`StatusClass::of`] decides.
    pub fn classifier(mut self, classifier: impl StatusClassifier) -> Self {
        self.edit().classifier = Some(Arc::new(classifier));
        self
    }

    /// Sets which requests are answered with an envelope, by their URI. Default: all.
    ///
    /// Where an answer has one it is read in any case.
    pub fn matcher(mut self, matcher: impl Fn(&Uri) -> bool + Send + Sync + 'static) -> Self {
        self.edit().matcher = Some(Arc::new(matcher));
        self
    }

    /// Sets what becomes of a `200` without an envelope. Default: [`OnMissing::Fail`] where the
    /// [`matcher`](Self::matcher) matches, and [`OnMissing::Pass`] elsewhere.
    pub fn on_missing_envelope(mut self, on_missing: OnMissing) -> Self {
        self.edit().on_missing = Some(on_missing);
        self
    }

    /// Leaves answers from other origins alone.
    pub(super) fn only_from(mut self, origins: &Origins) -> Self {
        self.edit().origins = Some(origins.clone());
        self
    }

    /// Judges a whole body: the failure in it, if there is one. A body without an envelope is none.
    pub(super) fn judge(&self, body: &[u8]) -> Option<FintivError> {
        let mut reader = self.reading(OnMissing::Pass);
        let failure = match reader.body(body) {
            Verdict::Pass => None,
            Verdict::Fail(failure) => Some(failure),
            Verdict::More => reader.end(body, End::Whole { trailers: None }),
        };
        failure.map(|failure| failure.error().clone())
    }

    fn reading(&self, on_missing: OnMissing) -> FintivReader {
        // A classifier must see the whole of a status.
        let short_way = self.settings.classifier.is_none();
        FintivReader {
            json: JsonReader::new(Context {
                classifier: self.settings.classifier.clone(),
                on_missing,
            }),
            looked_at: short_way.then_some(0),
        }
    }

    fn edit(&mut self) -> &mut Settings {
        Arc::make_mut(&mut self.settings)
    }
}

impl Envelope for FintivEnvelope {
    type Reader = FintivReader;

    fn reader<B>(&self, request: &Request<B>) -> Option<FintivReader> {
        let settings = &*self.settings;
        let uri = request.uri();
        let is_foreign = |origins: &Origins| origins.check(uri) == Destination::Foreign;
        if settings.origins.as_ref().is_some_and(is_foreign) {
            return None;
        }
        let on_missing = settings.on_missing.unwrap_or_else(|| {
            match settings.matcher.as_ref().is_none_or(|matches| matches(uri)) {
                true => OnMissing::Fail,
                false => OnMissing::Pass,
            }
        });
        Some(self.reading(on_missing))
    }
}

impl fmt::Debug for FintivEnvelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FintivEnvelope")
            .field("on_missing", &self.settings.on_missing)
            .finish_non_exhaustive()
    }
}

// === impl FintivReader ===

/// So much of an answer is looked at each time that more of it comes, for a status early in it.
const EARLY: usize = 1024;

impl FintivReader {
    /// Whether the answer begins as a success does. The short way finds it with less of the answer,
    /// so it is asked first, and again before anything is called a failure: the verdict must not
    /// depend on how the answer was cut.
    fn succeeds(&mut self, start: &[u8]) -> bool {
        match &mut self.looked_at {
            Some(length) if *length < start.len() => {
                *length = start.len();
                success::begins(json::without_mark(start))
            }
            _ => false,
        }
    }
}

impl Reader for FintivReader {
    type Error = FintivError;

    fn head(&mut self, response: &response::Parts) -> Verdict<FintivError> {
        if response.status == StatusCode::UNAUTHORIZED {
            let error = FintivError::unauthorized();
            return Verdict::Fail(Failure::new(response.status, error));
        }
        self.json.head(response)
    }

    fn body(&mut self, start: &[u8]) -> Verdict<FintivError> {
        let is_early = self.looked_at == Some(0) || start.len() <= EARLY;
        if is_early && self.succeeds(start) {
            return Verdict::Pass;
        }
        match self.json.body(start) {
            Verdict::Fail(_) if self.succeeds(start) => Verdict::Pass,
            verdict => verdict,
        }
    }

    fn end(&mut self, start: &[u8], end: End<'_>) -> Option<Failure<FintivError>> {
        let failure = self.json.end(start, end)?;
        (!self.succeeds(start)).then_some(failure)
    }
}

impl fmt::Debug for FintivReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FintivReader").finish_non_exhaustive()
    }
}

// === impl Context ===

impl Context {
    fn failure(&self, context: &RawValue) -> Option<Failure<FintivError>> {
        let Some(status) = Status::read(context) else {
            return Some(no_status());
        };
        let class = self
            .classifier
            .as_ref()
            .and_then(|classifier| classifier.classify(&status))
            .unwrap_or_else(|| StatusClass::of(&status));
        let http_status = match class {
            StatusClass::Success => return None,
            StatusClass::AuthExpired => StatusCode::UNAUTHORIZED,
            StatusClass::AuthDenied => StatusCode::FORBIDDEN,
            StatusClass::Validation => StatusCode::BAD_REQUEST,
            StatusClass::Other => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Some(Failure::new(http_status, FintivError::new(status, class)))
    }

    fn missing(&self, why: &'static str) -> Option<Failure<FintivError>> {
        let error = FintivError::missing(why);
        let failure = Failure::new(StatusCode::BAD_GATEWAY, error);
        (self.on_missing == OnMissing::Fail).then_some(failure)
    }
}

impl Members for Context {
    type Error = FintivError;

    fn member(&mut self, name: &str, value: &RawValue) -> Verdict<FintivError> {
        if name != CONTEXT_RESPONSE {
            return Verdict::More;
        }
        self.failure(value).map_or(Verdict::Pass, Verdict::Fail)
    }

    fn end(&mut self, end: Result<(), Unreadable<'_>>) -> Option<Failure<FintivError>> {
        let why = match end {
            Ok(()) => "the JSON object has no contextResponse",
            Err(Unreadable::Malformed { member }) if member == Some(CONTEXT_RESPONSE) => {
                // It is there, so this is no answer of another kind.
                return Some(no_status());
            }
            Err(Unreadable::Encoded) => {
                "the body is compressed: a layer that decompresses belongs inside this one"
            }
            Err(Unreadable::ContentType) => "the body is of another type than JSON",
            Err(Unreadable::Empty) => "the body is empty",
            Err(Unreadable::NoObject) => "the body is no JSON object: is it a web page?",
            Err(Unreadable::OverCap) => {
                "the body is too long to be looked through: see `max_inspect_body`"
            }
            Err(Unreadable::Truncated | Unreadable::Broken) => "the body breaks off",
            Err(Unreadable::Malformed { .. }) => "the body is not JSON",
        };
        self.missing(why)
    }
}

const CONTEXT_RESPONSE: &str = "contextResponse";

fn no_status() -> Failure<FintivError> {
    Failure::new(StatusCode::BAD_GATEWAY, FintivError::no_status())
}
