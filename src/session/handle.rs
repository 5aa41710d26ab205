use std::{fmt, sync::Arc, time::Duration};

use http::{HeaderMap, HeaderName};
use tower_service::Service;

use super::{Events, SessionBuilder, builder::Shareable, store::Link};
use crate::{
    BoxError, Error, ErrorKind, Reason, Renewal, Renewed, Token,
    clock::has_timer,
    origin::Origins,
    renew::{Credential, Entry, Renewer, Usable, no_runtime},
};

/// A handle to one signed-in account: it holds the token, renews it, and tells what happens.
///
/// It is cheap to clone, and all clones are one session. Requests get the token through the
/// layers, most simply [`Session::layer`]; the methods here are for programs that want to look or
/// to interfere.
///
/// However many callers need a new token, it is fetched once, in a task of its own: callers may be
/// dropped at any point without losing it. That needs a tokio runtime.
///
/// # Example
///
/// ```
/// use tower::service_fn;
/// use tower_reauth::{BoxError, Renewal, Session, Token};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), BoxError> {
/// let tokens = service_fn(|_: Renewal| async { Token::new("mF_9.B5f-4.1JqM") });
/// let session = Session::builder(tokens).origin("https://api.example.com").build()?;
///
/// assert!(session.current().is_none());
/// let current = session.token().await?;
/// assert_eq!(current.generation(), 1);
/// assert_eq!(current.token().expose(), "mF_9.B5f-4.1JqM");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Session {
    inner: Arc<Inner>,
}

// Apart from the counter of its handles: each call may count there, and would make other threads
// read again what they only look at.
#[repr(align(128))]
pub(super) struct Inner {
    pub(super) renewer: Renewer<Token>,
    pub(super) origins: Origins,
    pub(super) sign_outs: Option<Shareable<SignOut, ()>>,
    pub(super) link: Option<Arc<Link>>,
    pub(super) retired: Box<[HeaderName]>,
    pub(super) anonymous: Box<[HeaderName]>,
}

/// The token in use, with its generation.
#[derive(Clone)]
pub struct Current {
    entry: Arc<Entry<Token>>,
}

/// What a sign-out service is asked: to revoke this token at the server.
///
/// Sessions make it; [`SignOut::new`] is there so that a sign-out service can be tested.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SignOut {
    /// The token to revoke, with its refresh token if it has one.
    pub token: Token,
}

// === impl SignOut ===

impl SignOut {
    /// Creates the wish to revoke `token`.
    #[must_use]
    pub fn new(token: Token) -> Self {
        Self { token }
    }
}

// === impl Session ===

impl Session {
    /// Creates a builder around a token service: any tower `Service<Renewal>` that answers with a
    /// [`Token`] or a [`Renewed`].
    ///
    /// The token service must not call through a service that carries this session's layers.
    pub fn builder<T>(tokens: T) -> SessionBuilder
    where
        T: Service<Renewal> + Clone + Send + 'static,
        T::Response: Into<Renewed>,
        T::Error: Into<BoxError>,
        T::Future: Send + 'static,
    {
        SessionBuilder::new(tokens)
    }

    pub(super) fn from_inner(inner: Inner) -> Self {
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Returns the token in use, if there is one. Lock-free; never signs in.
    #[must_use]
    pub fn current(&self) -> Option<Current> {
        let entry = self.inner.renewer.current()?;
        Some(Current { entry })
    }

    /// Returns a token that can be used now; signs in or waits for a renewal if it must.
    ///
    /// # Errors
    ///
    /// Fails with the error of the sign-in or renewal, or with the stored one while its cool-down
    /// lasts. [`ErrorKind::Cleared`] if the session was cleared meanwhile.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a renewal that was begun goes on, and the next caller finds its result.
    pub async fn token(&self) -> Result<Current, Error> {
        let renewer = &self.inner.renewer;
        let entry = renewer.clone().wait(renewer.usable(true)).await?;
        Ok(Current { entry })
    }

    /// Fetches a new token, whatever the state of the one in use; joins a renewal that is under
    /// way. It ends the pause after a failure, except one that the server or a limit asked for.
    ///
    /// # Errors
    ///
    /// Fails with the error of the renewal. The token in use stays in use then.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the renewal goes on, and the next caller finds its result.
    pub async fn renew(&self) -> Result<Current, Error> {
        let renewer = &self.inner.renewer;
        let generation = renewer.load().as_ref().map(|entry| entry.generation);
        let entry = renewer
            .ask(Reason::Explicit, generation, None)
            .outcome()
            .await?;
        Ok(Current { entry })
    }

    /// Stores a token that was had elsewhere, and returns its generation.
    ///
    /// A renewal that is under way is overtaken: its waiters get this token, and its result is
    /// dropped. The pause after a failure ends.
    pub fn set(&self, token: Token) -> u64 {
        let generation = self.inner.renewer.set(token.clone());
        if let Some(link) = &self.inner.link {
            link.put(token);
        }
        generation
    }

    /// Forgets the token. The next request signs in again, and the pause after a failure ends.
    ///
    /// A renewal that is under way is overtaken: its waiters fail with [`ErrorKind::Cleared`], and
    /// its result is dropped. The server is not told: see [`sign_out`](Self::sign_out).
    pub fn clear(&self) {
        drop(self.inner.renewer.clear());
        if let Some(link) = &self.inner.link {
            link.forget();
        }
    }

    /// Forgets the token and revokes it at the server, if the session has a
    /// [`sign_out_service`](SessionBuilder::sign_out_service).
    ///
    /// The token is forgotten first, so that no request uses it from then on. If a renewal is
    /// under way, its token is awaited and revoked as well. The next request signs in again.
    ///
    /// # Errors
    ///
    /// Fails if the server could not be told, or does not answer within
    /// [`flight_timeout`](SessionBuilder::flight_timeout). The token is forgotten all the same.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: once begun (by the first poll) it goes on in a task of its own.
    pub async fn sign_out(&self) -> Result<(), Error> {
        let cleared = self.inner.renewer.clear();
        if let Some(link) = &self.inner.link {
            link.forget_later();
        } else if self.inner.sign_outs.is_none() {
            return Ok(());
        }
        let inner = Arc::clone(&self.inner);
        let revoking = async move {
            let mut result = Ok(());
            let mut credential = cleared.credential;
            match inner.take(credential.clone()).await {
                // Others may have renewed it.
                Ok(living) => credential = living,
                Err(error) => result = Err(error),
            }
            if let Some(token) = credential {
                result = inner.revoke(token).await.and(result);
            }
            if let Some(late) = cleared.late {
                let late = tokio::select! {
                    biased;
                    late = late => late.ok(),
                    () = inner.renewer.deadline() => None,
                };
                if let Some(token) = late {
                    // The newer one is what lives at the server: its answer is what counts.
                    result = inner.revoke(token).await;
                }
            }
            result
        };
        let runtime = match tokio::runtime::Handle::try_current() {
            Ok(runtime) if has_timer() => runtime,
            _ => return Err(no_runtime()),
        };
        match runtime.spawn(revoking).await {
            Ok(result) => result,
            Err(_) => Err(Error::with_message(
                ErrorKind::Transport,
                "the sign-out service panicked, or its runtime ended",
            )),
        }
    }

    /// Waits until no sign-in and no renewal is under way; its events have been sent by then, and
    /// what was [set](Self::set) or [cleared](Self::clear) is in the
    /// [store](SessionBuilder::store).
    ///
    /// For the end of a program that keeps its refresh token somewhere: a renewal that is cut off
    /// may have spent the old one already. It waits no longer than
    /// [`flight_timeout`](SessionBuilder::flight_timeout), unless new renewals are begun meanwhile,
    /// and as long again for a store that does not answer. A store that fails is not waited for:
    /// [`Event::Warned`](crate::Event) has its error.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: it only looks on.
    pub async fn settled(&self) {
        let Inner { renewer, link, .. } = &*self.inner;
        renewer.settled().await;
        if let Some(link) = link
            && has_timer()
        {
            tokio::select! {
                biased;
                // The writer tells of a failure, and tries again.
                _ = link.flush() => {}
                () = renewer.deadline() => {}
            }
        }
    }

    /// Returns a stream of what happens to the token from now on.
    #[must_use]
    pub fn events(&self) -> Events {
        Events::new(self.inner.renewer.subscribe())
    }

    pub(crate) fn renewer(&self) -> &Renewer<Token> {
        &self.inner.renewer
    }

    pub(crate) fn origins(&self) -> &Origins {
        &self.inner.origins
    }

    /// Headers that no request of ours carries any more, unless the token is placed there.
    #[inline]
    pub(crate) fn retired_headers(&self) -> &[HeaderName] {
        &self.inner.retired
    }

    /// Whether a request with these headers goes without the token.
    #[inline]
    pub(crate) fn is_anonymous(&self, headers: &HeaderMap) -> bool {
        let mut names = self.inner.anonymous.iter();
        names.any(|name| headers.contains_key(name))
    }

    pub(crate) fn usable(&self, exact: bool) -> Usable<Token> {
        self.inner.renewer.usable(exact)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("renewer", &self.inner.renewer)
            .field("origins", &self.inner.origins)
            .finish_non_exhaustive()
    }
}

// === impl Inner ===

impl Inner {
    /// Takes the token out of the store, if there is one. Returns the one that lives at the server.
    async fn take(&self, ours: Option<Token>) -> Result<Option<Token>, Error> {
        let Some(link) = &self.link else {
            return Ok(ours);
        };
        let taken = tokio::select! {
            biased;
            taken = link.take(ours) => taken,
            () = self.renewer.deadline() => Err(Error::with_message(
                ErrorKind::Timeout,
                "the store did not answer the sign-out: the token may still be there",
            )),
        };
        if taken.is_err() {
            // So that it is made up for.
            link.write();
        }
        taken
    }

    async fn revoke(&self, token: Token) -> Result<(), Error> {
        let Some(sign_outs) = &self.sign_outs else {
            return Ok(());
        };
        tokio::select! {
            biased;
            result = sign_outs.call(SignOut { token }) => result,
            () = self.renewer.deadline() => Err(Error::with_message(
                ErrorKind::Timeout,
                "the server did not answer the sign-out: the token may still be good there",
            )),
        }
    }
}

// === impl Current ===

impl Current {
    /// Returns the token.
    #[must_use]
    pub fn token(&self) -> &Token {
        &self.entry.credential
    }

    /// Returns the token's generation: 1 for the session's first, and one more with each new one.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.entry.generation
    }
}

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Current")
            .field("generation", &self.entry.generation)
            .field("token", &self.entry.credential)
            .finish()
    }
}

// === impl Token ===

impl Credential for Token {
    #[cfg(feature = "tracing")]
    const NAME: &'static str = "token";

    fn lifetime(&self) -> Option<Duration> {
        self.lifetime()
    }

    fn late(deadline: Duration) -> Error {
        let message = format!("no token came within {} s", deadline.as_secs_f32());
        Error::with_message(ErrorKind::Timeout, message)
    }

    fn panicked() -> Error {
        Error::from_boxed("the token service panicked".into())
    }

    fn cleared() -> Error {
        Error::with_message(
            ErrorKind::Cleared,
            "the session was cleared or signed out while this call was on its way",
        )
    }

    fn waits_for_itself() -> Error {
        Error::with_message(
            ErrorKind::Config,
            "the token service called through the session that it serves: give it an HTTP \
             service of its own, below the layers",
        )
    }
}
