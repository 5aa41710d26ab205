use tower_layer::Layer;

use super::Normalize;

/// Layer that gives responses with an error inside an honest status.
///
/// See the [module docs](self::super) for more details.
#[derive(Clone, Debug)]
#[must_use]
pub struct NormalizeLayer<E> {
    envelope: E,
    settings: Settings,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub(super) max_peek: usize,
    pub(super) as_err: bool,
}

impl<E> NormalizeLayer<E> {
    /// Creates a layer that judges responses as `envelope` says.
    pub fn new(envelope: E) -> Self {
        Self {
            envelope,
            settings: Settings {
                max_peek: 1024 * 1024,
                as_err: false,
            },
        }
    }

    /// Sets how much of a body is looked at, and held back meanwhile, in bytes. Default: 1 MiB.
    ///
    /// What becomes of a body that is longer and undecided by then is the envelope's to say.
    pub fn max_peek(mut self, bytes: usize) -> Self {
        self.settings.max_peek = bytes;
        self
    }

    /// Sets whether a failure is an `Err` with the [`Error`](crate::Error), in place of a response.
    /// Default: false.
    ///
    /// A failure of status `401` stays a response even so, because the layers outside answer it. If
    /// they cannot, it reaches the caller as such.
    pub fn as_err(mut self, as_err: bool) -> Self {
        self.settings.as_err = as_err;
        self
    }
}

impl<S, E: Clone> Layer<S> for NormalizeLayer<E> {
    type Service = Normalize<S, E>;

    fn layer(&self, inner: S) -> Self::Service {
        Normalize {
            inner,
            envelope: self.envelope.clone(),
            settings: self.settings,
        }
    }
}
